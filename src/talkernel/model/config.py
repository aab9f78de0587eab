"""The model's shape, stored inside every checkpoint."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from talkernel.speech.mel import N_MELS

AUDIO_PLANES = 16  # channels of the audio features laid out as an image (Section VI-D)


@dataclass(frozen=True)
class ModelConfig:
    """Shape of a `TalkingFace`.

    Attributes:
        crop_size: Side of the generator's input in pixels, a multiple of 32 (256 in the paper).
        crop_share: That side as a fraction of the face crop's side. 1, as in the paper, is the
            whole crop. A smaller fraction is the square around lips and jaw: it saves computing
            eyes and forehead, which do not change.
        masked: Whether lips and chin are hidden from the generator and replaced completely. The
            paper's generator sees the whole face, and its attention alone says what is replaced.
        reference: Whether the generator also sees the person's mouth in another frame, so that
            lips and teeth look like this person's. The paper has no reference.
        warped: Whether the reference is warped to the lip shape of the target lip code, so that
            the generator paints only what the warped reference does not show. Needs `reference`
            and `lip_code`. In the paper the generator paints everything.
        encoder_layers: Layers of Whisper's encoder before the audio network. 0, as in the paper:
            none; the audio network is Wav2Lip's and gets the mel spectrogram.
        encoder_width: Length of the encoder's tokens.
        speech_window: Columns of speech features per video frame: tokens of 20 ms, or, without
            an encoder, mel columns of 12.5 ms (16 in the paper).
        audio_channels: Length of the audio network's feature vector.
        lip_code: Length of the lip code between the audio network and the kernel predictor.
            None, as in the paper: kernels are predicted from the audio features directly.
        channels: Channels after each of the five down-sampling layers. The last is c1 = c2 of
            the dynamic layers.
        dynamic_layers: Number of dynamic middle layers.
        static_layers: Number of middle layers with learned kernels before and after the dynamic
            ones. The paper has none.
        kernel_size: Size ks of the middle layers' kernels.
        dck_rank: Rank of the kernel predictor; None is the paper's full matrix.
        fusion: How speech conditions the generator: "dck" (dynamic convolution kernels), or, for
            the ablation of Section VI-D, "attention" (audio features laid out as an image).
        blending: Whether the painted image is blended with the input (eq. 7). False is for the
            ablation: the generator paints the whole crop.
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
        """Side of the whole face crop in pixels, at the generator's scale."""
        return round(self.crop_size / self.crop_share)

    @property
    def face_shape(self) -> tuple[int, int, int]:
        """Shape of the generator's input for one frame: (3, S, S), with a reference (6, S, S)."""
        return 6 if self.reference else 3, self.crop_size, self.crop_size

    @property
    def speech_shape(self) -> tuple[int, int]:
        """Shape of one frame's window of speech features: (F, W)."""
        bands = self.encoder_width if self.encoder_layers else N_MELS
        return bands, self.speech_window

    @property
    def lip_code_shape(self) -> tuple[int]:
        """Shape of one frame's lip code (K,); without lip codes, of the audio features (512,)."""
        return (self.lip_code or self.audio_channels,)

    @property
    def kernel_shape(self) -> tuple[int, int, int]:
        """Shape of one frame's kernels: (layers, c1, c2 * ks * ks + 1).

        Without dynamic kernels, the shape of the audio planes: (16, H, W).
        """
        if self.fusion == "attention":
            return AUDIO_PLANES, self.crop_size, self.crop_size
        width = self.channels[-1]
        return self.dynamic_layers, width, width * self.kernel_size**2 + 1

    def to_json(self) -> str:
        """As JSON, for a checkpoint's metadata."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Read what `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        for name in ("channels", "static_layers"):
            if name in values:
                values[name] = tuple(values[name])
        return cls(**values)
