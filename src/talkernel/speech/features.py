"""Speech features: 16 kHz wave -> mel spectrogram -> speech encoder -> a window per video frame.

Everything streams: fed whole or in small pieces, the numbers agree. A recording is encoded in
long blocks, which windows are cut from; a live voice may not wait for a block to be full, so
there windows are cut from the mel spectrogram and each is encoded for itself.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from talkernel.errors import OptionError
from talkernel.model.config import ModelConfig
from talkernel.speech.mel import MelSpectrogram
from talkernel.speech.tokens import (
    Encode,
    PairedColumns,
    column_rate,
    mel_kind,
    mel_stride,
    open_columns,
    silence,
    unpaired,
)

Array = NDArray[np.float32]
Hearing = Literal["recorded", "live"]
PAST = 50  # tokens, 1 s, that are heard before a live window; half as many cost r 0.05


class SpeechFeatures:
    """Streaming speech features: samples in, one window per video frame out.

    Args:
        fps: Video frames a second, any rate.
        config: Of the model that is given them.
        encode: Its speech encoder, mel columns `[1, 80, 2 T]` to tokens `[1, C, T]`.
        hearing: "recorded": the encoder hears up to 11 s beyond a frame. "live": nothing
            beyond the frame's window, 120 ms after its middle, at many times the cost.

    Raises:
        OptionError: There is no such hearing.
    """

    def __init__(
        self,
        fps: Fraction | float,
        config: ModelConfig,
        encode: Encode,
        hearing: Hearing = "recorded",
    ) -> None:
        if hearing not in get_args(Hearing):
            raise OptionError(f"There is no hearing {hearing!r}.", remedy="Use recorded or live.")
        self.fps, self.config = fps, config
        self._encode = encode if hearing == "live" and config.encoder_layers else None
        self._stream = PairedColumns() if self._encode else open_columns(config, encode)
        self._past = PAST if self._encode else 0
        self._mel = MelSpectrogram(mel_kind(config))
        self._frame = 0
        self._offset = min(0, self._start(0))  # column number of self._columns[:, 0]
        self._heard = self._offset * mel_stride(config)  # mel column after all that were heard
        self._columns = self._hear(silence(config, -self._offset))

    def push(self, wave: NDArray[np.floating]) -> Array:
        """Feed `[n]` samples at 16 kHz; returns the windows now complete, `[k, 1, F, W]`."""
        return self._add(self._hear(self._mel.push(wave)))

    def flush(self, frame_count: int) -> Array:
        """End of the sound: the windows still missing up to `frame_count`, silence beyond it."""
        columns = [self._hear(self._mel.flush())]
        end = self._start(frame_count - 1) + self._width
        known = self._heard // mel_stride(self.config)
        columns.append(self._hear(silence(self.config, max(0, end - known))))
        windows = self._add(np.hstack([*columns, self._stream.flush()]))
        surplus = max(0, self._frame - frame_count)
        return windows[: len(windows) - surplus]

    def _hear(self, mel: Array) -> Array:
        self._heard += mel.shape[1]
        return self._stream.push(mel)

    @property
    def _width(self) -> int:
        return self._past + self.config.speech_window

    def _start(self, frame: int) -> int:
        return first_column(frame, self.fps, self.config) - self._past

    def _add(self, columns: Array) -> Array:
        self._columns = np.hstack([self._columns, columns])
        known = self._columns.shape[1]
        windows = [np.zeros((0, 1, *self.config.speech_shape), np.float32)]
        while (at := self._start(self._frame) - self._offset) + self._width <= known:
            windows.append(self._window(self._columns[:, at : at + self._width])[None, None])
            self._frame += 1
        used = min(max(0, at), known)
        self._columns, self._offset = self._columns[:, used:], self._offset + used
        return np.concatenate(windows)

    def _window(self, columns: Array) -> Array:
        """What AudioNet is given of some columns, `[F, W]`."""
        if self._encode is None:
            return columns
        tokens: Array = self._encode(unpaired(columns)[None])[0]
        return tokens[:, self._past :]


def first_column(frame: int, fps: Fraction | float, config: ModelConfig) -> int:
    """First column of the window that is centred on a video frame's middle.

    Args:
        frame: Index of the video frame.
        fps: Video frames a second, any rate.
        config: Of the model.
    """
    middle = (frame + 0.5) * column_rate(config) / float(fps)
    return round(middle - (config.speech_window - 1) / 2)
