"""Streams mel columns into the columns of speech features from which windows are cut.

The paper's AudioNet uses the mel spectrogram itself, ours the tokens of Whisper's encoder. Blocks
are encoded at fixed positions, so the result does not depend on how the sound arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from talkernel.speech.mel import N_MELS, WAV2LIP, WHISPER, MelKind

Array = NDArray[np.float32]
Encode = Callable[[Array], Array]
STRIDE = 2  # mel columns per token of Whisper's encoder


class SpeechConfig(Protocol):
    """The part of `ModelConfig` that speech features depend on."""

    @property
    def encoder_layers(self) -> int:
        """Layers of the speech encoder; 0: there is none."""

    @property
    def encoder_width(self) -> int:
        """Channels of its tokens."""

    @property
    def speech_window(self) -> int:
        """Columns per window."""

    @property
    def speech_shape(self) -> tuple[int, int]:
        """Shape (F, W) of a window."""


class BlockSize(NamedTuple):
    """How a stream is split for the speech encoder, in tokens of 20 ms.

    Attributes:
        size: Tokens kept of each block.
        before, after: Tokens of context around them, which are encoded too.
    """

    size: int
    before: int
    after: int


BLOCK = BlockSize(size=500, before=50, after=50)  # costs a fifth more than no blocks


class MelColumns:
    """Passes mel columns on, for models without a speech encoder."""

    def push(self, mel: Array) -> Array:
        """Mel columns `[80, k]`, unchanged."""
        return mel

    def flush(self) -> Array:
        """Nothing: no columns are buffered."""
        return np.zeros((N_MELS, 0), np.float32)


class PairedColumns:
    """Stacks the two mel columns of each token, for live windows that are encoded separately."""

    def __init__(self) -> None:
        self._odd = np.zeros((N_MELS, 0), np.float32)

    def push(self, mel: Array) -> Array:
        """Feed mel columns `[80, k]`; returns stacked pairs `[160, t]`."""
        mel = np.hstack([self._odd, mel])
        even = mel.shape[1] // STRIDE * STRIDE
        self._odd = mel[:, even:]
        return np.vstack([mel[:, :even:STRIDE], mel[:, 1:even:STRIDE]])

    def flush(self) -> Array:
        """Nothing: a single mel column makes no token."""
        return np.zeros((STRIDE * N_MELS, 0), np.float32)


def unpaired(columns: Array) -> Array:
    """The mel columns `[80, 2 t]` of stacked pairs `[160, t]`."""
    pairs = columns.reshape(STRIDE, N_MELS, -1)
    return np.ascontiguousarray(pairs.transpose(1, 2, 0)).reshape(N_MELS, -1)


class EncodedColumns:
    """Encodes mel columns to tokens, in blocks of a fixed size and position (`BLOCK`).

    Args:
        encode: Maps mel columns `[1, 80, 2 T]` to tokens `[1, C, T]`.
        width: C, the channels of a token.
    """

    def __init__(self, encode: Encode, width: int) -> None:
        self._encode = encode
        self._mel = np.zeros((N_MELS, 0), np.float32)
        self._first = self._done = 0  # first token of self._mel; tokens returned so far
        self._no_tokens = np.zeros((width, 0), np.float32)

    def push(self, mel: Array) -> Array:
        """Feed mel columns `[80, k]`; returns the tokens of complete blocks, `[C, t]`."""
        self._mel = np.hstack([self._mel, mel])
        return self._advance(self._known - BLOCK.after - BLOCK.size + 1)

    def flush(self) -> Array:
        """End of the sound: the remaining tokens, `[C, t]`."""
        return self._advance(self._known)

    @property
    def _known(self) -> int:
        return self._first + self._mel.shape[1] // STRIDE

    def _advance(self, limit: int) -> Array:
        """Encode the blocks that begin before a token."""
        tokens = [self._no_tokens]
        while self._done < limit:
            tokens.append(self._block())
        return np.hstack(tokens)

    def _block(self) -> Array:
        begin, end = self._done, min(self._done + BLOCK.size, self._known)
        last = min(end + BLOCK.after, self._known)
        context = self._mel[None, :, : STRIDE * (last - self._first)]
        tokens = self._encode(np.ascontiguousarray(context))[0]
        block: Array = tokens[:, begin - self._first : end - self._first]
        keep = max(self._first, end - BLOCK.before)
        self._mel = self._mel[:, STRIDE * (keep - self._first) :]
        self._first, self._done = keep, end
        return block


def open_columns(config: SpeechConfig, encode: Encode) -> MelColumns | EncodedColumns:
    """The stream from mel columns to speech features for full look-ahead."""
    if config.encoder_layers:
        return EncodedColumns(encode, config.encoder_width)
    return MelColumns()


def columns_encoded(frames: int) -> int:
    """Mel columns encoded for some video frames at 25 frames/s, the context of blocks included."""
    overhead = sum(BLOCK) / BLOCK.size
    return STRIDE * round(frames * overhead * WHISPER.rate / STRIDE / 25.0)


def mel_kind(config: SpeechConfig) -> MelKind:
    """The kind of mel spectrogram that a model uses."""
    return WHISPER if config.encoder_layers else WAV2LIP


def column_rate(config: SpeechConfig) -> int:
    """Columns of speech features per second."""
    return mel_kind(config).rate // mel_stride(config)


def mel_stride(config: SpeechConfig) -> int:
    """Mel columns per column of speech features."""
    return STRIDE if config.encoder_layers else 1


def silence(config: SpeechConfig, columns: int) -> Array:
    """Mel columns `[80, n]` of silence that lasts some columns of speech features."""
    shape = N_MELS, columns * mel_stride(config)
    return np.full(shape, mel_kind(config).silence, np.float32)
