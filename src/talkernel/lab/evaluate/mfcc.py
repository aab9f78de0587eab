"""MFCCs as SyncNet was trained on: 13 coefficients every 10 ms, from sound at 16 kHz."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, rfft

RATE = 16_000
FRAME, STEP, N_FFT = 400, 160, 512
FILTERS, CEPSTRA = 26, 13
PRE_EMPHASIS = 0.97
LIFTER = 22.0
FULL_SCALE = 32768.0  # SyncNet was trained on unscaled 16-bit samples
Array = NDArray[np.float64]


def mfcc(wave: NDArray[np.floating]) -> Array:
    """Mel-frequency cepstral coefficients of a wave.

    Args:
        wave: `[n]` at 16 kHz in [-1, 1].

    Returns:
        `[k, 13]`, a row for every 10 ms; the first of each row is the log energy.
    """
    power = np.abs(rfft(_frames(np.asarray(wave) * FULL_SCALE), N_FFT, axis=1)) ** 2 / N_FFT
    tiny = np.finfo(float).eps
    energy = np.maximum(power.sum(1), tiny)
    bands = np.maximum(power @ _filters().T, tiny)
    cepstra = dct(np.log(bands), type=2, axis=1, norm="ortho")[:, :CEPSTRA] * _lifter()
    cepstra[:, 0] = np.log(energy)
    return np.asarray(cepstra)


def _frames(wave: Array) -> Array:
    """Pre-emphasised analysis frames `[k, 400]`, the last padded with zeros."""
    flat = np.append(wave[:1], wave[1:] - PRE_EMPHASIS * wave[:-1])
    count = 1 + max(0, -(-(len(flat) - FRAME) // STEP))
    padded = np.pad(flat, (0, max(0, (count - 1) * STEP + FRAME - len(flat))))
    return np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::STEP][:count]


@cache
def _filters() -> Array:
    """Triangular filters `[26, 257]` from 0 to 8 kHz, equally spaced in mel, of height 1."""
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, highest, FILTERS + 2) / 2595) - 1)
    corner = np.floor((N_FFT + 1) * hertz / RATE)
    bins = np.arange(N_FFT // 2 + 1)
    low, top, high = corner[:-2, None], corner[1:-1, None], corner[2:, None]
    rising = (bins - low) / np.maximum(top - low, 1)
    falling = (high - bins) / np.maximum(high - top, 1)
    inside = (bins >= low) & (bins < high)
    return np.where(inside, np.where(bins < top, rising, falling), 0.0)


@cache
def _lifter() -> Array:
    return np.asarray(1 + LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER))
