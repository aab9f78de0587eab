"""OpenVINO: the default on CPUs."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from talkernel.choices import Precision
from talkernel.engine.base import Array, EngineInfo
from talkernel.errors import CheckpointError, EngineNotInstalledError
from talkernel.model.weights import find_graphs, read_basis, read_config
from talkernel.threads import thread_limit

Shapes = tuple[tuple[str, tuple[int, ...]], ...]  # of a graph's inputs, where they are fixed
GRAPHS_KEPT = 8  # compiled, of two models


class _How(NamedTuple):
    """How a graph is compiled, and when the weights were written that it reads."""

    device: str
    precision: Precision
    threads: int | None
    written: int


class OpenVinoEngine:
    """Runs the exported graphs with OpenVINO.

    They are compiled behind the caller's back, in the order in which a job needs them; who calls
    one waits until it is there, and is told what was wrong with it.

    Args:
        weights: The safetensors file, its graphs beside it.
        device: An OpenVINO device; CPU by default.
        precision: None takes bfloat16 where the device computes in it.
        threads: CPU threads; None: TALKERNEL_THREADS, or OpenVINO's choice without it.

    Raises:
        EngineNotInstalledError: OpenVINO or the device is missing.
        CheckpointError: The graphs are missing, or, at the first use of one, cannot be compiled.
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
        threads = thread_limit() if threads is None else threads
        how = _How(device, precision, threads, weights.stat().st_mtime_ns)
        encoder, lookahead, kernels, generator = find_graphs(weights)
        one = (("face", (1, *self.config.face_shape)), ("kernels", (1, *self.config.kernel_shape)))
        compiler = ThreadPoolExecutor(1)

        def graph(path: Path, shapes: Shapes = ()) -> _Graph:
            return _Graph(compiler.submit(_request, path, how, shapes))

        self._encoder = None if encoder is None else graph(encoder)
        self._hearing, self._kernels = graph(lookahead), graph(kernels)
        self._generator = graph(generator, one)  # a quarter faster than one of any batch
        compiler.shutdown(wait=False)

    def encode(self, mel: Array) -> Array:
        """See `Engine.encode`."""
        assert self._encoder is not None
        return self._encoder(mel)

    def predict_lip_code(self, speech: Array) -> Array:
        """See `Engine.predict_lip_code`."""
        return self._hearing(speech)

    def kernels(self, heard: Array) -> Array:
        """See `Engine.kernels`."""
        return self._kernels(heard)

    def synthesise(self, face: Array, kernels: Array) -> tuple[Array, Array]:
        """See `Engine.synthesise`."""
        pairs = zip(face, kernels, strict=True)
        answers = [self._generator(own[None], kernel[None]) for own, kernel in pairs]
        answer = np.concatenate(answers) if len(answers) > 1 else answers[0]
        return answer[:, :1], answer[:, 1:]


class _Graph:
    """A graph that is being compiled, or has been: arrays in, its one output out."""

    def __init__(self, request: Future[Any]) -> None:
        self._request = request

    def __call__(self, *arrays: Array) -> Array:
        request = self._request.result()
        request.infer(list(arrays), share_inputs=True)
        return np.array(request.get_output_tensor(0).data, np.float32)  # a copy


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


def _request(graph: Path, how: _How, shapes: Shapes) -> Any:
    """What one engine computes a graph with; the compiled graph itself is any engine's."""
    return _compiled(graph, how, shapes).create_infer_request()


@lru_cache(GRAPHS_KEPT)  # a process that makes many videos compiles once
def _compiled(graph: Path, how: _How, shapes: Shapes) -> Any:
    core, options = _core(), compile_options(how.precision, how.threads)
    try:
        model = core.read_model(str(graph))
        if shapes:
            model.reshape(dict(shapes))
        return core.compile_model(model, how.device, options)
    except RuntimeError as error:
        raise CheckpointError(f"OpenVINO cannot load {graph}: {error}") from error
