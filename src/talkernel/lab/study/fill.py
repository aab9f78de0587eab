"""Fills a study's folder: videos under random names, and attention checks."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from talkernel.lab.study.attention import break_video
from talkernel.lab.study.browser_video import Checked, publish
from talkernel.lab.study.manifest import BROKEN, PROPER, VIDEOS, Group, Manifest
from talkernel.lab.study.questions import CONSENT

REAL = "real"
UNEQUAL = 0.2  # seconds of difference in length that are reported
Inputs = dict[str, dict[str, Checked]]  # by input and system


@dataclass(frozen=True)
class Design:
    """Settings of a study.

    Attributes:
        groups_per_rater: Groups that each rater sees, at most all of them.
        checks: Attention checks that each rater sees.
        seed: Of all random choices except the videos' names.
        consent: Text that raters agree to.
    """

    groups_per_rater: int = 20
    checks: int = 2
    seed: int = 0
    consent: str = CONSENT


class Filler:
    """Fills a study's folder.

    Args:
        folder: The folder.
        rng: Chooses the content of the checks.
    """

    def __init__(self, folder: Path, rng: Random) -> None:
        self._videos, self._rng = folder / VIDEOS, rng
        self._videos.mkdir()

    def fill(self, systems: list[str], inputs: Inputs, design: Design) -> Manifest:
        """Publish all videos and create the checks."""
        groups = [self._group(name, videos) for name, videos in inputs.items()]
        checks = [self._check(groups, inputs, systems) for _ in range(design.checks)]
        every = [video for videos in inputs.values() for video in videos.values()]
        return Manifest(
            systems=systems,
            groups=groups + checks,
            groups_per_rater=min(design.groups_per_rater, len(groups)),
            seed=design.seed,
            consent=design.consent,
            encoded=[str(video.path) for video in every if not video.plays],
            unequal=[name for name, videos in inputs.items() if _unequal(videos.values())],
        )

    def _group(self, name: str, videos: Mapping[str, Checked]) -> Group:
        return Group(_token(), name, {self._publish(v): system for system, v in videos.items()})

    def _check(self, groups: Sequence[Group], inputs: Inputs, systems: list[str]) -> Group:
        """One video, a real one if there are any, beside broken copies of it."""
        group = self._rng.choice(groups)
        system = REAL if REAL in systems else self._rng.choice(systems)
        good = inputs[group.source][system]
        shown = {self._publish(good): PROPER}
        for _ in systems[1:]:
            shown[self._broken(good, self._videos / next(iter(shown)))] = BROKEN
        return Group(_token(), group.source, shown, is_check=True)

    def _broken(self, good: Checked, published: Path) -> str:
        between = self._videos / "broken.mp4"
        break_video(published, between, good.frames, self._rng)
        name = self._publish(Checked(between, good.frames, good.seconds))
        between.unlink()
        return name

    def _publish(self, video: Checked) -> str:
        name = f"{_token()}.mp4"
        publish(video, self._videos / name)
        return name


def _token() -> str:
    return secrets.token_hex(16)  # not from the seed, which is not secret


def _unequal(videos: Iterable[Checked]) -> bool:
    seconds = [video.seconds for video in videos]
    return max(seconds) - min(seconds) > UNEQUAL
