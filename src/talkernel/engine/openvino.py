"""OpenVINO: runs the exported graphs; the default engine on CPUs."""

from __future__ import annotations

import copy
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from talkernel.choices import Precision
from talkernel.engine.base import Array, EngineInfo, run_every_graph
from talkernel.errors import CheckpointError, EngineNotInstalledError
from talkernel.model.weights import find_graphs, read_basis, read_config
from talkernel.threads import available_cores, thread_limit

InputShapes = tuple[tuple[str, tuple[int, ...]], ...]  # fixed shapes by input name
CACHED_GRAPHS = 8  # those of two models


class _CompileSettings(NamedTuple):
    """How a graph is compiled. Part of the cache's key.

    Attributes:
        device: An OpenVINO device.
        precision: Precision of the arithmetic.
        threads: CPU threads; None leaves the number to OpenVINO.
        modified_ns: Modification time of the weights, so that changed weights are compiled anew.
    """

    device: str
    precision: Precision
    threads: int | None
    modified_ns: int


class OpenVinoEngine:
    """Runs the exported graphs with OpenVINO.

    The graphs are compiled in a background thread, in the order in which a job needs them. The
    first call of a graph waits until it is compiled, and raises the error if it cannot be.

    Args:
        weights: The safetensors file, with its graphs in the same folder.
        device: An OpenVINO device; CPU by default.
        precision: None takes bfloat16 where the device computes in it natively.
        threads: CPU threads; None: TALKERNEL_THREADS, or half the cores without it. The other
            stages of a job need the other half; threads that wait for a core cost CPU time.

    Raises:
        EngineNotInstalledError: OpenVINO or the device is missing.
        CheckpointError: The graphs are missing.
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
        if threads is None:
            threads = thread_limit() or (_half_the_cores() if device.startswith("CPU") else None)
        settings = _CompileSettings(device, precision, threads, weights.stat().st_mtime_ns)
        self._compile(weights, settings)

    def _compile(self, weights: Path, settings: _CompileSettings) -> None:
        """Start to compile all graphs, one after the other."""
        paths, compiler = find_graphs(weights), ThreadPoolExecutor(1)

        def start(path: Path, shapes: InputShapes = ()) -> _Graph:
            return _Graph(compiler.submit(_compiled, path, settings, shapes))

        face, kernels = (1, *self.config.face_shape), (1, *self.config.kernel_shape)
        self._encoder = None if paths.encoder is None else start(paths.encoder)
        self._audio_net, self._kernels = start(paths.audio_net), start(paths.kernels)
        # A fixed batch of one runs a quarter faster than a free batch size.
        self._generator = start(paths.generator, (("face", face), ("kernels", kernels)))
        compiler.shutdown(wait=False)

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
        pairs = zip(face, kernels, strict=True)
        outputs = [self._generator(one[None], kernel[None]) for one, kernel in pairs]
        output = np.concatenate(outputs) if len(outputs) > 1 else outputs[0]
        return output[:, :1], output[:, 1:]

    def session(self) -> OpenVinoEngine:
        """See `Engine.session`: it has inference requests of its own."""
        session = copy.copy(self)
        session._encoder = self._encoder and self._encoder.session()
        session._audio_net, session._kernels = self._audio_net.session(), self._kernels.session()
        session._generator = self._generator.session()
        return session

    def warm_up(self) -> None:
        """See `Engine.warm_up`."""
        run_every_graph(self)


class _Graph:
    """One graph and one inference request for it: arrays in, its one output out.

    Args:
        compiled: The compiled graph, when it is ready.
    """

    def __init__(self, compiled: Future[Any]) -> None:
        self._compiled = compiled
        self._request: Any = None

    def __call__(self, *arrays: Array) -> Array:
        if self._request is None:
            self._request = self._compiled.result().create_infer_request()
        self._request.infer(list(arrays), share_inputs=True)
        # A copy: the next inference overwrites the request's own output.
        return np.array(self._request.get_output_tensor(0).data, np.float32)

    def session(self) -> _Graph:
        """The same compiled graph with another inference request."""
        return _Graph(self._compiled)


def _half_the_cores() -> int:
    return max(1, available_cores() // 2)


def compile_options(precision: Precision, threads: int | None = None) -> dict[str, Any]:
    """OpenVINO's options for low latency.

    Args:
        precision: Precision of the arithmetic.
        threads: CPU threads; None leaves the number to OpenVINO.
    """
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


@lru_cache(CACHED_GRAPHS)  # a process that makes many videos compiles once
def _compiled(path: Path, settings: _CompileSettings, shapes: InputShapes) -> Any:
    """A compiled graph, which all engines of the process share."""
    core, options = _core(), compile_options(settings.precision, settings.threads)
    try:
        model = core.read_model(str(path))
        if shapes:
            model.reshape(dict(shapes))
        return core.compile_model(model, settings.device, options)
    except RuntimeError as error:
        raise CheckpointError(f"OpenVINO cannot load {path}: {error}") from error
