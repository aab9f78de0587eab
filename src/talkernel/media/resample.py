"""Sound in another rate and channel layout, with silence and cuts between frames."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

_Block = NDArray[np.float32]
# To integers, for then FFmpeg mixes channels so that they cannot exceed full scale.
_FORMAT, _FULL_SCALE = "s32p", 2.0**31


class Resampler:
    """Turns frames into float32 blocks `[channels, samples]`, -1 to 1.

    Args:
        rate: Samples per second wanted.
        layout: FFmpeg's name of the channels wanted.
    """

    def __init__(self, rate: int, layout: str) -> None:
        self._rate = rate
        self._layout = layout
        self._channels = av.AudioLayout(layout).nb_channels
        self._skip = 0  # samples still to be cut off
        self._resampler: av.AudioResampler | None = None
        self._input: tuple[str, str, int] | None = None

    def push(self, frame: av.AudioFrame) -> Iterator[_Block]:
        """Takes a frame, gives what is ready; its format may differ from the last one's."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._input:
            yield from self.flush()
        if self._resampler is None:
            self._resampler = av.AudioResampler(_FORMAT, self._layout, self._rate)
            self._input = kind
        frame.pts = None  # the caller has looked after gaps
        for resampled in self._resampler.resample(frame):
            yield from self._cut(resampled)

    def flush(self) -> Iterator[_Block]:
        """What is left inside."""
        if self._resampler is not None:
            for resampled in self._resampler.resample(None):
                yield from self._cut(resampled)
        self._resampler = None

    def restart(self, gap: Fraction) -> Iterator[_Block]:
        """What is left inside, then `gap` seconds of silence, or a cut if negative."""
        yield from self.flush()
        missing = round(gap * self._rate)
        self._skip += max(0, -missing)
        for start in range(0, missing, self._rate):
            size = min(self._rate, missing - start)
            yield np.zeros((self._channels, size), np.float32)

    def _cut(self, frame: av.AudioFrame | None) -> Iterator[_Block]:
        if frame is None:  # a resampler with nothing to do hands the flush through
            return
        block = (frame.to_ndarray() / _FULL_SCALE).astype(np.float32)
        skipped = min(self._skip, block.shape[1])
        self._skip -= skipped
        if block.shape[1] > skipped:
            yield block[:, skipped:]
