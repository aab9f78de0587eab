"""What a further frame costs: a long job less a short one, which leaves start-up out."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from talkernel.choices import AnyPath
from talkernel.errors import InputError
from talkernel.files.wave import write_wave
from talkernel.media import open_speech
from talkernel.media.speech import SPEECH_RATE

ROUNDS = 3  # of each job; the least counts, as other programs only ever slow a job down
SHORT = 0.25  # length of the short job's sound, as a fraction of the long one's
LEAST_SOUND = 2.0  # seconds of the long one: otherwise noise hides the difference
TINY = 1e-6  # seconds

Job = Callable[[AnyPath], int]


class FrameCost(NamedTuple):
    """What a further frame takes.

    Attributes:
        seconds: Elapsed time.
        cpu_seconds: CPU time of all threads of this process.
    """

    seconds: float
    cpu_seconds: float


def frame_cost(job: Job, long: AnyPath, short: AnyPath) -> FrameCost:
    """Measure what a further frame costs, once a job runs.

    Args:
        job: Makes a video with a sound, in this process; returns the number of its frames.
        long: A sound.
        short: A shorter one.
    """
    jobs = [[_run(job, sound) for sound in (short, long)] for _ in range(ROUNDS)]
    (fewer, *less), (more, *total) = np.min(jobs, 0)
    seconds, cpu = np.maximum(np.subtract(total, less), TINY) / (more - fewer)
    return FrameCost(float(seconds), float(cpu))


def _run(job: Job, sound: AnyPath) -> tuple[float, float, float]:
    """Frames, seconds and CPU seconds of a job."""
    started, cpu_started = time.perf_counter(), time.process_time()
    frames = job(sound)
    return frames, time.perf_counter() - started, time.process_time() - cpu_started


def write_beginning(sound: AnyPath, path: Path) -> Path:
    """Write the beginning of a sound, for the short job.

    Raises:
        InputError: The sound is too short to measure with.
    """
    speech = open_speech(sound)
    if speech.duration < LEAST_SOUND:
        raise InputError(
            f"{speech.path} has only {speech.duration:.2f} s of sound, too few to measure with.",
            remedy=f"Give at least {LEAST_SOUND:.0f} s.",
        )
    wave = speech.wave()[: round(SHORT * speech.sample_count)]
    write_wave(path, SPEECH_RATE, (wave * 32767).astype("<i2").tobytes())
    return path
