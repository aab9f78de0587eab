"""ONNX Runtime: CPU, CUDA, CoreML and DirectML."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from talkernel.choices import Precision
from talkernel.engine.base import Array, EngineInfo, run_every_graph
from talkernel.errors import CheckpointError, EngineNotInstalledError, OptionError
from talkernel.model.weights import find_graphs, read_basis, read_config

PROVIDERS = (  # the fastest first
    "CUDAExecutionProvider",
    "CoreMLExecutionProvider",
    "DmlExecutionProvider",
    "CPUExecutionProvider",
)


class OnnxRuntimeEngine:
    """Runs the exported graphs with ONNX Runtime, in float32.

    Args:
        weights: The safetensors file, with its graphs in the same folder.
        device: cpu, cuda, coreml, dml, or None for the fastest installed.
        precision: float32 or None.

    Raises:
        OptionError: The precision is bfloat16.
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
        paths, load = find_graphs(weights), partial(_Graph, runtime, provider)
        self._encoder = None if paths.encoder is None else load(paths.encoder)
        self._audio_net, self._kernels = load(paths.audio_net), load(paths.kernels)
        self._generator = load(paths.generator)

    def encode(self, mel: Array) -> Array:
        """See `Engine.encode`."""
        assert self._encoder is not None
        return self._encoder(mel)

    def predict_lip_code(self, speech: Array) -> Array:
        """See `Engine.predict_lip_code`."""
        return self._audio_net(speech)

    def kernels(self, lip_code: Array) -> Array:
        """See `Engine.kernels`."""
        return self._kernels(lip_code)

    def synthesise(self, face: Array, kernels: Array) -> tuple[Array, Array]:
        """See `Engine.synthesise`."""
        output = self._generator(face, kernels)
        return output[:, :1], output[:, 1:]

    def session(self) -> OnnxRuntimeEngine:
        """This engine itself: ONNX Runtime's sessions may run in several threads at once."""
        return self

    def warm_up(self) -> None:
        """See `Engine.warm_up`. The graphs are compiled already."""
        run_every_graph(self)


class _Graph:
    """A loaded graph: arrays in, its one output out."""

    def __init__(self, runtime: Any, provider: str, path: Path) -> None:
        options = runtime.SessionOptions()
        options.log_severity_level = 3  # errors only
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=[provider])
        except Exception as error:  # ONNX Runtime's exceptions share no public base class
            raise CheckpointError(f"ONNX Runtime cannot load {path}: {error}") from error
        self._inputs = [node.name for node in self._session.get_inputs()]

    def __call__(self, *arrays: Array) -> Array:
        (output,) = self._session.run(None, dict(zip(self._inputs, arrays, strict=True)))
        return np.asarray(output, np.float32)


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineNotInstalledError(
            "ONNX Runtime is not installed.",
            remedy="Run `pip install '.[onnxruntime]'` in the clone.",
        ) from error
    return onnxruntime


def _provider(runtime: Any, device: str | None) -> str:
    """ONNX Runtime's name of a device, or of the fastest installed one."""
    available = runtime.get_available_providers()
    for name in PROVIDERS:
        if name in available and name.lower().startswith((device or "").lower()):
            return name
    raise EngineNotInstalledError(
        f"ONNX Runtime has no device {device!r}, only {', '.join(available)}."
    )
