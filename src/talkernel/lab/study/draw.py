"""What a rater gets to see: random groups, in random order, each in random order."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from talkernel.lab.study.manifest import Group, Manifest


def draw_groups(
    manifest: Manifest, seen: Mapping[str, int], rng: Random
) -> list[tuple[str, list[str]]]:
    """Draw one rater's groups.

    Those that fewer raters were shown so far come first in the draw, so that all groups are
    judged about equally often. Each attention check falls into a stretch of its own.

    Args:
        manifest: The study.
        seen: To how many raters each group was shown, by its name.
        rng: Draws.

    Returns:
        Groups' names and their videos, in the order to be shown.
    """
    chosen = rng.sample(manifest.compared, len(manifest.compared))
    chosen.sort(key=lambda group: seen.get(group.name, 0))
    chosen = chosen[: manifest.groups_per_rater]
    rng.shuffle(chosen)
    return [(one.name, _shuffled(one, rng)) for one in _with_checks(chosen, manifest.checks, rng)]


def _with_checks(groups: list[Group], checks: list[Group], rng: Random) -> list[Group]:
    """Each check at a random place within an equal part of the groups of its own."""
    mixed = list(groups)
    for number, check in reversed(list(enumerate(rng.sample(checks, len(checks))))):
        first, last = (len(groups) * end // len(checks) for end in (number, number + 1))
        mixed.insert(rng.randint(first, last), check)  # from behind, so that places stay right
    return mixed


def _shuffled(group: Group, rng: Random) -> list[str]:
    return rng.sample(list(group.systems), len(group.systems))
