"""Draws what a rater sees: random groups in random order, videos in random order."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from talkernel.lab.study.manifest import Group, Manifest


def draw_groups(
    manifest: Manifest, seen: Mapping[str, int], rng: Random
) -> list[tuple[str, list[str]]]:
    """Draw one rater's groups.

    Groups that fewer raters have seen are drawn first, so that all groups are rated about
    equally often. Attention checks are spread: each is in its own part of the sequence.

    Args:
        manifest: The study.
        seen: Number of raters that saw each group, by its name.
        rng: Source of randomness.

    Returns:
        Names of the groups and their videos, in the order of showing.
    """
    chosen = rng.sample(manifest.compared, len(manifest.compared))
    chosen.sort(key=lambda group: seen.get(group.name, 0))
    chosen = chosen[: manifest.groups_per_rater]
    rng.shuffle(chosen)
    return [(one.name, _shuffled(one, rng)) for one in _with_checks(chosen, manifest.checks, rng)]


def _with_checks(groups: list[Group], checks: list[Group], rng: Random) -> list[Group]:
    """Insert each check at a random place of its own, equal part of the sequence."""
    mixed = list(groups)
    for number, check in reversed(list(enumerate(rng.sample(checks, len(checks))))):
        first, last = (len(groups) * end // len(checks) for end in (number, number + 1))
        mixed.insert(rng.randint(first, last), check)  # from the end: earlier positions stay valid
    return mixed


def _shuffled(group: Group, rng: Random) -> list[str]:
    return rng.sample(list(group.systems), len(group.systems))
