"""Crossed speech: does the face of A, given the speech of B, move its mouth as B did?

Every clip of a folder is driven by the sound of another person's clip, through the main job
from file to file, and the mouth opening is measured on the result. Beside it stand a
ground-truth row (B's own video, written and measured alike), a do-nothing row (A's video as
it is) and a shuffled row (the same results against the mouth of a third clip).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkernel.evaluate.correlation import correlation
from talkernel.face.lips import lip_shape, mouth_opening
from talkernel.face.track import FaceTracker
from talkernel.media import open_face, source_index
from talkernel.media.transcode import transcode
from talkernel.pipeline import generate

Array = NDArray[np.float32]
LAGS = range(-3, 4)  # frames


@dataclass(frozen=True)
class Row:
    """Figures of one kind of video against B's real mouth, means over clips.

    Attributes:
        name: Which videos.
        r_cross: Correlation with B's mouth opening.
        r_copy: Correlation with the mouth opening of A's input.
        best_lag: Frames by which moving the result makes r_cross largest.
        r_best: r_cross at that lag.
        amplitude: Standard deviation of the opening as a share of B's.
        spread: Standard deviation of r_cross over clips.
        clips: How many.
    """

    name: str
    r_cross: float
    r_copy: float
    best_lag: int
    r_best: float
    amplitude: float
    spread: float
    clips: int


def measure_opening(video: Path) -> Array:
    """Mouth opening of every frame `[T]` in canonical units; NaN where there is no face."""
    tracker, openings = FaceTracker(), []
    for picture in open_face(video).frames():
        face = tracker.update(picture).face
        shape = None if face is None else lip_shape(face.landmarks)
        openings.append(np.nan if shape is None else float(mouth_opening(shape[None])[0]))
    return np.array(openings, np.float32)


def partners(clips: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Each clip with one of another person; the person ends the file's name, after `_`."""
    pairs, step = [], max(1, len(clips) // 3)
    for number, clip in enumerate(clips):
        others = [clips[(number + step + i) % len(clips)] for i in range(len(clips))]
        pairs.append((clip, next(c for c in others if _person(c) != _person(clip))))
    return pairs


def _person(clip: Path) -> str:
    return clip.stem.rsplit("_", 1)[-1]


def evaluate_crossed(clips: Sequence[Path], **options: str) -> list[Row]:
    """Generate and measure all crossed pairs.

    Args:
        clips: Video files with sound, the person's name at the end of each stem.
        **options: Passed on to `generate`.

    Returns:
        The generated, ground-truth, do-nothing and shuffled rows.
    """
    own = {clip: measure_opening(clip) for clip in clips}
    pairs = partners(clips)
    with tempfile.TemporaryDirectory() as folder:
        made = [_make(a, b, Path(folder) / f"{n}.mp4", options) for n, (a, b) in enumerate(pairs)]
        truth = [_make(b, b, Path(folder) / f"t{n}.mp4", None) for n, (_, b) in enumerate(pairs)]
    wanted = [own[b] for _, b in pairs]
    inputs = [_looped(own[a], len(g)) for (a, _), g in zip(pairs, made, strict=True)]
    return [
        _row("generated", made, wanted, inputs),
        _row("ground truth", truth, wanted, inputs),
        _row("do nothing", inputs, wanted, inputs),
        _row("shuffled", made, wanted[1:] + wanted[:1], inputs),
    ]


def _make(face: Path, speech: Path, outfile: Path, options: dict[str, str] | None) -> Array:
    """Opening of a generated video; without options, of the face's video merely re-encoded."""
    if options is None:
        transcode(face, face, outfile)
    else:
        generate(face, speech, outfile, **options)  # type: ignore[arg-type]
    opening = measure_opening(outfile)
    outfile.unlink()
    return opening


def _looped(opening: Array, count: int) -> Array:
    return opening[[source_index(i, len(opening), "pingpong") for i in range(count)]]


def _row(name: str, got: list[Array], wanted: list[Array], inputs: list[Array]) -> Row:
    lags = {lag: [correlation(g, w, lag) for g, w in zip(got, wanted, strict=True)]
            for lag in LAGS}  # fmt: skip
    best = max(LAGS, key=lambda lag: float(np.nanmean(lags[lag])))
    copy = [correlation(g, a) for g, a in zip(got, inputs, strict=True)]
    size = [float(np.nanstd(g) / np.nanstd(w)) for g, w in zip(got, wanted, strict=True)]
    return Row(name, _mean(lags[0]), _mean(copy), best, _mean(lags[best]), _mean(size),
               round(float(np.nanstd(lags[0])), 3), len(got))  # fmt: skip


def _mean(values: Sequence[float]) -> float:
    return round(float(np.nanmean(values)), 3)
