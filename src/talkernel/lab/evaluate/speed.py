"""Measures Table IV: Talkernel and Wav2Lip by turns, in one run on one machine."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from talkernel.diagnose.inventory import machine_name
from talkernel.errors import DataError
from talkernel.lab.evaluate.tables_text import MEASURED
from talkernel.threads import available_cores

if TYPE_CHECKING:
    from talkernel.lab.evaluate.timed_systems import TimedSystem

Log = Callable[[str], None]

ROUNDS, JOBS = 5, 3


@dataclass(frozen=True)
class Rate:
    """Speed of one system on one engine.

    Attributes:
        name: Of the system.
        engine: Engine, device, precision.
        remark: What a reader must know, if anything.
        model_ms: Milliseconds a frame of the network alone, per round.
        fps: Frames a second of whole jobs, decoder to encoder, per job; empty if not timed.
    """

    name: str
    engine: str
    remark: str
    model_ms: list[float]
    fps: list[float]

    def title(self) -> str:
        """Its row's name."""
        return ", ".join(part for part in (self.name, self.engine) if part)

    def source(self) -> str:
        """Where its cells come from."""
        return ", ".join(part for part in (MEASURED, self.remark) if part)

    def cells(self) -> dict[str, str]:
        """Texts by Table IV's columns: median, lowest and highest."""
        rates = [1000.0 / one for one in self.model_ms]
        return {
            "model_ms": _spread(self.model_ms, 1),
            "model_fps": _spread(rates, 0),
            "fps": _spread(self.fps, 1),
        }


@dataclass(frozen=True)
class Speeds:
    """All systems' speeds, and the machine and video they were measured on.

    Attributes:
        machine: The CPU's name; empty where a benchmark's file lacks it.
        threads: CPU threads of each network alone.
        picture: Size of the whole jobs' video.
        frames: Length of the whole jobs' video.
        rates: One per system and engine.
    """

    machine: str
    threads: int
    picture: str
    frames: int
    rates: list[Rate]

    def to_json(self) -> str:
        """For programs, and for `load_speeds`."""
        return json.dumps(asdict(self), indent=1)

    def note(self) -> str:
        """How the speeds were measured, in a sentence."""
        if not self.machine:
            return "Measured once, by `talkernel benchmark`."
        rounds = max(len(rate.model_ms) for rate in self.rates)
        jobs = max(len(rate.fps) for rate in self.rates)
        return (
            f"Measured in turn in one run on {self.machine}: median [lowest, highest] of "
            f"{rounds} rounds of the networks alone, {self.threads} threads each, and of "
            f"{jobs} whole jobs of {self.frames} frames at {self.picture}, decoding, "
            "tracking and encoding included, each engine with its default threads."
        )


def load_speeds(path: Path) -> Speeds:
    """Read what `Speeds.to_json` wrote, or the output of `talkernel benchmark --json`.

    Raises:
        DataError: The file is something else.
    """
    try:
        values = json.loads(path.read_text("utf-8"))
        if "rates" not in values:
            return _of_benchmark(values)
        return Speeds(**values | {"rates": [Rate(**rate) for rate in values["rates"]]})
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise DataError(
            f"{path} is no benchmark ({error}).",
            remedy="Give the speed.json of `talkernel tables`, or what "
            "`talkernel benchmark --json` printed.",
        ) from error


def _of_benchmark(values: Mapping[str, Any]) -> Speeds:
    model, whole = float(values["model_fps"]), float(values["end_to_end_fps"])
    own = Rate("Talkernel", str(values.get("engine", "")), "", [1000.0 / model], [whole])
    return Speeds("", 0, "", 0, [own])


def measure_speeds(threads: int | None = None, *, log: Log = lambda _: None) -> Speeds:
    """Measure our model and Wav2Lip, which has random weights, by turns.

    Args:
        threads: CPU threads of each network alone; all CPUs of this process if None.
        log: Called with a line before each step.
    """
    from talkernel.lab.evaluate.timed_systems import timed_systems, torch_threads
    from talkernel.sample.portrait import make_sample

    threads = threads or available_cores()
    with tempfile.TemporaryDirectory() as folder, torch_threads(threads):
        log("speed: sample, engines")
        face, speech = make_sample(Path(folder), need_voice=False)
        systems, outfile = list(timed_systems(threads)), Path(folder) / "out.mp4"
        _by_turns(systems, 1, lambda one: one.network())  # warm-up
        log(f"speed: networks alone, {ROUNDS} rounds")
        alone = _by_turns(systems, ROUNDS, lambda one: one.network())
        log(f"speed: whole jobs, {JOBS} rounds")
        whole = [one for one in systems if one.whole]
        jobs = _by_turns(whole, JOBS, lambda one: one.job(face, speech, outfile))
        picture, frames = _size_of(outfile)
    of_jobs = dict(zip(whole, jobs, strict=True))
    timed = zip(systems, alone, strict=True)
    rates = [_rate(one, network, of_jobs.get(one, [])) for one, network in timed]
    return Speeds(machine_name(), threads, picture, frames, rates)


def _size_of(video: Path) -> tuple[str, int]:
    """A video's picture size as text, and its number of frames."""
    from talkernel.media import open_face

    source = open_face(video)
    return f"{source.width}x{source.height}", sum(1 for _ in source.frames())


def _rate(system: TimedSystem, network: Sequence[float], jobs: Sequence[float]) -> Rate:
    """Seconds a frame of the network and of whole jobs, as a table has them."""
    info = system.info
    engine = f"{info.name} {info.device} {info.precision}"
    milliseconds, fps = [1000.0 * one for one in network], [1.0 / one for one in jobs]
    return Rate(system.name, engine, system.remark, milliseconds, fps)


def _by_turns(
    systems: Sequence[TimedSystem], rounds: int, run: Callable[[TimedSystem], int]
) -> list[list[float]]:
    """Seconds a frame of each system in each round; in a round each runs once."""
    found: list[list[float]] = [[] for _ in systems]
    for _ in range(rounds):
        for one, own in zip(systems, found, strict=True):
            started = time.perf_counter()
            frames = run(one)
            own.append((time.perf_counter() - started) / frames)
    return found


def _spread(values: Sequence[float], digits: int) -> str:
    """`median [lowest, highest]`; a single value alone; "" for none."""
    if len(values) < 2:
        return "".join(f"{value:.{digits}f}" for value in values)
    low, middle, high = (f"{f(values):.{digits}f}" for f in (min, median, max))
    return f"{middle} [{low}, {high}]"
