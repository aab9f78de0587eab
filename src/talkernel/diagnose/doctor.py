"""Checks the installation: versions, engines, files, and a run of the default engine."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talkernel.diagnose.inventory import cpu_instructions, engine_devices, package_versions
from talkernel.errors import TalkernelError
from talkernel.summary import Summary

if TYPE_CHECKING:
    from talkernel.engine import Engine

TEST_FRAMES = 25  # a second of video
FACE_MODELS = 3  # detector, mesh and likeness


@dataclass(frozen=True)
class SelfTest:
    """Result of running the default engine on one second of video.

    Attributes:
        engine: Engine, device and precision; empty if the test failed.
        ms_per_frame: Mean milliseconds per frame; None if the test failed.
        problem: Why the test failed; empty if it did not.
    """

    engine: str = ""
    ms_per_frame: float | None = None
    problem: str = ""

    def __str__(self) -> str:
        return self.problem or f"{self.ms_per_frame:.1f} ms per frame, {self.engine}"


@dataclass(frozen=True)
class Diagnosis:
    """The state of the installation.

    Attributes:
        versions: Version of each package; None if it is not installed.
        cpu: The CPU's instructions that matter for speed; empty if unknown.
        engines: Devices of each engine; empty if it is not installed.
        face_models: Whether the face models are present.
        weights: Names of the package's weight files.
        self_test: Result of the engine's test.
    """

    versions: dict[str, str | None]
    cpu: list[str]
    engines: dict[str, list[str]]
    face_models: bool
    weights: list[str]
    self_test: SelfTest

    @property
    def ok(self) -> bool:
        """Whether `talkernel generate` can work."""
        return self.face_models and bool(self.weights) and not self.self_test.problem

    def to_json(self) -> str:
        """All fields and the verdict as JSON."""
        return json.dumps(dataclasses.asdict(self) | {"ok": self.ok}, indent=2)

    def summary(self) -> Summary:
        """A table for the terminal."""
        return Summary("Everything works" if self.ok else "Problems found", list(self._facts()))

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield from ((name, version or "not installed") for name, version in self.versions.items())
        yield "CPU", ", ".join(self.cpu) or "unknown"
        for name, devices in self.engines.items():
            yield f"engine {name}", ", ".join(devices) or "not installed"
        yield "face models", "present" if self.face_models else "missing: install the package again"
        yield "weights", ", ".join(self.weights) or "missing: install the package again"
        yield "self test", str(self.self_test)


def diagnose() -> Diagnosis:
    """Run all checks; takes a few seconds."""
    return Diagnosis(
        versions=package_versions(),
        cpu=cpu_instructions(),
        engines=engine_devices(),
        face_models=_face_models(),
        weights=_weights(),
        self_test=run_self_test(),
    )


def run_self_test() -> SelfTest:
    """Time the default engine on noise. A failure is returned, not raised."""
    try:
        from talkernel.engine import load_engine

        engine = load_engine("auto")
        info = engine.info
        where = f"{info.name} on {info.device}, {info.precision}"
        return SelfTest(where, _time_engine(engine))
    except TalkernelError as error:
        return SelfTest(problem=error.one_line())
    except Exception as error:  # a broken installation may raise anything
        return SelfTest(problem=f"{type(error).__name__}: {error}")


def _time_engine(engine: Engine) -> float:
    """Mean milliseconds per frame."""
    noise = np.random.default_rng(0)
    face = noise.uniform(-1, 1, (1, *engine.config.face_shape)).astype(np.float32)
    speech = noise.uniform(-1, 1, (1, 1, *engine.config.speech_shape)).astype(np.float32)

    def run() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return engine.synthesise(face, engine.kernels(engine.predict_lip_code(speech)))

    run()  # the first run also compiles
    start = time.perf_counter()
    for _ in range(TEST_FRAMES):
        pictures = run()
    elapsed = time.perf_counter() - start
    if not all(np.isfinite(picture).all() for picture in pictures):
        raise ArithmeticError("the engine's pictures hold numbers that are not finite")
    return 1000 * elapsed / TEST_FRAMES


def _face_models() -> bool:
    folder = Path(__file__).parents[1] / "face" / "models"
    found = [path for path in folder.glob("*") if path.suffix in (".tflite", ".onnx")]
    return len(found) == FACE_MODELS


def _weights() -> list[str]:
    folder = Path(__file__).parents[1] / "weights"
    return sorted(
        path.name for path in folder.glob("*") if path.suffix in (".safetensors", ".onnx")
    )
