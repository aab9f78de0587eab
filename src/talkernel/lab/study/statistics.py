"""Shares of votes, how sure they are, and how far raters agree."""

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
    """Wilson's 95 % interval of a share, as if every answer were from another person.

    Args:
        votes: For one system.
        answers: In all, at least one.
    """
    interval = binomtest(votes, answers).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def bootstrap(votes: ArrayLike, answers: ArrayLike, *, seed: int = 0) -> Interval | None:
    """Percentile interval of a share, 95 %, over raters drawn with replacement.

    One person's answers resemble each other; it is people that are drawn, not answers.

    Args:
        votes: Of each rater for one system `[R]`.
        answers: Of each rater in all `[R]`, each at least one.
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
    """Krippendorff's alpha for choices without an order, with any number of raters per unit.

    1 is full agreement, 0 what chance gives, below 0 less than that.

    Args:
        units: What the raters of each unit chose; units with one rater say nothing.

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
