"""PyTorch: runs the model itself, on CPUs and CUDA devices."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talkernel.choices import Precision
from talkernel.engine.base import Array, EngineInfo, run_every_graph
from talkernel.errors import EngineNotInstalledError
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis

if TYPE_CHECKING:
    from talkernel.model.talking_face import TalkingFace


class TorchEngine:
    """Runs the PyTorch model itself.

    Args:
        weights: The safetensors file.
        device: A torch device; None takes cuda where there is one, else cpu.
        precision: None takes bfloat16 on CUDA and float32 elsewhere.

    Raises:
        EngineNotInstalledError: PyTorch or the device is missing.
        CheckpointError: The weights do not fit their config.
    """

    def __init__(
        self, weights: Path, device: str | None = None, precision: Precision | None = None
    ) -> None:
        self._torch = _torch()
        from talkernel.model.checkpoint import load_model

        cuda = self._torch.cuda.is_available()
        self._use(load_model(weights), device or ("cuda" if cuda else "cpu"), precision)

    @classmethod
    def of(cls, model: TalkingFace, basis: LipBasis | None = None) -> TorchEngine:
        """An engine over a model that is in memory, on the CPU, in float32.

        Args:
            model: The model. It is put into evaluation mode.
            basis: The basis of its lip codes; None for the model's own.
        """
        engine = cls.__new__(cls)
        engine._torch = _torch()
        engine._use(model, "cpu", "float32")
        engine.basis = basis or model.basis
        return engine

    def _use(self, model: TalkingFace, device: str, precision: Precision | None) -> None:
        self._device = _device(self._torch, device)
        precision = precision or ("bfloat16" if self._device.type == "cuda" else "float32")
        self.info = EngineInfo("torch", device, precision)
        evaluated: Any = model.eval()  # torch's types lack memory_format
        self._model = evaluated.to(self._device, memory_format=self._torch.channels_last)
        self.config: ModelConfig = model.config
        self.basis: LipBasis | None = model.basis

    def encode(self, mel: Array) -> Array:
        """See `Engine.encode`."""
        with self._autocast():
            tokens: Array = self._model.encode(mel)
        return tokens

    def predict_lip_code(self, speech: Array) -> Array:
        """See `Engine.predict_lip_code`."""
        with self._torch.inference_mode(), self._autocast():
            lip_code = self._model.predict_lip_code(self._tensor(speech))
        return np.asarray(lip_code.float().cpu().numpy())

    def kernels(self, lip_code: Array) -> Array:
        """See `Engine.kernels`."""
        with self._torch.inference_mode(), self._autocast():
            kernels = self._model.kernels_of(self._tensor(lip_code))
        return np.asarray(kernels.float().cpu().numpy())

    def synthesise(self, face: Array, kernels: Array) -> tuple[Array, Array]:
        """See `Engine.synthesise`."""
        with self._torch.inference_mode(), self._autocast():
            output = self._model.unet.raw_output(self._tensor(face), self._tensor(kernels))
        array: Array = output.float().cpu().numpy()
        return array[:, :1], array[:, 1:]

    def session(self) -> TorchEngine:
        """This engine itself: a PyTorch model may run in several threads at once."""
        return self

    def warm_up(self) -> None:
        """See `Engine.warm_up`. There are no graphs to compile; CUDA loads its kernels."""
        run_every_graph(self)

    def _tensor(self, array: Array) -> Any:
        return self._torch.from_numpy(array).to(self._device)

    def _autocast(self) -> AbstractContextManager[Any]:
        context: AbstractContextManager[Any] = self._torch.autocast(
            self._device.type, self._torch.bfloat16, enabled=self.info.precision == "bfloat16"
        )
        return context


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise EngineNotInstalledError(
            "PyTorch is not installed.", remedy="Run `pip install '.[torch]'` in the clone."
        ) from error
    return torch


def _device(torch: Any, name: str) -> Any:
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise EngineNotInstalledError(f"PyTorch cannot use the device {name!r}.") from error
    return device


def torch_devices() -> list[str]:
    """Names of the devices that PyTorch can use."""
    count = _torch().cuda.device_count()
    return ["cpu", *(f"cuda:{index}" for index in range(count))]
