"""Scores shot boundary detectors on labelled sequences made from any videos."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from talkernel.errors import DataError
from talkernel.face.shots import NEW_VIEW, Scene, ShotCutter
from talkernel.lab.shots.effects import Shot, backdrop, fitted
from talkernel.lab.shots.sequences import CUTS, EVENT, KINDS, LENGTH, NEW_VIEWS, SAME_VIEW, Kind
from talkernel.media import Picture, open_face
from talkernel.media.sample import picture_of_rgb


class Cutter(Protocol):
    """Anything that finds cuts in a stream of pictures."""

    def update(self, picture: Picture) -> bool:
        """Whether the next frame begins a new shot."""


@dataclass
class KindScore:
    """What a detector found in the sequences of one kind.

    Attributes:
        sequences: Number of sequences.
        cuts: Cuts in them.
        found: Cuts that were reported at their very frame.
        false: Reports at other frames.
        with_false: Sequences with at least one such report.
        views_wrong: Sequences whose last frame `Scene.change` takes for another view than the
            first though it is the same, or for the same though it is another.
    """

    sequences: int = 0
    cuts: int = 0
    found: int = 0
    false: int = 0
    with_false: int = 0
    views_wrong: int = 0

    def add(self, kind: Kind, reported: Sequence[int], change: float) -> None:
        """Count one more sequence."""
        labelled = {EVENT} if kind in CUTS else set()
        false = set(reported) - labelled
        self.sequences += 1
        self.cuts += len(labelled)
        self.found += len(labelled & set(reported))
        self.false += len(false)
        self.with_false += bool(false)
        if kind in SAME_VIEW:
            self.views_wrong += change > NEW_VIEW
        elif kind in NEW_VIEWS:
            self.views_wrong += change <= NEW_VIEW


@dataclass
class CutScores:
    """A detector's scores.

    Attributes:
        kinds: By the name of the kind.
        ms_per_frame: Processor time of one update.
    """

    kinds: dict[str, KindScore]
    ms_per_frame: float

    @property
    def recall(self) -> float:
        """Cuts found, of all cuts."""
        return sum(k.found for k in self.kinds.values()) / sum(k.cuts for k in self.kinds.values())

    @property
    def precision(self) -> float:
        """Right reports, of all reports; 1 if there are none."""
        found = sum(k.found for k in self.kinds.values())
        return found / max(1, found + sum(k.false for k in self.kinds.values())) if found else 1.0

    def to_dict(self) -> dict[str, Any]:
        """As JSON's types."""
        return asdict(self) | {"recall": self.recall, "precision": self.precision}


def measure_cuts(
    videos: Sequence[Path],
    *,
    limit: int | None = None,
    seed: int = 0,
    cutter: Callable[[], Cutter] = ShotCutter,
    progress: Callable[[int, int], None] = lambda done, total: None,
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
            change = Scene.of(pictures[0]).change(Scene.of(pictures[-1]))
            scores[kind.__name__].add(kind, reported, change)
            spent, frames = spent + seconds, frames + len(pictures)
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


def _run(cutter: Cutter, pictures: Sequence[Picture]) -> tuple[list[int], float]:
    """Numbers of the frames reported as cuts, and the processor time in seconds."""
    start = time.process_time()
    reported = [number for number, picture in enumerate(pictures) if cutter.update(picture)]
    return reported, time.process_time() - start
