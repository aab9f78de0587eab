"""The model's shape, stored inside every checkpoint."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from talkernel.speech.mel import N_MELS

AUDIO_PLANES = 16  # of the audio features laid out as a picture (Section VI-D)


@dataclass(frozen=True)
class ModelConfig:
    """Shape of a `TalkingFace`.

    Attributes:
        crop_size: Side in pixels of what f is given, a multiple of 32 (the paper's 256).
        crop_share: What part of the face crop's side that is. 1: all of it, as in the paper;
            less: the square around lips and jaw, so that no time goes into eyes and forehead,
            which keep still.
        masked: Whether lips and chin are hidden from the generator and replaced completely. The
            paper's generator sees the whole face, and its attention alone says what is replaced.
        reference: Whether f is also shown the person's mouth as another frame shows it, so that
            lips and teeth come out as this person's; the paper's f is not.
        warped: Whether the reference is shown with its lips moved to where the told lips would
            be, and f paints only what it does not show; the paper's paints all of M. Needs a
            reference and a lip code.
        encoder_layers: Layers of Whisper's encoder that hear the speech before AudioNet; 0: as
            in the paper, AudioNet hears the mel spectrogram itself, with Wav2Lip's encoder.
        encoder_width: Length of the tokens between them.
        speech_window: Columns of speech features per video frame: tokens of 20 ms, or, without
            an encoder, mel columns of 12.5 ms (the paper's 16).
        audio_channels: Length of AudioNet's feature vector.
        lip_code: Length of the lip code between AudioNet and the kernels; None lets
            the kernels follow AudioNet's features directly, as in the paper.
        channels: Channels after each of the five down-sampling layers; the last
            is the dynamic layers' c1 = c2.
        dynamic_layers: Number of dynamic middle layers.
        static_layers: Number of ordinary middle layers before and after the dynamic ones, of
            the same shape but with kernels that are learned; the paper has none.
        kernel_size: Size ks of the middle layers' kernels.
        dck_rank: Rank of the kernels' inference; None is the paper's full matrix.
        fusion: How speech reaches the face: "dck", or for the ablation of Section VI-D
            "attention", audio features laid out as a picture.
        blending: Whether the answer is blended with the input (eq. 7); without, for the
            ablation, the network paints the whole crop.
    """

    crop_size: int = 256
    crop_share: float = 1.0
    masked: bool = True
    reference: bool = False
    warped: bool = False
    encoder_layers: int = 3
    encoder_width: int = 384
    speech_window: int = 13
    audio_channels: int = 512
    lip_code: int | None = 12
    channels: tuple[int, ...] = (32, 48, 96, 192, 256)
    dynamic_layers: int = 4
    static_layers: tuple[int, int] = (0, 0)
    kernel_size: int = 1
    dck_rank: int | None = 32
    fusion: str = "dck"
    blending: bool = True

    @property
    def face_size(self) -> int:
        """Side in pixels that the whole face crop has, as large as f sees faces."""
        return round(self.crop_size / self.crop_share)

    @property
    def face_shape(self) -> tuple[int, int, int]:
        """Shape of what f is given of one frame: (3, S, S), with a reference (6, S, S)."""
        return 6 if self.reference else 3, self.crop_size, self.crop_size

    @property
    def speech_shape(self) -> tuple[int, int]:
        """Shape of one frame's window of speech features: (F, W)."""
        bands = self.encoder_width if self.encoder_layers else N_MELS
        return bands, self.speech_window

    @property
    def lip_code_shape(self) -> tuple[int]:
        """Shape of what is heard in one window, and the kernels follow: (K,) or (512,)."""
        return (self.lip_code or self.audio_channels,)

    @property
    def kernel_shape(self) -> tuple[int, int, int]:
        """Shape of one frame's kernels: (layers, c1, c2 * ks * ks + 1).

        Without DCKs it is that of the audio features instead: (16, H, W).
        """
        if self.fusion == "attention":
            return AUDIO_PLANES, self.crop_size, self.crop_size
        width = self.channels[-1]
        return self.dynamic_layers, width, width * self.kernel_size**2 + 1

    def to_json(self) -> str:
        """As text, for a checkpoint's metadata."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Read what `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        for name in ("channels", "static_layers"):
            if name in values:
                values[name] = tuple(values[name])
        return cls(**values)
