"""ONNX Runtime: CPU, CUDA, CoreML and whatever else is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from talkernel.choices import Precision
from talkernel.engine.base import Array, EngineInfo
from talkernel.errors import CheckpointError, EngineNotInstalledError, OptionError
from talkernel.model.weights import find_graphs, read_basis, read_config

ORDER = (
    "CUDAExecutionProvider",
    "CoreMLExecutionProvider",
    "DmlExecutionProvider",
    "CPUExecutionProvider",
)


class OnnxRuntimeEngine:
    """Runs the exported graphs with ONNX Runtime, in float32.

    Args:
        weights: The safetensors file, its graphs beside it.
        device: cpu, cuda, coreml, dml, or None for the best installed.
        precision: float32 or None.

    Raises:
        EngineNotInstalledError: ONNX Runtime or the device is missing.
        CheckpointError: The graphs are missing or cannot be loaded.
    """

    def __init__(
        self, weights: Path, device: str | None = None, precision: Precision | None = None
    ) -> None:
        if precision == "bfloat16":
            raise OptionError(
                "The onnxruntime engine computes in float32 only.",
                remedy="Use --precision float32, or --engine openvino.",
            )
        runtime = _runtime()
        provider = _provider(runtime, device)
        self.info = EngineInfo("onnxruntime", provider, "float32")
        self.config, self.basis = read_config(weights), read_basis(weights)
        sessions: list[Any] = [
            graph and _session(runtime, graph, provider) for graph in find_graphs(weights)
        ]
        self._encoder, self._hearing, self._kernels, self._generator = sessions

    def encode(self, mel: Array) -> Array:
        """See `Engine.encode`."""
        (tokens,) = self._encoder.run(None, {"mel": mel})
        return np.asarray(tokens, np.float32)

    def predict_lip_code(self, speech: Array) -> Array:
        """See `Engine.predict_lip_code`."""
        (heard,) = self._hearing.run(None, {"speech": speech})
        return np.asarray(heard, np.float32)

    def kernels(self, heard: Array) -> Array:
        """See `Engine.kernels`."""
        (kernels,) = self._kernels.run(None, {"heard": heard})
        return np.asarray(kernels, np.float32)

    def synthesise(self, face: Array, kernels: Array) -> tuple[Array, Array]:
        """See `Engine.synthesise`."""
        (answer,) = self._generator.run(None, {"face": face, "kernels": kernels})
        return answer[:, :1], answer[:, 1:]


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineNotInstalledError(
            "ONNX Runtime is not installed.", remedy="Run `pip install 'talkernel[onnxruntime]'`."
        ) from error
    return onnxruntime


def _provider(runtime: Any, device: str | None) -> str:
    available = runtime.get_available_providers()
    wanted = [name for name in ORDER if device is None or name.lower().startswith(device.lower())]
    for name in wanted:
        if name in available:
            return name
    raise EngineNotInstalledError(
        f"ONNX Runtime has no device {device!r}, only {', '.join(available)}."
    )


def _session(runtime: Any, graph: Path, provider: str) -> Any:
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(str(graph), options, providers=[provider])
    except Exception as error:  # ONNX Runtime's exceptions share no public base class
        raise CheckpointError(f"ONNX Runtime cannot load {graph}: {error}") from error
