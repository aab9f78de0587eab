"""Evidence that a mouth makes a sound, and the turns in which people speak.

Predicted and observed lip codes are jointly Gaussian to a good approximation. Canonical
correlation analysis (Hotelling 1936) gives pairs of independent components with correlations
rho_i; the log-likelihood ratio of "they belong together" against "they do not" is a sum over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

Array = NDArray[np.float32]
DRIFT = 3.0  # seconds over which a running mean is taken out: head pose, smiles
MOST_LAG = 0.32  # seconds by which sound and picture may be apart
LAG_COST = 0.5  # evidence per second that a lag costs for each second of lag
WINDOW = 1.5  # seconds of evidence that count together
PAUSE = 0.6  # seconds in which a speaking mouth moves
STILL = 0.4  # energy of a mouth that counts as still, of that which the sound wants
STILLNESS = 3.0  # evidence against a still mouth
LEAST, MOST = -6.0, 3.0  # evidence that one component of one frame may give
CORRELATED = 5.0  # frames at 25 a second that tell as much as one independent frame
SWITCH = 3.0  # evidence that a change of speaker needs
SILENCE = -0.5  # evidence per frame, below which nobody in the picture speaks
NOBODY = -1


@dataclass(frozen=True)
class SpeechMatch:
    """Canonical correlation of predicted and observed lip codes.

    Attributes:
        spoken: `[K, K]` maps predicted lip codes to components of unit variance.
        shown: `[K, K]` the same for observed ones.
        correlation: `[K]` of each pair of components.
    """

    spoken: Array
    shown: Array
    correlation: Array

    def evidence(self, spoken: Array, shown: Array, fps: float) -> Array:
        """Log-likelihood ratio of each frame, `[T]`, for lip codes `[T, K]`, mean removed."""
        a, b, r = spoken @ self.spoken, shown @ self.shown, self.correlation
        squares, products = r**2 * (a * a + b * b), 2 * r * a * b
        ratio = -0.5 * np.log(1 - r**2) - (squares - products) / (2 * (1 - r**2))
        energies = np.stack([(part**2) @ r**2 / (r**2).sum() for part in (a, b)], 1)
        wanted, there = _running_mean(energies, round(PAUSE * fps)).T
        rest = np.clip(1.0 - there / np.maximum(STILL * wanted, 1e-6), 0.0, 1.0)
        still = rest * np.minimum(wanted, 1.0)
        return np.asarray(np.clip(ratio, LEAST, MOST).sum(1) - STILLNESS * still, np.float32)


class Shown(NamedTuple):
    """A mouth in successive frames.

    Attributes:
        first: Number of the first frame.
        codes: `[T, K]` its lip codes.
    """

    first: int
    codes: Array


class Turns(NamedTuple):
    """Successive frames in which one person speaks.

    Attributes:
        first: Number of the first frame.
        last: Number of the last frame (inclusive).
        person: Their index, or `NOBODY`.
        evidence: Mean evidence per frame.
    """

    first: int
    last: int
    person: int
    evidence: float


@cache
def speech_match() -> SpeechMatch:
    """The analysis that comes with the default model."""
    arrays = load((files("talkernel.weights") / "speaking.safetensors").read_bytes())
    return SpeechMatch(arrays["spoken"], arrays["shown"], arrays["correlation"])


def speech_evidence(
    spoken: Array, mouths: list[Shown], count: int, fps: float, match: SpeechMatch
) -> Array:
    """Evidence that a person speaks, `[count]`; NaN where they are not in the picture.

    Args:
        spoken: `[T, K]` lip codes predicted from the sound.
        mouths: Where they are in the picture.
        count: Number of frames.
        fps: Frames a second.
        match: How both belong together.
    """
    most = round(MOST_LAG * fps)
    lags = sorted(range(-most, most + 1), key=abs)
    found = [_at_lag(spoken, mouths, count, fps, match, lag) for lag in lags]
    return max(found, key=lambda one: one[0])[1]


def _at_lag(
    spoken: Array, mouths: list[Shown], count: int, fps: float, match: SpeechMatch, lag: int
) -> tuple[float, Array]:
    """How well a lag of the picture fits, and the evidence with it."""
    evidence, total = np.full(count, np.nan, np.float32), 0.0
    for first, codes in mouths:
        at = np.clip(np.arange(first, first + len(codes)) - lag, 0, len(spoken) - 1)
        drift = round(DRIFT * fps)
        found = match.evidence(_steady(spoken[at], drift), _steady(codes, drift), fps)
        evidence[first : first + len(codes)] = found
        window = np.maximum(_running_mean(found[:, None], round(WINDOW * fps))[:, 0], 0.0)
        total += float((window - LAG_COST * abs(lag) / fps).sum())
    return total, evidence


def find_turns(evidence: Array, fps: float) -> list[Turns]:
    """The most likely turns.

    Args:
        evidence: `[T, P]` of each person, NaN where they are not in the picture.
        fps: Frames a second.
    """
    weight = 25.0 / (fps * CORRELATED)
    scores = np.where(np.isnan(evidence), SILENCE - 1.0, evidence) * weight
    path = _viterbi(np.column_stack([np.full(len(scores), SILENCE * weight), scores]))
    edges = np.flatnonzero(np.diff(path)) + 1
    turns = []
    for first, stop in zip([0, *edges], [*edges, len(path)], strict=True):
        person = int(path[first]) - 1
        mean = 0.0 if person == NOBODY else float(np.nanmean(evidence[first:stop, person]))
        turns.append(Turns(int(first), int(stop) - 1, person, mean))
    return turns


def _viterbi(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """The best state of each frame, `[T]`, for scores `[T, S]`."""
    count, states = scores.shape
    best, back = scores[0].copy(), np.zeros((count, states), np.int64)
    for t in range(1, count):
        leader = int(best.argmax())
        stays = best >= best[leader] - SWITCH
        back[t] = np.where(stays, np.arange(states), leader)
        best = np.where(stays, best, best[leader] - SWITCH) + scores[t]
    path = [int(best.argmax())]
    for t in range(count - 1, 0, -1):
        path.append(int(back[t, path[-1]]))
    return np.array(path[::-1])


def _steady(codes: Array, width: int) -> Array:
    """Lip codes `[T, K]` without their slow drift."""
    return np.asarray(codes - _running_mean(codes, width), np.float32)


def _running_mean(values: Array, width: int) -> Array:
    """Mean over `width` frames around each, fewer at the ends: `[T, K]`."""
    total = np.vstack([np.zeros_like(values[:1]), np.cumsum(values, 0, dtype=np.float64)])
    at = np.arange(len(values))
    first, last = np.maximum(0, at - width // 2), np.minimum(len(values), at + width // 2 + 1)
    return np.asarray((total[last] - total[first]) / (last - first)[:, None], np.float32)
