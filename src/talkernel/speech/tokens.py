"""From mel spectrogram to the columns of speech features that windows are cut from.

The paper's AudioNet is given the mel spectrogram itself; ours what Whisper's encoder makes of it,
in blocks. The blocks lie where they lie however the sound is fed, so the numbers agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from talkernel.speech.mel import N_MELS, WAV2LIP, WHISPER, MelKind

Array = NDArray[np.float32]
Encode = Callable[[Array], Array]
STRIDE = 2  # mel columns of a token of Whisper's encoder


class SpeechConfig(Protocol):
    """What speech features depend on; `ModelConfig` is one."""

    @property
    def encoder_layers(self) -> int:
        """Layers of the speech encoder; 0: none."""

    @property
    def encoder_width(self) -> int:
        """Length of its tokens."""

    @property
    def speech_window(self) -> int:
        """Columns of a video frame's window."""

    @property
    def speech_shape(self) -> tuple[int, int]:
        """Shape (F, W) of such a window."""


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


class MelColumns:
    """Where there is no speech encoder: the mel spectrogram's own columns."""

    def push(self, mel: Array) -> Array:
        """Mel columns `[80, k]` as they are."""
        return mel

    def flush(self) -> Array:
        """Nothing is held back."""
        return np.zeros((N_MELS, 0), np.float32)


class PairedColumns:
    """The mel spectrogram with the two columns of a token one below the other.

    For a live voice, whose windows are cut first and encoded then, each for itself.
    """

    def __init__(self) -> None:
        self._odd = np.zeros((N_MELS, 0), np.float32)

    def push(self, mel: Array) -> Array:
        """Feed mel columns `[80, k]`; returns `[160, t]`."""
        mel = np.hstack([self._odd, mel])
        whole = mel.shape[1] // STRIDE * STRIDE
        self._odd = mel[:, whole:]
        return np.vstack([mel[:, :whole:STRIDE], mel[:, 1:whole:STRIDE]])

    def flush(self) -> Array:
        """Nothing is held back but what makes no token."""
        return np.zeros((STRIDE * N_MELS, 0), np.float32)


def unpaired(columns: Array) -> Array:
    """The mel columns `[80, 2 t]` of a piece `[160, t]` of `PairedColumns`."""
    pairs = columns.reshape(STRIDE, N_MELS, -1)
    return np.ascontiguousarray(pairs.transpose(1, 2, 0)).reshape(N_MELS, -1)


class EncodedColumns:
    """Mel columns in, a speech encoder's tokens out, always in the blocks of `RECORDED`.

    Args:
        encode: Mel columns `[1, 80, 2 T]` to tokens `[1, C, T]`.
        width: C.
    """

    def __init__(self, encode: Encode, width: int) -> None:
        self._encode = encode
        self._mel = np.zeros((N_MELS, 0), np.float32)
        self._first = self._done = 0  # token at which self._mel begins; tokens given out
        self._nothing = np.zeros((width, 0), np.float32)

    def push(self, mel: Array) -> Array:
        """Feed mel columns `[80, k]`; returns the tokens now complete, `[C, t]`."""
        self._mel = np.hstack([self._mel, mel])
        return self._advance(self._known - RECORDED.after - RECORDED.size + 1)

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
        begin, end = self._done, min(self._done + RECORDED.size, self._known)
        last = min(end + RECORDED.after, self._known)
        heard = self._mel[None, :, : STRIDE * (last - self._first)]
        tokens = self._encode(np.ascontiguousarray(heard))[0]
        made: Array = tokens[:, begin - self._first : end - self._first]
        keep = max(self._first, end - RECORDED.before)
        self._mel = self._mel[:, STRIDE * (keep - self._first) :]
        self._first, self._done = keep, end
        return made


def open_columns(config: SpeechConfig, encode: Encode) -> MelColumns | EncodedColumns:
    """The stream from a recording's mel columns to the columns that windows are cut from."""
    if config.encoder_layers:
        return EncodedColumns(encode, config.encoder_width)
    return MelColumns()


def columns_encoded(frames: int) -> int:
    """Mel columns that an encoder hears for so many video frames, 25 a second.

    What its blocks hear before and after themselves is included.
    """
    share = sum(RECORDED) / RECORDED.size
    return STRIDE * round(frames * share * WHISPER.rate / STRIDE / 25.0)


def mel_kind(config: SpeechConfig) -> MelKind:
    """Which mel spectrogram a model is given."""
    return WHISPER if config.encoder_layers else WAV2LIP


def column_rate(config: SpeechConfig) -> int:
    """Columns of speech features a second."""
    return mel_kind(config).rate // mel_stride(config)


def mel_stride(config: SpeechConfig) -> int:
    """Mel columns of a column of speech features."""
    return STRIDE if config.encoder_layers else 1


def silence(config: SpeechConfig, columns: int) -> Array:
    """Mel of as much silence as some columns of speech features last, `[80, n]`."""
    shape = N_MELS, columns * mel_stride(config)
    return np.full(shape, mel_kind(config).silence, np.float32)
