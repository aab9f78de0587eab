"""Runs Wav2Lip's network on the engines that ours uses: OpenVINO or PyTorch, same settings."""

from __future__ import annotations

import warnings
from typing import Any, Protocol

import numpy as np
import openvino
import torch
from torch import Tensor, nn

from talkernel.choices import Precision
from talkernel.engine.base import Array, EngineInfo
from talkernel.engine.openvino import compile_options
from talkernel.lab.wav2lip.network import SIDE, Wav2Lip
from talkernel.model.talking_face import WAV2LIP_WINDOW
from talkernel.speech.mel import N_MELS


class Wav2LipNetwork(Protocol):
    """The network, ready to run.

    Attributes:
        info: Engine, device and precision.
        batch: Faces per call; PyTorch takes any number.
    """

    info: EngineInfo
    batch: int

    def speak(self, mel: Array, face: Array) -> Array:
        """Mel windows `[B, 1, 80, 16]` and faces `[B, 3, 96, 96]`, BGR in 0..1, to new faces.

        The face is its own reference, as in Wav2Lip's published inference.
        """
        ...


class TorchWav2Lip:
    """Wav2Lip on PyTorch on the CPU, in float32, with torch's current thread count."""

    batch = 16

    def __init__(self, model: Wav2Lip) -> None:
        self.info = EngineInfo("torch", "cpu", "float32")
        module: Any = model.eval()  # torch's types leave out memory_format
        self._model = module.to(memory_format=torch.channels_last)

    def speak(self, mel: Array, face: Array) -> Array:
        """See `Wav2LipNetwork.speak`."""
        faces = torch.from_numpy(face)
        with torch.inference_mode():
            output = self._model.speak(torch.from_numpy(mel), faces, faces)
        return np.asarray(output.contiguous().numpy())


class OpenVinoWav2Lip:
    """Wav2Lip on OpenVINO on the CPU, one face at a time, with our engine's settings.

    Args:
        graph: From `as_graph`.
        precision: Of its arithmetic.
        threads: CPU threads; None leaves it to OpenVINO.
    """

    batch = 1

    def __init__(self, graph: Any, precision: Precision, threads: int | None = None) -> None:
        self.info = EngineInfo("openvino", "CPU", precision)
        options = compile_options(precision, threads)
        self._run = openvino.compile_model(graph, "CPU", options).create_infer_request()

    def speak(self, mel: Array, face: Array) -> Array:
        """See `Wav2LipNetwork.speak`."""
        pairs = zip(mel, face, strict=True)
        return np.concatenate([self._one(window[None], one[None]) for window, one in pairs])

    def _one(self, mel: Array, face: Array) -> Array:
        self._run.infer([mel, face], share_inputs=True)
        return np.array(self._run.get_output_tensor(0).data, np.float32)  # a copy


class _OwnReference(nn.Module):
    def __init__(self, model: Wav2Lip) -> None:
        super().__init__()
        self.model = model

    def forward(self, mel: Tensor, face: Tensor) -> Tensor:
        return self.model.speak(mel, face, face)


def as_graph(model: Wav2Lip) -> Any:
    """An OpenVINO graph for one face at a time, with fixed shapes."""
    example = torch.zeros(1, 1, N_MELS, WAV2LIP_WINDOW), torch.zeros(1, 3, SIDE, SIDE)
    with warnings.catch_warnings():  # about torch's internals
        warnings.simplefilter("ignore")
        return openvino.convert_model(torch.export.export(_OwnReference(model.eval()), example))
