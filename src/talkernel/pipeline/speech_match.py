"""Evidence that a mouth makes a sound: predicted and observed lip codes belong together.

Both are described by their deviation from a running mean and by their velocity, which are jointly
Gaussian to a good approximation. Canonical correlation analysis (Hotelling 1936) turns them into
pairs of components of unit variance, of which only partners correlate. The log-likelihood ratio of
"they belong together" against "they are independent" is a sum over the pairs. Two cases that are
not Gaussian are treated apart: a mouth at rest speaks less than the ratio says, and silence tells
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from talkernel.model.lip_basis import LipBasis

Array = NDArray[np.float32]
DRIFT = 3.0  # seconds of the running mean, which takes out head pose and smiles
STEP = 0.04  # seconds before and after a frame between which velocity is measured
MOST_LAG = 0.32  # seconds by which sound and picture may be apart
LAG_COST = 0.5  # evidence per frame that a lag of one second costs
WINDOW = 1.5  # seconds of evidence that count together when the lag is found
LEAST, MOST = -3.0, 2.0  # evidence that one pair of components may give in one frame
PAUSE = 0.6  # seconds over which the energy of sound and mouth is measured; 1 is the mean of speech
STILL, STILL_EVIDENCE = 0.4, -3.0  # a mouth with less energy than this fraction of the sound's
SILENT, SILENT_EVIDENCE = 0.3, -1.0  # sound with less energy


class Shown(NamedTuple):
    """A mouth in successive frames.

    Attributes:
        first: Number of the first frame.
        codes: `[T, K]` its lip codes.
    """

    first: int
    codes: Array


@dataclass(frozen=True)
class SpeechMatch:
    """Canonical correlation of predicted and observed lip motion.

    Attributes:
        spoken: `[2K, 2K]` maps predicted motion to components of unit variance.
        shown: `[2K, 2K]` the same for observed motion.
        correlation: `[2K]` of each pair of components, 0 to below 1.
        scale: `[K]` of the lip basis whose codes are compared.
    """

    spoken: Array
    shown: Array
    correlation: Array
    scale: Array

    def fits(self, basis: LipBasis) -> bool:
        """Whether it compares this basis's lip codes."""
        same_size = self.scale.shape == basis.scale.shape
        return same_size and np.allclose(self.scale, basis.scale, rtol=0.01)

    @property
    def lip_code(self) -> int:
        """Length K of the lip codes that it compares."""
        return len(self.scale)

    def evidence(self, spoken: Array, shown: Array, fps: float) -> Array:
        """Evidence of each frame, `[T]`, for components `[T, 2K]` of both."""
        wanted, there = self._energy(spoken, fps), self._energy(shown, fps)
        rest = np.clip(1.0 - there / np.maximum(STILL * wanted, 1e-6), 0.0, 1.0)
        still = STILL_EVIDENCE * rest * np.minimum(wanted, 1.0)
        speech = np.minimum(wanted / SILENT, 1.0)
        found = self._log_likelihood_ratio(spoken, shown) + still
        return np.asarray(speech * found + (1.0 - speech) * SILENT_EVIDENCE, np.float32)

    def _log_likelihood_ratio(self, spoken: Array, shown: Array) -> Array:
        r = self.correlation
        squares, products = r**2 * (spoken**2 + shown**2), 2 * r * spoken * shown
        ratio = -0.5 * np.log(1 - r**2) - (squares - products) / (2 * (1 - r**2))
        return np.asarray(np.clip(ratio, LEAST, MOST).sum(1), np.float32)

    def _energy(self, components: Array, fps: float) -> Array:
        """Mean square over a while, `[T]`; each component counts by its correlation."""
        weight = self.correlation**2 / (self.correlation**2).sum()
        energy = (components**2) @ weight
        return running_mean(energy[:, None], round(PAUSE * fps))[:, 0]


@cache
def speech_match() -> SpeechMatch:
    """The analysis that comes with the default model."""
    return SpeechMatch(**load((files("talkernel.weights") / "speaking.safetensors").read_bytes()))


def motion(codes: Array, fps: float) -> Array:
    """Lip motion: deviation from the running mean, and velocity per second.

    Args:
        codes: `[T, K]` lip codes.
        fps: Frames a second.

    Returns:
        `[T, 2K]`.
    """
    steady = codes - running_mean(codes, round(DRIFT * fps))
    step = max(1, round(STEP * fps))
    padded = np.pad(codes, ((step, step), (0, 0)), "edge")
    velocity = (padded[2 * step :] - padded[: -2 * step]) * (fps / (2 * step))
    return np.hstack([steady, velocity]).astype(np.float32)


def speech_evidence(
    spoken: Array, mouths: Sequence[Shown], count: int, fps: float, match: SpeechMatch
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
    heard = np.zeros((count + 2 * most, 2 * match.lip_code), np.float32)  # silence around it
    known = motion(spoken[: count + most], fps) @ match.spoken
    heard[most : most + len(known)] = known
    seen = [Shown(first, motion(codes, fps) @ match.shown) for first, codes in mouths]
    lags = sorted(range(-most, most + 1), key=abs)
    found = [_at_lag(heard[most - lag :], seen, count, fps, match, lag) for lag in lags]
    return max(found, key=lambda one: one[0])[1]


def _at_lag(
    heard: Array, seen: list[Shown], count: int, fps: float, match: SpeechMatch, lag: int
) -> tuple[float, Array]:
    """How well a lag of the picture fits, and the evidence with it."""
    evidence, total = np.full(count, np.nan, np.float32), 0.0
    for first, components in seen:
        frames = slice(first, first + len(components))
        evidence[frames] = match.evidence(heard[frames], components, fps)
        windows = running_mean(evidence[frames, None], round(WINDOW * fps))
        total += float((np.maximum(windows, 0.0) - LAG_COST * abs(lag) / fps).sum())
    return total, evidence


def running_mean(values: Array, width: int) -> Array:
    """Mean over `width` frames around each, fewer at the ends: `[T, K]`."""
    total = np.vstack([np.zeros_like(values[:1]), np.cumsum(values, 0, dtype=np.float64)])
    at = np.arange(len(values))
    first, last = np.maximum(0, at - width // 2), np.minimum(len(values), at + width // 2 + 1)
    return np.asarray((total[last] - total[first]) / (last - first)[:, None], np.float32)
