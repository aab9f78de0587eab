"""Means with 95 % intervals by the bootstrap over people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS, SEED = 2000, 0
INTERVAL = (2.5, 97.5)  # percentiles


@dataclass(frozen=True)
class Mean:
    """A mean over clips.

    Attributes:
        mean: NaN where no clip has the metric.
        low: Lower end of its 95 % interval.
        high: Upper end.
        clips: How many clips have the metric.
        spread: Standard deviation over clips.
    """

    mean: float
    low: float
    high: float
    clips: int
    spread: float

    def text(self, digits: int = 3) -> str:
        """As `0.812 [0.790, 0.834]`; the interval is left out where there is none."""
        if math.isnan(self.mean):
            return "–"
        if math.isnan(self.low):
            return f"{self.mean:.{digits}f}"
        return f"{self.mean:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def mean_with_interval(values: Sequence[float], people: Sequence[str]) -> Mean:
    """The mean of the finite values and its 95 % percentile interval.

    The bootstrap resamples people, each with all their clips, because clips of one person are
    not independent. With one clip per person it is the usual bootstrap. The seed is fixed.

    Args:
        values: A metric of every clip, NaN where it could not be measured.
        people: Who each clip shows.
    """
    found = [(v, p) for v, p in zip(values, people, strict=True) if np.isfinite(v)]
    groups: dict[str, list[float]] = {}
    for value, person in found:
        groups.setdefault(person, []).append(value)
    if not found:
        return Mean(math.nan, math.nan, math.nan, 0, math.nan)
    mean, spread = (float(of([value for value, _ in found])) for of in (np.mean, np.std))
    if len(groups) < 2:
        return Mean(mean, math.nan, math.nan, len(found), spread)
    sums = np.array([sum(group) for group in groups.values()])
    counts = np.array([len(group) for group in groups.values()])
    drawn = np.random.default_rng(SEED).integers(len(sums), size=(DRAWS, len(sums)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.percentile(means, INTERVAL)
    return Mean(mean, float(low), float(high), len(found), spread)
