"""Speech features: 16 kHz wave -> mel spectrogram -> speech encoder -> a window per video frame.

Everything streams: the sound may arrive in pieces of any size, and the result is the same. With
full look-ahead, long blocks are encoded and windows are cut from the tokens. A live voice cannot
wait for a full block: windows are cut from the mel spectrogram and each is encoded separately.
"""

from __future__ import annotations

from fractions import Fraction
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from talkernel.choices import Lookahead, current_lookahead
from talkernel.errors import OptionError
from talkernel.speech.mel import SAMPLE_RATE, MelSpectrogram
from talkernel.speech.tokens import (
    Encode,
    PairedColumns,
    SpeechConfig,
    column_rate,
    mel_kind,
    mel_stride,
    open_columns,
    silence,
    unpaired,
)

Array = NDArray[np.float32]
# Tokens (1 s) of context before a live window; half as many lower the correlation r by 0.05.
PAST = 50


class SpeechFeatures:
    """Streaming speech features: samples in, one window per video frame out.

    Args:
        fps: Video frames a second, any rate.
        config: The model's `ModelConfig`.
        encode: The model's speech encoder: mel columns `[1, 80, 2 T]` to tokens `[1, C, T]`.
        lookahead: "full": the encoder sees up to 11 s beyond a frame. "live": it sees nothing
            beyond the frame's window, whose last sample is about 150 ms after the frame's middle;
            this costs many times more.
        hearing: The earlier name of `lookahead`, for one more release.

    Raises:
        OptionError: `lookahead` is neither.
    """

    def __init__(
        self,
        fps: Fraction | float,
        config: SpeechConfig,
        encode: Encode,
        lookahead: Lookahead = "full",
        *,
        hearing: str | None = None,
    ) -> None:
        lookahead = current_lookahead(hearing or lookahead)
        if lookahead not in get_args(Lookahead):
            raise OptionError(f"There is no look-ahead {lookahead!r}.", remedy="Use full or live.")
        self.fps, self.config = fps, config
        self._encode_blocks = encode
        self._encode = encode if lookahead == "live" and config.encoder_layers else None
        self._past = PAST if self._encode else 0
        self.reset()

    def reset(self) -> None:
        """Forget all sound. The next push starts a new recording at frame 0."""
        live = self._encode is not None
        self._stream = PairedColumns() if live else open_columns(self.config, self._encode_blocks)
        self._mel = MelSpectrogram(mel_kind(self.config))
        self._frame = self._samples = 0
        self._offset = min(0, self._start(0))  # column number of self._columns[:, 0]
        self._known = self._offset * mel_stride(self.config)  # number of the next mel column
        self._columns = self._add_mel(silence(self.config, -self._offset))

    def push(self, wave: NDArray[np.floating]) -> Array:
        """Feed `[n]` samples at 16 kHz; returns the complete windows, `[k, 1, F, W]`."""
        self._samples += len(wave)
        return self._add(self._add_mel(self._mel.push(wave)))

    def finish(self, frame_count: int | None = None) -> Array:
        """End of the sound: the remaining windows, padded with silence.

        Args:
            frame_count: Windows in total; None: as many as the sound is long, at least one.

        Returns:
            `[k, 1, F, W]`.
        """
        if frame_count is None:
            frame_count = frames_of(self._samples, self.fps)
        columns = [self._add_mel(self._mel.flush())]
        end = self._start(frame_count - 1) + self._width
        known = self._known // mel_stride(self.config)
        columns.append(self._add_mel(silence(self.config, max(0, end - known))))
        windows = self._add(np.hstack([*columns, self._stream.flush()]))
        surplus = max(0, self._frame - frame_count)
        return windows[: max(0, len(windows) - surplus)]

    def flush(self, frame_count: int) -> Array:
        """The earlier name of `finish`."""
        return self.finish(frame_count)

    def _add_mel(self, mel: Array) -> Array:
        self._known += mel.shape[1]
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
        """AudioNet's window `[F, W]` from some columns."""
        if self._encode is None:
            return columns
        tokens: Array = self._encode(unpaired(columns)[None])[0]
        return tokens[:, self._past :]


def first_column(frame: int, fps: Fraction | float, config: SpeechConfig) -> int:
    """First column of the window centred on the middle of a video frame.

    Args:
        frame: Index of the video frame.
        fps: Video frames a second, any rate.
        config: The model's `ModelConfig`.
    """
    middle = (frame + 0.5) * column_rate(config) / float(fps)
    return round(middle - (config.speech_window - 1) / 2)


def frames_of(samples: int, fps: Fraction | float) -> int:
    """Duration of some samples at 16 kHz in video frames, at least one."""
    return max(1, round(samples / SAMPLE_RATE * fps))
