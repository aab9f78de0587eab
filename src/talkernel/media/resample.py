"""Resamples sound to another rate and channel layout; inserts silence and cuts overlaps."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

_Block = NDArray[np.float32]
# Integers, because FFmpeg then mixes channels without exceeding full scale.
_FORMAT, _FULL_SCALE = "s32p", 2.0**31


class Resampler:
    """Turns frames into float32 blocks `[channels, samples]`, -1 to 1.

    Args:
        rate: Samples per second of the output.
        layout: Channels of the output, by FFmpeg's name.
    """

    def __init__(self, rate: int, layout: str) -> None:
        self._rate = rate
        self._layout = layout
        self._channels = av.AudioLayout(layout).nb_channels
        self._skip = 0  # samples still to drop
        self._resampler: av.AudioResampler | None = None
        self._input: tuple[str, str, int] | None = None

    def push(self, frame: av.AudioFrame) -> Iterator[_Block]:
        """Resample a frame; its format may differ from the previous frame's."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._input:
            yield from self.flush()
        if self._resampler is None:
            self._resampler = av.AudioResampler(_FORMAT, self._layout, self._rate)
            self._input = kind
        frame.pts = None  # the caller handles gaps
        for resampled in self._resampler.resample(frame):
            yield from self._cut(resampled)

    def flush(self) -> Iterator[_Block]:
        """The samples that are still in the resampler."""
        if self._resampler is not None:
            for resampled in self._resampler.resample(None):
                yield from self._cut(resampled)
        self._resampler = None

    def restart(self, gap: Fraction) -> Iterator[_Block]:
        """Flush, then insert `gap` seconds of silence; if negative, drop the next samples."""
        yield from self.flush()
        missing = round(gap * self._rate)
        self._skip += max(0, -missing)
        for start in range(0, missing, self._rate):
            size = min(self._rate, missing - start)
            yield np.zeros((self._channels, size), np.float32)

    def _cut(self, frame: av.AudioFrame | None) -> Iterator[_Block]:
        if frame is None:  # PyAV returns None if there was nothing to resample
            return
        block = (frame.to_ndarray() / _FULL_SCALE).astype(np.float32)
        skipped = min(self._skip, block.shape[1])
        self._skip -= skipped
        if block.shape[1] > skipped:
            yield block[:, skipped:]
