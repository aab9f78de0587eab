"""The voice's and microphone's own mean spectrum, taken off before AudioNet listens.

Cepstral mean normalisation, in speech recognition's words: what is the same all the time
tells of the speaker, the room and the loudness, not of the lips.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
LOUDER = 1.5  # weight of a column: this power of e per unit (12.5 dB) of its loudness
QUIET = 1.5  # units below everybody's loudness, from which a column is no voice
TRUST = 80.0  # columns heard that count as much as the mean over everybody's voices


class SpeechLevel:
    """Mean of the columns heard so far, the loud ones above all: pauses say nothing of a voice.

    Twice as loud a recording has just that louder a mean, whatever its pauses. What is far
    quieter than any voice does not count at all: silence is not a voice to be made up for.

    Args:
        prior: `[80]` mean over many voices, with which it begins.
    """

    def __init__(self, prior: NDArray[np.floating]) -> None:
        self._prior = np.asarray(prior, np.float64)
        self._sum = np.zeros_like(self._prior)
        self._quiet = float(self._prior.mean()) - QUIET
        self._weight = self._square = 0.0

    def hear(self, columns: Array) -> None:
        """Take in mel columns `[80, k]`."""
        heard = columns.astype(np.float64)
        weight = np.where(heard.mean(0) > self._quiet, _weight(heard), 0.0)
        self._sum += heard @ weight
        self._weight += float(weight.sum())
        self._square += float((weight**2).sum())

    @property
    def mean(self) -> Array:
        """`[80]` as far as is known."""
        if not self._weight:
            return self._prior.astype(np.float32)
        count = self._weight**2 / self._square  # columns, were all equally loud
        share = count / (count + TRUST)
        mean = share * self._sum / self._weight + (1.0 - share) * self._prior
        return mean.astype(np.float32)


def loud_mean(columns: Array) -> NDArray[np.float64]:
    """Mean `[80]` of a voice's columns `[80, k]`, the loud ones above all."""
    heard = columns.astype(np.float64)
    weight = _weight(heard)
    return np.asarray(heard @ weight / weight.sum())


def _weight(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(LOUDER * columns.mean(0)))
