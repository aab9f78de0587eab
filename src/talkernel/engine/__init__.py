"""Engines: OpenVINO, ONNX Runtime and PyTorch behind one protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from talkernel.choices import EngineName, Precision
from talkernel.engine.base import Engine, EngineInfo
from talkernel.errors import OptionError
from talkernel.model.weights import find_weights

__all__ = ["Engine", "EngineInfo", "EngineName", "load_engine"]


def load_engine(
    name: EngineName = "auto",
    *,
    device: str | None = None,
    precision: Precision | Literal["auto"] = "auto",
    checkpoint: str | Path | None = None,
) -> Engine:
    """Load a model into an engine.

    Args:
        name: Which engine; auto is openvino.
        device: The engine's own name of a device; None for the fastest.
        precision: auto is the fastest that the device computes in natively.
        checkpoint: A weight file or folder; None for the package's own.

    Raises:
        OptionError: There is no such engine, or it does not have this precision.
        EngineNotInstalledError: The engine or its device is missing.
        MissingFileError: The checkpoint does not exist.
        CheckpointError: The checkpoint is damaged, does not fit its config, or has no graphs.
    """
    weights = find_weights(checkpoint)
    wanted = None if precision == "auto" else precision
    if name in ("auto", "openvino"):
        from talkernel.engine.openvino import OpenVinoEngine

        return OpenVinoEngine(weights, device, wanted)
    if name == "onnxruntime":
        from talkernel.engine.onnxruntime import OnnxRuntimeEngine

        return OnnxRuntimeEngine(weights, device, wanted)
    if name == "torch":
        from talkernel.engine.torch import TorchEngine

        return TorchEngine(weights, device, wanted)
    raise OptionError(f"There is no engine {name!r}; choose openvino, onnxruntime or torch.")
