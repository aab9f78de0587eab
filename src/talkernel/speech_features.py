"""Speech features: 16 kHz wave -> mel spectrogram -> speech encoder -> a window per video frame.

The paper's AudioNet is given the mel spectrogram itself (Section VI-A); ours what Whisper's
encoder makes of it. Everything streams: fed whole or in small pieces, the numbers agree.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.audio import N_MELS, WAV2LIP, WHISPER, MelKind, MelSpectrogram
from talkernel.config import ModelConfig

Array = NDArray[np.float32]
Encode = Callable[[Array], Array]
STRIDE = 2  # mel columns of a token of Whisper's encoder


class Blocks(NamedTuple):
    """How a speech encoder hears a stream, in tokens of 20 ms.

    Attributes:
        size: Tokens made at once.
        before, after: Tokens around them that are heard too.
    """

    size: int
    before: int
    after: int


RECORDED = Blocks(size=500, before=50, after=50)  # costs a fifth more than the whole at once
LIVE = Blocks(size=2, before=100, after=0)  # for a voice that must not wait


class SpeechFeatures:
    """Streaming speech features: samples in, one window per video frame out.

    Args:
        fps: Video frames a second, any rate.
        config: Of the model that is given them.
        encode: Its speech encoder, mel columns `[1, 80, 2 T]` to tokens `[1, C, T]`.
        blocks: How it is used.
    """

    def __init__(
        self,
        fps: Fraction | float,
        config: ModelConfig,
        encode: Encode,
        blocks: Blocks = RECORDED,
    ) -> None:
        self.fps, self.config = fps, config
        self._stream = open_columns(config, encode, blocks)
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
        end = self._start(frame_count - 1) + self.config.speech_window
        known = self._heard // mel_stride(self.config)
        columns.append(self._hear(silence(self.config, max(0, end - known))))
        windows = self._add(np.hstack([*columns, self._stream.flush()]))
        surplus = max(0, self._frame - frame_count)
        return windows[: len(windows) - surplus]

    def _hear(self, mel: Array) -> Array:
        self._heard += mel.shape[1]
        return self._stream.push(mel)

    def _start(self, frame: int) -> int:
        return first_column(frame, self.fps, self.config)

    def _add(self, columns: Array) -> Array:
        self._columns = np.hstack([self._columns, columns])
        width = self.config.speech_window
        windows = [np.zeros((0, 1, *self.config.speech_shape), np.float32)]
        while (at := self._start(self._frame) - self._offset) + width <= self._columns.shape[1]:
            windows.append(self._columns[None, None, :, at : at + width])
            self._frame += 1
        used = min(max(0, at), self._columns.shape[1])
        self._columns, self._offset = self._columns[:, used:], self._offset + used
        return np.concatenate(windows)


class MelColumns:
    """Where there is no speech encoder: the mel spectrogram's own columns."""

    def push(self, mel: Array) -> Array:
        """Mel columns `[80, k]` as they are."""
        return mel

    def flush(self) -> Array:
        """Nothing is held back."""
        return np.zeros((N_MELS, 0), np.float32)


class EncodedColumns:
    """Mel columns in, a speech encoder's tokens out, always in the same blocks.

    Args:
        encode: Mel columns `[1, 80, 2 T]` to tokens `[1, C, T]`.
        width: C.
        blocks: What is heard at once.
    """

    def __init__(self, encode: Encode, width: int, blocks: Blocks) -> None:
        self._encode, self._blocks = encode, blocks
        self._mel = np.zeros((N_MELS, 0), np.float32)
        self._first = self._done = 0  # token at which self._mel begins; tokens given out
        self._nothing = np.zeros((width, 0), np.float32)

    def push(self, mel: Array) -> Array:
        """Feed mel columns `[80, k]`; returns the tokens now complete, `[C, t]`."""
        self._mel = np.hstack([self._mel, mel])
        return self._advance(self._known - self._blocks.after - self._blocks.size + 1)

    def flush(self) -> Array:
        """The tokens that are left."""
        return self._advance(self._known)

    @property
    def _known(self) -> int:
        return self._first + self._mel.shape[1] // STRIDE

    def _advance(self, limit: int) -> Array:
        """Give out the blocks that begin before a token."""
        tokens = [self._nothing]
        while self._done < limit:
            tokens.append(self._block())
        return np.hstack(tokens)

    def _block(self) -> Array:
        begin, end = self._done, min(self._done + self._blocks.size, self._known)
        last = min(end + self._blocks.after, self._known)
        heard = self._mel[None, :, : STRIDE * (last - self._first)]
        tokens = self._encode(np.ascontiguousarray(heard))[0]
        made: Array = tokens[:, begin - self._first : end - self._first]
        keep = max(self._first, end - self._blocks.before)
        self._mel = self._mel[:, STRIDE * (keep - self._first) :]
        self._first, self._done = keep, end
        return made


def open_columns(
    config: ModelConfig, encode: Encode, blocks: Blocks = RECORDED
) -> MelColumns | EncodedColumns:
    """The stream from mel columns to the columns that windows are cut from."""
    if config.encoder_layers:
        return EncodedColumns(encode, config.encoder_width, blocks)
    return MelColumns()


def columns_encoded(frames: int) -> int:
    """Mel columns that an encoder hears for so many video frames, 25 a second.

    What its blocks hear before and after themselves is included.
    """
    share = sum(RECORDED) / RECORDED.size
    return STRIDE * round(frames * share * WHISPER.rate / STRIDE / 25.0)


def mel_kind(config: ModelConfig) -> MelKind:
    """Which mel spectrogram a model is given."""
    return WHISPER if config.encoder_layers else WAV2LIP


def column_rate(config: ModelConfig) -> int:
    """Columns of speech features a second."""
    return mel_kind(config).rate // mel_stride(config)


def mel_stride(config: ModelConfig) -> int:
    """Mel columns of a column of speech features."""
    return STRIDE if config.encoder_layers else 1


def silence(config: ModelConfig, columns: int) -> Array:
    """Mel of as much silence as some columns of speech features last, `[80, n]`."""
    shape = N_MELS, columns * mel_stride(config)
    return np.full(shape, mel_kind(config).silence, np.float32)


def first_column(frame: int, fps: Fraction | float, config: ModelConfig) -> int:
    """First column of the window that is centred on a video frame's middle.

    Args:
        frame: Index of the video frame.
        fps: Video frames a second, any rate.
        config: Of the model.
    """
    middle = (frame + 0.5) * column_rate(config) / float(fps)
    return round(middle - (config.speech_window - 1) / 2)
