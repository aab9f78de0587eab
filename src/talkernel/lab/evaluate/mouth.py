"""Does the mouth follow the speech, or the mouth that it saw? And is it still in silence?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkernel.lab.correlation import correlation

Array = NDArray[np.float32]
LAGS = range(-3, 4)  # frames
MEETING = 0.03  # canonical units of opening up to which lips meet: few mouths are between
CLOSED_SHARE = 0.15  # of a clip's frames, those with the mouth most closed, tell "closed"


def lag_name(lag: int) -> str:
    """Column of the correlation at a lag, such as `r_lag-2` or `r_lag+0`."""
    return f"r_lag{lag:+d}"


def following(opening: Array, wanted: Array) -> dict[str, float]:
    """How a mouth follows the one that really spoke the sound.

    Args:
        opening: Mouth opening `[T]` of the video judged.
        wanted: Of the real video that the sound belongs to.

    Returns:
        `r_speech`: their correlation; `amplitude`: the ratio of their standard deviations; the
        correlation with `opening` moved by each of `LAGS` frames; and the figures of `meeting`.
    """
    by_lag = {lag_name(lag): correlation(opening, wanted, lag) for lag in LAGS}
    size = _ratio(np.nanstd(opening), np.nanstd(wanted))
    return {
        "r_speech": by_lag[lag_name(0)],
        "amplitude": size,
        **by_lag,
        **meeting(opening, wanted),
    }


def meeting(opening: Array, wanted: Array) -> dict[str, float]:
    """Whether lips meet when the speaker's do, as for m, b and p; which a correlation hardly tells.

    Args:
        opening: Mouth opening `[T]` of the video judged, canonical units, NaN without a face.
        wanted: Of the real video that the sound belongs to; the longer of both is cut.

    Returns:
        `met`: of the frames in which the speaker's lips meet, the share in which those judged do;
        `met_else`: the same of the frames in which the speaker's are apart.
    """
    count = min(len(opening), len(wanted))
    opening, wanted = opening[:count], wanted[:count]
    both = ~(np.isnan(opening) | np.isnan(wanted))
    shut, due = opening[both] <= MEETING, wanted[both] <= MEETING
    return {"met": _share(shut[due]), "met_else": _share(shut[~due])}


def copying(opening: Array, seen: Array) -> dict[str, float]:
    """`r_input`: correlation of a mouth `[T]` with the one in the input, 1 for a mere copy."""
    return {"r_input": correlation(opening, seen)}


def leaking(opening: Array, talking: Array) -> dict[str, float]:
    """How much a mouth `[T]` moves in silence, of what it does in the talking input.

    Returns:
        `movement`: ratio of the standard deviations; `open`: mean opening above the person's
        closed mouth, as a share of the talking clip's.
    """
    closed = float(np.nanquantile(talking, CLOSED_SHARE))
    usual = float(np.nanmean(talking)) - closed
    return {
        "movement": _ratio(np.nanstd(opening), np.nanstd(talking)),
        "open": _ratio(np.nanmean(opening) - closed, usual),
    }


def _share(of: NDArray[np.bool_]) -> float:
    return float(of.mean()) if len(of) else float("nan")


def _ratio(share: np.floating[Any] | float, whole: np.floating[Any] | float) -> float:
    """NaN where the whole is nothing, such as a mouth that never moves."""
    return float(share / whole) if whole else float("nan")
