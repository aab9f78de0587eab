"""The systems whose speed is measured side by side: ours and Wav2Lip, on the same engines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from talkernel.choices import EngineName
from talkernel.engine import Engine
from talkernel.engine.base import EngineInfo
from talkernel.engine.openvino import OpenVinoEngine
from talkernel.engine.torch import TorchEngine
from talkernel.lab.wav2lip.network import SIDE, Wav2Lip
from talkernel.lab.wav2lip.timing import (
    OpenVinoWav2Lip,
    TorchWav2Lip,
    Wav2LipNetwork,
    as_graph,
)
from talkernel.lab.wav2lip.video import make_video
from talkernel.model.weights import find_weights
from talkernel.mouth.lip_driver import FILE_BATCH
from talkernel.pipeline.generate import generate
from talkernel.speech.mel import N_MELS
from talkernel.speech.tokens import columns_encoded

FRAMES = FILE_BATCH  # that the network alone is timed on
RANDOM = "random weights"


def pixels(size: int) -> str:
    """What is said of the side of a network's picture."""
    return f"at {size}×{size} pixels"


class Contender(Protocol):
    """A system on an engine.

    Attributes:
        name: Of the system.
        info: What computes it.
        remark: What a reader of its figures must know, if anything.
        whole: Whether whole jobs are timed too, or the network alone.
    """

    name: str
    info: EngineInfo
    remark: str
    whole: bool

    def network(self) -> int:
        """Compute some frames with the network alone; returns how many."""
        ...

    def job(self, face: Path, speech: Path, outfile: Path) -> int:
        """Make a whole video; returns its frames."""
        ...


class Ours:
    """Talkernel, as its job computes: kernels in batches, then a face at a time.

    Args:
        engine: With the thread count wanted.
        name: Its name for `generate`.
        whole: See `Contender`.
    """

    name = "Talkernel"

    def __init__(self, engine: Engine, name: EngineName, whole: bool) -> None:
        rng = np.random.default_rng(0)
        self._speech = rng.standard_normal((FRAMES, 1, *engine.config.speech_shape), np.float32)
        self._mel = rng.standard_normal((1, N_MELS, columns_encoded(FRAMES)), np.float32)
        self._face = rng.uniform(-1, 1, (1, *engine.config.face_shape)).astype(np.float32)
        self._engine, self._name, self.info, self.whole = engine, name, engine.info, whole
        self.remark = pixels(engine.config.crop_size)

    def network(self) -> int:
        """See `Contender.network`."""
        if self._engine.config.encoder_layers:
            self._engine.encode(self._mel)
        for kernels in self._engine.kernels(self._engine.predict_lip_code(self._speech)):
            self._engine.synthesise(self._face, kernels[None])
        return FRAMES

    def job(self, face: Path, speech: Path, outfile: Path) -> int:
        """See `Contender.job`."""
        return generate(
            face,
            speech,
            outfile,
            engine=self._name,
            precision=self.info.precision,
            device=self.info.device,
            overwrite=True,
        ).frames


class Theirs:
    """Wav2Lip, whose arithmetic takes the same time whatever its weights.

    Args:
        network: With the thread count wanted.
        in_job: The same with the threads that its engine takes by itself; None times no jobs.
    """

    name, remark = "Wav2Lip", f"{RANDOM}, {pixels(SIDE)}"

    def __init__(self, network: Wav2LipNetwork, in_job: Wav2LipNetwork | None) -> None:
        rng = np.random.default_rng(0)
        self._mel = rng.standard_normal((FRAMES, 1, 80, 16), np.float32)
        self._face = rng.uniform(0, 1, (FRAMES, 3, SIDE, SIDE)).astype(np.float32)
        self._network, self._in_job, self.info = network, in_job, network.info
        self.whole = in_job is not None

    def network(self) -> int:
        """See `Contender.network`."""
        return len(self._network.speak(self._mel, self._face))

    def job(self, face: Path, speech: Path, outfile: Path) -> int:
        """See `Contender.job`."""
        assert self._in_job is not None
        return make_video(self._in_job, face, speech, outfile)


def contenders(threads: int) -> Iterator[Contender]:
    """Both systems by OpenVINO in its native precision, then both networks by PyTorch in float32.

    Args:
        threads: That each network alone computes with.
    """
    weights = find_weights(None)
    ours = OpenVinoEngine(weights, threads=threads)
    yield Ours(ours, "openvino", whole=True)
    torch.manual_seed(0)
    wav2lip = Wav2Lip().eval()
    graph, precision = as_graph(wav2lip), ours.info.precision
    alone, in_job = (OpenVinoWav2Lip(graph, precision, some) for some in (threads, None))
    yield Theirs(alone, in_job)
    yield Ours(TorchEngine(weights, "cpu", "float32"), "torch", whole=False)
    yield Theirs(TorchWav2Lip(wav2lip), None)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch compute with so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
