"""Metrics of mouth motion: correlation with the speaker's and the input's mouth, lips closing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkernel.lab.correlation import correlation

Array = NDArray[np.float32]
LAGS = range(-3, 4)  # frames
LIPS_CLOSED = 0.03  # canonical units of opening up to which lips touch; few mouths are in between
CLOSED_QUANTILE = 0.15  # of a clip's openings: the person's closed mouth


def lag_name(lag: int) -> str:
    """Column of the correlation at a lag, such as `r_lag-2` or `r_lag+0`."""
    return f"r_lag{lag:+d}"


def following(opening: Array, target: Array) -> dict[str, float]:
    """How closely a mouth follows the mouth of the person who spoke.

    Args:
        opening: Mouth opening `[T]` of the video measured.
        target: Of the real video that the speech belongs to.

    Returns:
        `r_speech`: their correlation. `amplitude`: the ratio of their standard deviations. The
        correlation at each of `LAGS`. And the metrics of `lip_closure`.
    """
    by_lag = {lag_name(lag): correlation(opening, target, lag) for lag in LAGS}
    amplitude = _ratio(np.nanstd(opening), np.nanstd(target))
    return {
        "r_speech": by_lag[lag_name(0)],
        "amplitude": amplitude,
        **by_lag,
        **lip_closure(opening, target),
    }


def lip_closure(opening: Array, target: Array) -> dict[str, float]:
    """Whether the lips close when the speaker's do, as for m, b and p.

    A correlation hardly shows it: closures are short.

    Args:
        opening: Mouth opening `[T]` of the video measured, canonical units, NaN without a face.
        target: Of the real video that the speech belongs to; the longer of both is cut.

    Returns:
        `met`: fraction of the frames with the speaker's lips closed in which these are closed
        too. `met_else`: the same over the frames in which the speaker's lips are apart.
    """
    count = min(len(opening), len(target))
    opening, target = opening[:count], target[:count]
    both = ~(np.isnan(opening) | np.isnan(target))
    closed, target_closed = opening[both] <= LIPS_CLOSED, target[both] <= LIPS_CLOSED
    return {"met": _fraction(closed[target_closed]), "met_else": _fraction(closed[~target_closed])}


def input_correlation(opening: Array, input_opening: Array) -> dict[str, float]:
    """`r_input`: correlation of a mouth `[T]` with the mouth in the input; 1 for a mere copy."""
    return {"r_input": correlation(opening, input_opening)}


def motion_in_silence(opening: Array, talking: Array) -> dict[str, float]:
    """How much a mouth `[T]` driven by silence moves, relative to the talking input.

    Returns:
        `movement`: ratio of the standard deviations. `open`: mean opening above the person's
        closed mouth, relative to the talking clip's.
    """
    closed = float(np.nanquantile(talking, CLOSED_QUANTILE))
    usual = float(np.nanmean(talking)) - closed
    return {
        "movement": _ratio(np.nanstd(opening), np.nanstd(talking)),
        "open": _ratio(np.nanmean(opening) - closed, usual),
    }


def _fraction(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else float("nan")


def _ratio(value: np.floating[Any] | float, whole: np.floating[Any] | float) -> float:
    """NaN where the whole is 0, as for a mouth that never moves."""
    return float(value / whole) if whole else float("nan")
