"""Speech features of whole recordings, for training: mel spectrogram to windows per frame."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from talkernel.lab.tracks.track import FPS
from talkernel.model.config import ModelConfig
from talkernel.model.speech_encoder import SpeechEncoder
from talkernel.model.talking_face import WAV2LIP_WINDOW, run_encoder
from talkernel.speech.features import first_column
from talkernel.speech.tokens import Encode, open_columns, silence

Array = NDArray[np.float32]
LEAD = 64  # silent columns added before and after a recording, so that every window is complete


@dataclass(frozen=True)
class SpeechFrontEnd:
    """Turns mel spectrograms into windows of speech features.

    Attributes:
        config: Of the model that takes the windows.
        encode: Its speech encoder.
    """

    config: ModelConfig
    encode: Encode

    @staticmethod
    def of(config: ModelConfig, encoder: SpeechEncoder | None) -> SpeechFrontEnd:
        """The front end of a model; without an encoder, the features are the mel spectrogram."""
        encode = _identity if encoder is None else partial(run_encoder, encoder)
        return SpeechFrontEnd(config, encode)

    def columns(self, mel: Array) -> NDArray[np.float16]:
        """Speech features `[F, LEAD + n + LEAD]` of a recording's mel spectrogram `[80, ...]`."""
        stream = open_columns(self.config, self.encode)
        quiet = silence(self.config, LEAD)
        parts = [stream.push(np.hstack([quiet, mel, quiet])), stream.flush()]
        return np.hstack(parts).astype(np.float16)

    def starts(
        self, frames: NDArray[np.int64], columns: int, pace: float = 1.0
    ) -> NDArray[np.int64]:
        """First columns `[N]` of the windows of video frames.

        Args:
            frames: `[N]` frame numbers at 25 a second; they may lie before or after the sound.
            columns: Number of columns of the recording, including the silence around it.
            pace: Speed of the recording relative to the original.
        """
        first = [LEAD + first_column(int(frame), FPS * pace, self.config) for frame in frames]
        last = columns - self.config.speech_window
        return np.clip(np.array(first, np.int64), 0, last)

    def windows(self, mel: Array, frames: NDArray[np.int64]) -> list[NDArray[np.float16]]:
        """Windows `[F, W]` of frames `[N]`, as views of one array, which saves memory."""
        columns, width = self.columns(mel), self.config.speech_window
        starts = self.starts(frames, columns.shape[1])
        return [columns[:, start : start + width] for start in starts]


def wav2lip_front_end() -> SpeechFrontEnd:
    """The front end of the paper's AudioNet and of Wav2Lip: windows of the mel spectrogram."""
    config = dataclasses.replace(ModelConfig(), encoder_layers=0, speech_window=WAV2LIP_WINDOW)
    return SpeechFrontEnd(config, _identity)


def _identity(mel: Array) -> Array:
    return mel
