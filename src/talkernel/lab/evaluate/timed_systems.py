"""The systems timed side by side for Table IV: Talkernel and Wav2Lip on the same engines."""

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
from talkernel.lab.wav2lip.engines import OpenVinoWav2Lip, TorchWav2Lip, Wav2LipNetwork, as_graph
from talkernel.lab.wav2lip.network import SIDE, Wav2Lip
from talkernel.lab.wav2lip.video import make_video
from talkernel.model.weights import find_weights
from talkernel.mouth.lip_driver import FILE_BATCH
from talkernel.pipeline.generate import generate
from talkernel.speech.mel import N_MELS
from talkernel.speech.tokens import columns_encoded

FRAMES = FILE_BATCH  # per timed run of the network alone
RANDOM = "random weights"


def pixels(size: int) -> str:
    """The remark on a network's picture size."""
    return f"at {size}×{size} pixels"


class TimedSystem(Protocol):
    """A system on an engine, ready to be timed.

    Attributes:
        name: Of the system.
        info: What computes it.
        remark: What a reader of its timings must know, if anything.
        whole: Whether whole jobs are timed too, or the network alone.
    """

    name: str
    info: EngineInfo
    remark: str
    whole: bool

    def network(self) -> int:
        """Run the network alone on some frames; returns how many."""
        ...

    def job(self, face: Path, speech: Path, outfile: Path) -> int:
        """Make a whole video; returns its frames."""
        ...


class TimedTalkernel:
    """Talkernel as `generate` runs it: kernels in batches, then one face at a time.

    Args:
        engine: Loaded with the wanted thread count.
        name: Its name for `generate`.
        whole: See `TimedSystem`.
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
        """See `TimedSystem.network`."""
        if self._engine.config.encoder_layers:
            self._engine.encode(self._mel)
        for kernels in self._engine.kernels(self._engine.predict_lip_code(self._speech)):
            self._engine.synthesise(self._face, kernels[None])
        return FRAMES

    def job(self, face: Path, speech: Path, outfile: Path) -> int:
        """See `TimedSystem.job`."""
        return generate(
            face,
            speech,
            outfile,
            engine=self._name,
            precision=self.info.precision,
            device=self.info.device,
            overwrite=True,
        ).frames


class TimedWav2Lip:
    """Wav2Lip; its run time does not depend on its weights, which are random here.

    Args:
        network: With the wanted thread count.
        in_job: The same with its engine's default threads; None times no whole jobs.
    """

    name, remark = "Wav2Lip", f"{RANDOM}, {pixels(SIDE)}"

    def __init__(self, network: Wav2LipNetwork, in_job: Wav2LipNetwork | None) -> None:
        rng = np.random.default_rng(0)
        self._mel = rng.standard_normal((FRAMES, 1, 80, 16), np.float32)
        self._face = rng.uniform(0, 1, (FRAMES, 3, SIDE, SIDE)).astype(np.float32)
        self._network, self._in_job, self.info = network, in_job, network.info
        self.whole = in_job is not None

    def network(self) -> int:
        """See `TimedSystem.network`."""
        return len(self._network.speak(self._mel, self._face))

    def job(self, face: Path, speech: Path, outfile: Path) -> int:
        """See `TimedSystem.job`."""
        assert self._in_job is not None
        return make_video(self._in_job, face, speech, outfile)


def timed_systems(threads: int) -> Iterator[TimedSystem]:
    """Both systems on OpenVINO in its native precision, then both networks on PyTorch in float32.

    Args:
        threads: CPU threads of each network alone.
    """
    weights = find_weights(None)
    ours = OpenVinoEngine(weights, threads=threads)
    yield TimedTalkernel(ours, "openvino", whole=True)
    torch.manual_seed(0)
    wav2lip = Wav2Lip().eval()
    graph, precision = as_graph(wav2lip), ours.info.precision
    alone, in_job = (OpenVinoWav2Lip(graph, precision, count) for count in (threads, None))
    yield TimedWav2Lip(alone, in_job)
    yield TimedTalkernel(TorchEngine(weights, "cpu", "float32"), "torch", whole=False)
    yield TimedWav2Lip(TorchWav2Lip(wav2lip), None)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads inside a block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
