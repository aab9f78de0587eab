"""OpenVINO: the default on CPUs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from talkernel.engine.base import Array, EngineInfo, Precision
from talkernel.engine.weights import find_graphs, read_basis, read_config
from talkernel.errors import CheckpointError, EngineNotInstalledError


class OpenVinoEngine:
    """Runs the exported graphs with OpenVINO.

    Args:
        weights: The safetensors file, its graphs beside it.
        device: An OpenVINO device; CPU by default.
        precision: None takes bfloat16 where the device computes in it.
        threads: CPU threads; None leaves it to OpenVINO.

    Raises:
        EngineNotInstalledError: OpenVINO or the device is missing.
        CheckpointError: The graphs are missing or cannot be compiled.
    """

    def __init__(
        self,
        weights: Path,
        device: str | None = None,
        precision: Precision | None = None,
        threads: int | None = None,
    ) -> None:
        core = _core()
        device = device or "CPU"
        _check_device(core, device)
        native = "BF16" in core.get_property(device, "OPTIMIZATION_CAPABILITIES")
        precision = precision or ("bfloat16" if native else "float32")
        self.info = EngineInfo("openvino", device, precision)
        self.config, self.basis = read_config(weights), read_basis(weights)
        options = compile_options(precision, threads)
        encoder, hearing, kernels, generator = find_graphs(weights)
        one = {"face": [1, *self.config.face_shape], "kernels": [1, *self.config.kernel_shape]}
        self._encoder: Any = encoder and _compile(core, encoder, device, options)
        self._hearing = _compile(core, hearing, device, options)
        self._kernels = _compile(core, kernels, device, options)
        self._generator = _compile(core, generator, device, options, shapes=one)

    def encode(self, mel: Array) -> Array:
        """See `Engine.encode`."""
        self._encoder.infer([mel], share_inputs=True)
        return np.array(self._encoder.get_output_tensor(0).data, np.float32)

    def hear(self, speech: Array) -> Array:
        """See `Engine.hear`."""
        self._hearing.infer([speech], share_inputs=True)
        return np.array(self._hearing.get_output_tensor(0).data, np.float32)

    def kernels(self, heard: Array) -> Array:
        """See `Engine.kernels`."""
        self._kernels.infer([heard], share_inputs=True)
        return np.array(self._kernels.get_output_tensor(0).data, np.float32)

    def synthesise(self, face: Array, kernels: Array) -> tuple[Array, Array]:
        """See `Engine.synthesise`."""
        answers = [self._answer(*pair) for pair in zip(face, kernels, strict=True)]
        answer = np.concatenate(answers) if len(answers) > 1 else answers[0]
        return answer[:, :1], answer[:, 1:]

    def _answer(self, face: Array, kernels: Array) -> Array:
        """One face: a graph of fixed shape runs a quarter faster than one of any batch."""
        self._generator.infer([face[None], kernels[None]], share_inputs=True)
        return np.array(self._generator.get_output_tensor(0).data, np.float32)  # a copy


def compile_options(precision: Precision, threads: int | None = None) -> dict[str, Any]:
    """How a graph is compiled: the soonest answer, on so many CPU threads, or OpenVINO's choice."""
    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
    }
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads
    return options


def _core() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise EngineNotInstalledError(
            "OpenVINO is not installed.", remedy="Run `pip install openvino`."
        ) from error
    return openvino.Core()


def _check_device(core: Any, device: str) -> None:
    if device.split(".")[0] not in {name.split(".")[0] for name in core.available_devices}:
        raise EngineNotInstalledError(
            f"OpenVINO finds no device {device!r}, only {', '.join(core.available_devices)}."
        )


def _compile(
    core: Any,
    graph: Path,
    device: str,
    options: dict[str, Any],
    shapes: dict[str, list[int]] | None = None,
) -> Any:
    try:
        model = core.read_model(str(graph))
        if shapes is not None:
            model.reshape(shapes)
        return core.compile_model(model, device, options).create_infer_request()
    except RuntimeError as error:
        raise CheckpointError(f"OpenVINO cannot load {graph}: {error}") from error
