"""Streaming mel spectrograms of a 16 kHz wave; the size of the pieces does not matter.

There are two kinds: Wav2Lip's, which the paper's audio network uses (Section VI-A), and Whisper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
N_MELS = 80

Array = NDArray[np.float32]


@dataclass(frozen=True)
class MelKind:
    """Parameters of a mel spectrogram with the values `slope * log10(mel) + offset`.

    Attributes:
        n_fft: Length of the Hann window in samples.
        hop: Samples between columns.
        f_min, f_max: Range of the filters in Hz.
        power: Exponent of the magnitudes before filtering.
        pre_emphasis: Coefficient of the pre-emphasis filter.
        slope, offset: Scale of the values.
        silence: Value of silence, which is the lowest one.
        highest: The highest value.
    """

    n_fft: int
    hop: int
    f_min: float
    f_max: float
    power: int
    pre_emphasis: float
    slope: float
    offset: float
    silence: float
    highest: float

    @property
    def rate(self) -> int:
        """Columns a second."""
        return SAMPLE_RATE // self.hop

    @property
    def unit(self) -> float:
        """Decibels per unit."""
        return 20.0 / self.power / self.slope


# Wav2Lip: -100 to 0 dB, relative to its reference of 20 dB, scaled to [-4, 4].
WAV2LIP = MelKind(
    n_fft=800,
    hop=200,
    f_min=55.0,
    f_max=7600.0,
    power=1,
    pre_emphasis=0.97,
    slope=1.6,
    offset=2.4,
    silence=-4.0,
    highest=4.0,
)
# Whisper clips 80 dB below the loudest column of the recording. A stream cannot know that, so the
# floor is fixed.
WHISPER = MelKind(
    n_fft=400,
    hop=160,
    f_min=0.0,
    f_max=8000.0,
    power=2,
    pre_emphasis=0.0,
    slope=0.25,
    offset=1.0,
    silence=-0.625,
    highest=np.inf,
)


@cache
def mel_filter_bank(kind: MelKind = WAV2LIP) -> NDArray[np.float64]:
    """Slaney's triangular filters, area-normalised, `[80, n_fft / 2 + 1]`."""
    bins = np.fft.rfftfreq(kind.n_fft, 1 / SAMPLE_RATE)
    edges = _mel_to_hz(np.linspace(_hz_to_mel(kind.f_min), _hz_to_mel(kind.f_max), N_MELS + 2))
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * 2.0 / (high - low))


# Slaney's scale: linear below 1 kHz (3 mels per 200 Hz), logarithmic above.
_KNEE_HZ, _KNEE_MEL, _LOG_STEP = 1000.0, 15.0, np.log(6.4) / 27.0


def _hz_to_mel(hz: float) -> float:
    if hz < _KNEE_HZ:
        return hz * 3.0 / 200.0
    return float(_KNEE_MEL + np.log(hz / _KNEE_HZ) / _LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    log_part = _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * 200.0 / 3.0, log_part)


class MelSpectrogram:
    """Streaming mel spectrogram; column `k` is centred on sample `hop * k`."""

    def __init__(self, kind: MelKind = WAV2LIP) -> None:
        self.kind = kind
        self._pending = np.zeros(kind.n_fft // 2)  # silence: column 0 is centred on sample 0
        self._last_sample = 0.0
        self._samples = 0
        self._columns = 0

    def push(self, wave: NDArray[np.floating]) -> Array:
        """Feed samples.

        Args:
            wave: `[n]` mono samples at 16 kHz in [-1, 1].

        Returns:
            The columns that are now complete, `[80, k]`.
        """
        self._samples += len(wave)
        return self._advance(self._emphasise(np.asarray(wave, np.float64)))

    def flush(self) -> Array:
        """End of the sound: the columns that extend beyond it, `[80, k]`."""
        kind = self.kind
        wanted = 1 + self._samples // kind.hop - self._columns
        missing = (wanted - 1) * kind.hop + kind.n_fft - len(self._pending)
        return self._advance(np.zeros(max(0, missing)))

    def _emphasise(self, wave: NDArray[np.float64]) -> NDArray[np.float64]:
        previous = np.concatenate([[self._last_sample], wave])
        self._last_sample = float(previous[-1])
        return wave - self.kind.pre_emphasis * previous[:-1]

    def _advance(self, wave: NDArray[np.float64]) -> Array:
        kind = self.kind
        self._pending = np.concatenate([self._pending, wave])
        count = max(0, (len(self._pending) - kind.n_fft) // kind.hop + 1)
        if not count:
            return np.zeros((N_MELS, 0), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self._pending, kind.n_fft)
        frames = windows[:: kind.hop][:count] * _hann(kind.n_fft)
        columns = _scaled(np.abs(np.fft.rfft(frames, axis=1)).T ** kind.power, kind)
        self._pending = self._pending[count * kind.hop :]
        self._columns += count
        return columns


@cache
def _hann(length: int) -> NDArray[np.float64]:
    return np.hanning(length + 1)[:-1]


def _scaled(spectrum: NDArray[np.float64], kind: MelKind) -> Array:
    lowest = 10.0 ** ((kind.silence - kind.offset) / kind.slope)
    mel = np.maximum(mel_filter_bank(kind) @ spectrum, lowest)
    return np.asarray(
        np.minimum(kind.slope * np.log10(mel) + kind.offset, kind.highest), np.float32
    )


def mel_spectrogram(wave: NDArray[np.floating], kind: MelKind = WAV2LIP) -> Array:
    """Mel spectrogram `[80, columns]` of a whole wave `[n]` at 16 kHz in [-1, 1]."""
    stream = MelSpectrogram(kind)
    return np.hstack([stream.push(wave), stream.flush()])
