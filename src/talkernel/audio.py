"""Speech front end: 16 kHz wave -> mel spectrogram -> one window per video frame.

The mel spectrogram has exactly Wav2Lip's parameters, on which the paper's audio network
builds (Section VI-A). Everything streams: fed whole or in small pieces, the numbers agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from talkernel.config import ModelConfig
from talkernel.speech_level import SpeechLevel

SAMPLE_RATE = 16_000
PRE_EMPHASIS = 0.97
N_FFT = 800
HOP = 200  # 80 mel columns a second
N_MELS = 80
F_MIN, F_MAX = 55.0, 7600.0
MIN_DB, REF_DB = -100.0, 20.0
MAX_ABS = 4.0
COLUMNS_PER_SECOND = SAMPLE_RATE // HOP
WINDOW = 16  # columns for one video frame: 0.2 s
SILENCE = -MAX_ABS  # the value of a column without sound
AHEAD = 10 * COLUMNS_PER_SECOND  # of a recorded voice, heard before its mean is taken off

Array = NDArray[np.float32]


@cache
def mel_filter_bank() -> NDArray[np.float64]:
    """Slaney's triangular filters, area-normalised, `[80, 401]`."""
    bins = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    edges = _mel_to_hz(np.linspace(_hz_to_mel(F_MIN), _hz_to_mel(F_MAX), N_MELS + 2))
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
    """Streaming mel spectrogram; column `k` is centred on sample `200 * k`."""

    def __init__(self) -> None:
        self._pending = np.zeros(N_FFT // 2)  # centring: silence before the first sample
        self._last_sample = 0.0
        self._samples = 0
        self._columns = 0

    def push(self, wave: NDArray[np.floating]) -> Array:
        """Feed samples.

        Args:
            wave: `[n]` mono samples at 16 kHz in [-1, 1].

        Returns:
            The columns that are now complete, `[80, k]` in [-4, 4].
        """
        self._samples += len(wave)
        return self._advance(self._emphasise(np.asarray(wave, np.float64)))

    def flush(self) -> Array:
        """The columns that reach past the end of the sound, `[80, k]`."""
        wanted = 1 + self._samples // HOP - self._columns
        missing = (wanted - 1) * HOP + N_FFT - len(self._pending)
        return self._advance(np.zeros(max(0, missing)))

    def _emphasise(self, wave: NDArray[np.float64]) -> NDArray[np.float64]:
        previous = np.concatenate([[self._last_sample], wave])
        self._last_sample = float(previous[-1])
        return wave - PRE_EMPHASIS * previous[:-1]

    def _advance(self, wave: NDArray[np.float64]) -> Array:
        self._pending = np.concatenate([self._pending, wave])
        count = max(0, (len(self._pending) - N_FFT) // HOP + 1)
        if not count:
            return np.zeros((N_MELS, 0), np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(self._pending, N_FFT)[::HOP][:count]
        columns = _to_decibel(mel_filter_bank() @ np.abs(np.fft.rfft(frames * _hann(), axis=1)).T)
        self._pending = self._pending[count * HOP :]
        self._columns += count
        return columns


@cache
def _hann() -> NDArray[np.float64]:
    return np.hanning(N_FFT + 1)[:-1]


def _to_decibel(amplitude: NDArray[np.float64]) -> Array:
    """Amplitude to decibel, the range [-100, 0] dB stretched over [-4, 4]."""
    decibel = 20.0 * np.log10(np.maximum(10.0 ** (MIN_DB / 20.0), amplitude)) - REF_DB
    scaled = 2.0 * MAX_ABS * (decibel - MIN_DB) / -MIN_DB - MAX_ABS
    return np.asarray(np.clip(scaled, -MAX_ABS, MAX_ABS), np.float32)


def first_column(frame: int, fps: Fraction | float, window: int = WINDOW) -> int:
    """First mel column of a video frame's window.

    The paper's 16 columns are centred on the frame's middle. A wider window reaches further
    back, not further ahead: 0.1 s beyond the frame's middle is all that a live voice owes.

    Args:
        frame: Index of the video frame.
        fps: Video frames a second, any rate.
        window: Width of the window in columns.
    """
    middle = (frame + 0.5) * COLUMNS_PER_SECOND / float(fps)
    return round(middle - (WINDOW - 1) / 2) + WINDOW - window


class SpeechFeatures:
    """Streaming speech features: samples in, one mel window per video frame out.

    Args:
        fps: Video frames a second, any rate.
        window: Width of the window in columns of 12.5 ms.
        level: Mean spectrum `[80]` of many voices, to take off each voice's own; empty: the
            mel as it is.
        ahead: Columns of a voice to wait for before the first window, so that its mean is
            known from the start; 0 for a live voice.
    """

    def __init__(
        self,
        fps: Fraction | float,
        window: int = WINDOW,
        level: Sequence[float] = (),
        ahead: int = AHEAD,
    ) -> None:
        self.fps, self.window = fps, window
        self._level = SpeechLevel(np.array(level)) if level else None
        self._heard, self._waiting = 0, ahead if level else 0
        self._mel = MelSpectrogram()
        self._frame = 0
        before = max(0, -first_column(0, fps, window))
        self._columns = np.full((N_MELS, before), SILENCE, np.float32)
        self._offset = -before  # mel column number of self._columns[:, 0]

    @classmethod
    def of_model(cls, config: ModelConfig, fps: Fraction | float) -> SpeechFeatures:
        """What a model of that config is given."""
        return cls(fps, config.mel_window, config.mel_level)

    def push(self, wave: NDArray[np.floating]) -> Array:
        """Feed `[n]` samples at 16 kHz; returns the windows now complete, `[k, 1, 80, 16]`."""
        return self._add(self._mel.push(wave))

    def flush(self, frame_count: int) -> Array:
        """End of the sound: the windows still missing up to `frame_count`, silence beyond it."""
        rest = self._mel.flush()
        end = first_column(frame_count - 1, self.fps, self.window) + self.window
        have = self._offset + self._columns.shape[1] + rest.shape[1]
        self._waiting = min(self._waiting, have)
        silence = np.full((N_MELS, max(0, end - have)), SILENCE, np.float32)
        windows = self._add(np.hstack([rest, silence]))
        surplus = max(0, self._frame - frame_count)
        return windows[: len(windows) - surplus]

    def _add(self, columns: Array) -> Array:
        self._columns = np.hstack([self._columns, columns])
        end = self._offset + self._columns.shape[1]
        windows: list[Array] = []
        if end < self._waiting:
            return np.zeros((0, 1, N_MELS, self.window), np.float32)
        if self._waiting:
            self._hear(self._waiting)
        while (start := first_column(self._frame, self.fps, self.window)) + self.window <= end:
            at = start - self._offset
            columns = self._columns[None, :, at : at + self.window]
            windows.append(columns - self._mean(start + self.window))
            self._frame += 1
        self._drop_used(start)
        return np.stack(windows) if windows else np.zeros((0, 1, N_MELS, self.window), np.float32)

    def _mean(self, end: int) -> Array:
        """The voice's mean `[80, 1]` as known at a column; 0 where it is not taken off."""
        if self._level is None:
            return np.zeros((1, 1), np.float32)
        self._hear(end)
        return self._level.mean[:, None]

    def _hear(self, end: int) -> None:
        """Let the level know the columns up to `end`, each once."""
        if self._level is not None and end > self._heard:
            heard = self._columns[:, self._heard - self._offset : end - self._offset]
            self._level.hear(heard)
            self._heard = end

    def _drop_used(self, needed: int) -> None:
        used = min(max(0, needed - self._offset), self._columns.shape[1])
        self._hear(self._offset + used)
        self._columns = self._columns[:, used:]
        self._offset += used


def speech_features(wave: NDArray[np.floating], fps: Fraction | float, frame_count: int) -> Array:
    """Mel windows `[frame_count, 1, 80, 16]` of a whole wave `[n]` at 16 kHz."""
    features = SpeechFeatures(fps)
    windows = np.concatenate([features.push(wave), features.flush(frame_count)])
    return windows[:frame_count]
