"""What AudioNet is given of whole recordings: training's way to speech features."""

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
LEAD = 64  # silent columns before and after a recording, so that every window exists


@dataclass(frozen=True)
class SpeechFrontEnd:
    """The way from a mel spectrogram to windows of speech features.

    Attributes:
        config: Of the model that hears.
        encode: Its speech encoder.
    """

    config: ModelConfig
    encode: Encode

    @staticmethod
    def of(config: ModelConfig, encoder: SpeechEncoder | None) -> SpeechFrontEnd:
        """The front end of a model; one without an encoder hears the mel spectrogram itself."""
        return SpeechFrontEnd(config, _as_is if encoder is None else partial(run_encoder, encoder))

    def columns(self, mel: Array) -> NDArray[np.float16]:
        """Speech features `[F, LEAD + n + LEAD]` of a recording's mel spectrogram `[80, ...]`."""
        stream = open_columns(self.config, self.encode)
        quiet = silence(self.config, LEAD)
        heard = [stream.push(np.hstack([quiet, mel, quiet])), stream.flush()]
        return np.hstack(heard).astype(np.float16)

    def starts(
        self, frames: NDArray[np.int64], columns: int, pace: float = 1.0
    ) -> NDArray[np.int64]:
        """Where the windows of video frames begin among so many columns.

        Args:
            frames: `[N]`, at 25 a second; they may lie before the sound or after it.
            columns: Of the recording, with the silence around it.
            pace: How much faster than it was the recording is played.
        """
        first = [LEAD + first_column(int(frame), FPS * pace, self.config) for frame in frames]
        last = columns - self.config.speech_window
        return np.clip(np.array(first, np.int64), 0, last)

    def windows(self, mel: Array, frames: NDArray[np.int64]) -> list[NDArray[np.float16]]:
        """Windows `[F, W]` of frames `[N]`; views of one array, which costs no memory."""
        columns, width = self.columns(mel), self.config.speech_window
        starts = self.starts(frames, columns.shape[1])
        return [columns[:, start : start + width] for start in starts]


def wav2lip_front_end() -> SpeechFrontEnd:
    """What the paper's AudioNet and Wav2Lip's generator are given."""
    config = dataclasses.replace(ModelConfig(), encoder_layers=0, speech_window=WAV2LIP_WINDOW)
    return SpeechFrontEnd(config, _as_is)


def _as_is(mel: Array) -> Array:
    return mel
