"""Measures shot boundary detectors on labelled sequences made from any videos."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from talkernel.errors import DataError
from talkernel.face.shots import Scene, ShotCutter
from talkernel.lab.shots.effects import Shot, backdrop, fitted
from talkernel.lab.shots.scores import CutScores, KindScore
from talkernel.lab.shots.sequences import EVENT, KINDS, LENGTH
from talkernel.media import Picture, open_face
from talkernel.media.sample import picture_of_rgb


class Cutter(Protocol):
    """Anything that finds cuts in a stream of pictures."""

    def update(self, picture: Picture) -> bool:
        """Whether the next frame begins a new shot."""


def measure_cuts(
    videos: Sequence[Path],
    *,
    limit: int | None = None,
    seed: int = 0,
    cutter: Callable[[], Cutter] = ShotCutter,
    progress: Callable[[int, int], None] | None = None,
) -> CutScores:
    """Make one sequence of each kind from each pair of videos, and count what is found.

    Video i is paired with the one half the list away, since neighbours in a folder often show the
    same person. The first 44 frames of each are used; shorter ones run backwards and forwards.

    Args:
        videos: Videos of one person and shot each.
        limit: Largest number of pairs, spread over the list.
        seed: Seed of the random effects.
        cutter: Makes a new detector for each sequence.
        progress: Called with the number of pairs done and of all pairs.

    Raises:
        DataError: Fewer than two videos.
    """
    scores, spent, frames = {kind.__name__: KindScore() for kind in KINDS}, 0.0, 0
    pairs = _pairs(videos, limit)
    for number, (first, second) in enumerate(pairs):
        a, b = _read(first, [seed, number, 0]), _read(second, [seed, number, 1])
        for index, kind in enumerate(KINDS):
            shot = kind(a, b, np.random.default_rng([seed, number, 2 + index]))
            pictures = [picture_of_rgb(image) for image in shot]
            reported, seconds = _run(cutter(), pictures)
            scores[kind.__name__].add(kind, reported, _changes(pictures))
            spent, frames = spent + seconds, frames + len(pictures)
        if progress is not None:
            progress(number + 1, len(pairs))
    return CutScores(scores, 1000 * spent / frames)


def _pairs(videos: Sequence[Path], limit: int | None) -> list[tuple[Path, Path]]:
    half = len(videos) // 2
    if not half:
        raise DataError("Two videos are needed.", remedy="Give more videos or folders.")
    pairs = list(zip(videos[:half], videos[half:], strict=False))
    count = min(limit or half, half)
    return [pairs[number * half // count] for number in range(count)]


def _read(video: Path, seed: Sequence[int]) -> Shot:
    """The first frames, all of one size; one scene is drawn for all of them."""
    scene = backdrop(np.random.default_rng(seed))
    pictures = itertools.islice(open_face(video).frames(), LENGTH)
    shot = [fitted(picture.to_rgb(), scene) for picture in pictures]
    return list(itertools.islice(_back_and_forth(shot), LENGTH))


def _back_and_forth(shot: Shot) -> Iterator[Any]:
    return itertools.cycle([*shot, *shot[-2:0:-1]])


def _changes(pictures: Sequence[Picture]) -> list[float]:
    """Of the view, from the first frame to the one after the event's first, and to the last."""
    first, *later = (Scene.of(pictures[number]) for number in (0, EVENT + 1, -1))
    return [first.change(scene) for scene in later]


def _run(cutter: Cutter, pictures: Sequence[Picture]) -> tuple[list[int], float]:
    """Numbers of the frames reported as cuts, and the processor time in seconds."""
    start = time.process_time()
    reported = [number for number, picture in enumerate(pictures) if cutter.update(picture)]
    return reported, time.process_time() - start
