"""Turns: who speaks when, from the evidence for each person."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
CORRELATED = 0.4  # seconds of evidence that tell as much as one independent frame
SWITCH, AT_CUT = 3.0, 1.0  # evidence that a change of speaker needs; where people come or go
SILENCE = -0.4  # evidence per frame, below which nobody in the picture speaks
NOBODY = -1


class Turn(NamedTuple):
    """Successive frames in which one person speaks.

    Attributes:
        first: Number of the first frame.
        last: Number of the last frame (inclusive).
        person: Their index, or `NOBODY`.
        certainty: Probability of this against one of the others all along, 0 to 1.
    """

    first: int
    last: int
    person: int
    certainty: float


def find_turns(evidence: Array, fps: float) -> list[Turn]:
    """The most likely turns, by a Viterbi search.

    Args:
        evidence: `[T, P]` of each person, NaN where they are not in the picture.
        fps: Frames a second.
    """
    absent = np.isnan(evidence)
    states = np.column_stack([np.full(len(absent), SILENCE), np.where(absent, -np.inf, evidence)])
    scores = states / (CORRELATED * fps)
    cuts = (absent[1:] != absent[:-1]).any(1)
    path = _viterbi(scores, np.where(cuts, AT_CUT, SWITCH))
    edges = np.flatnonzero(np.diff(path)) + 1
    spans = zip([0, *edges], [*edges, len(path)], strict=True)
    return [_turn(scores, int(first), int(stop), int(path[first])) for first, stop in spans]


def _turn(scores: NDArray[np.floating], first: int, stop: int, state: int) -> Turn:
    total = scores[first:stop].sum(0, np.float64)
    likelihoods = np.exp(total - total.max())
    return Turn(first, stop - 1, state - 1, float(likelihoods[state] / likelihoods.sum()))


def _viterbi(scores: NDArray[np.floating], costs: NDArray[np.floating]) -> NDArray[np.int64]:
    """The best state of each frame, `[T]`.

    Args:
        scores: `[T, S]` of each state in each frame.
        costs: `[T - 1]` of a change from each frame to the next.
    """
    count, states = scores.shape
    best, back = scores[0].copy(), np.zeros((count, states), np.int64)
    for t in range(1, count):
        leader = int(best.argmax())
        changed = best[leader] - costs[t - 1]
        stays = best >= changed
        back[t] = np.where(stays, np.arange(states), leader)
        best = np.where(stays, best, changed) + scores[t]
    path = [int(best.argmax())]
    for t in range(count - 1, 0, -1):
        path.append(int(back[t, path[-1]]))
    return np.array(path[::-1])
