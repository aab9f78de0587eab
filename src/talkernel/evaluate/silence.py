"""Silence: a face that is given no speech keeps its mouth shut and still.

Every clip is driven by digital silence of its own length. Beside the generated row stands the
clip itself, which is what a system that does nothing would show.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkernel.audio import SAMPLE_RATE
from talkernel.evaluate.crossed import measure_opening
from talkernel.media import open_face
from talkernel.pipeline import generate
from talkernel.wave_file import write_wave

CLOSED_SHARE = 0.15  # of a clip's frames, those with the mouth most closed, tell "closed"


@dataclass(frozen=True)
class SilenceRow:
    """Figures of one kind of video, means over clips.

    Attributes:
        name: Which videos.
        movement: Standard deviation of the opening as a share of the talking clip's.
        opening: Mean opening above the person's closed mouth, as a share of the talking
            clip's own mean.
        clips: How many.
    """

    name: str
    movement: float
    opening: float
    clips: int


def evaluate_silence(clips: Sequence[Path], **options: str) -> list[SilenceRow]:
    """Drive every clip by silence; the generated row, and the clips as they are.

    Args:
        clips: Video files of people talking.
        **options: Passed on to `generate`.
    """
    own = [measure_opening(clip) for clip in clips]
    with tempfile.TemporaryDirectory() as folder:
        silent = [_silenced(clip, len(talking), Path(folder), options)
                  for clip, talking in zip(clips, own, strict=True)]  # fmt: skip
    return [_row("silence", silent, own), _row("do nothing", own, own)]


def _silenced(
    clip: Path, frames: int, folder: Path, options: dict[str, str]
) -> NDArray[np.float32]:
    sound, outfile = folder / "silence.wav", folder / "silent.mp4"
    write_silence(sound, frames / float(open_face(clip).fps))
    generate(clip, sound, outfile, overwrite=True, **options)  # type: ignore[arg-type]
    return measure_opening(outfile)


def write_silence(path: Path, seconds: float) -> None:
    """A WAV file of digital silence."""
    write_wave(path, SAMPLE_RATE, bytes(2 * round(seconds * SAMPLE_RATE)))


def _row(
    name: str, got: Sequence[NDArray[np.float32]], talking: Sequence[NDArray[np.float32]]
) -> SilenceRow:
    pairs = list(zip(got, talking, strict=True))
    movement = [float(np.nanstd(g) / np.nanstd(t)) for g, t in pairs]
    closed = [float(np.nanquantile(t, CLOSED_SHARE)) for t in talking]
    opening = [float((np.nanmean(g) - c) / (np.nanmean(t) - c))
               for (g, t), c in zip(pairs, closed, strict=True)]  # fmt: skip
    return SilenceRow(name, round(float(np.nanmean(movement)), 3),
                      round(float(np.nanmean(opening)), 3), len(pairs))  # fmt: skip
