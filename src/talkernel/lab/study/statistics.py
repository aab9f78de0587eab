"""Confidence intervals of vote percentages, and agreement between raters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

DRAWS = 10_000
LEVEL = 0.95
Interval = tuple[float, float]


def wilson(votes: int, answers: int) -> Interval:
    """Wilson's 95 % interval of a fraction, treating all answers as independent.

    Args:
        votes: For one system.
        answers: Total, at least one.
    """
    interval = binomtest(votes, answers).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def bootstrap(votes: ArrayLike, answers: ArrayLike, *, seed: int = 0) -> Interval | None:
    """Percentile interval of a fraction, 95 %, by bootstrap over raters.

    Raters are resampled, not answers, because answers of one person are not independent.

    Args:
        votes: Votes of each rater for one system `[R]`.
        answers: All answers of each rater `[R]`, each at least one.
        seed: Of the 10,000 draws.

    Returns:
        None for fewer than two raters.
    """
    own, every = np.asarray(votes, float), np.asarray(answers, float)
    count = len(own)
    if count < 2:
        return None
    rng = np.random.default_rng(seed)
    times: NDArray[np.int64] = rng.multinomial(count, np.full(count, 1 / count), DRAWS)
    low, high = np.quantile(times @ own / (times @ every), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def krippendorff_alpha(units: Iterable[Sequence[str]]) -> float | None:
    """Krippendorff's alpha for nominal data, with any number of raters per unit.

    1 is full agreement, 0 the level of chance, below 0 less than chance.

    Args:
        units: Choices of the raters of each unit; units with one rater are ignored.

    Returns:
        None where no unit has two raters, or all of them always chose the same.
    """
    counted = [Counter(unit) for unit in units if len(unit) > 1]
    totals = sum(counted, Counter[str]())
    n = totals.total()
    if len(totals) < 2:
        return None
    observed = sum(_unequal_pairs(one) / (one.total() - 1) for one in counted) / n
    return 1 - observed / (_unequal_pairs(totals) / (n * (n - 1)))


def _unequal_pairs(counts: Counter[str]) -> int:
    """Ordered pairs of values that differ."""
    return counts.total() ** 2 - sum(count**2 for count in counts.values())
