"""AudioNet h1: a mel window to a feature vector (Sections III-B and VI-A)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from talkernel.errors import CheckpointError


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, optional residual, ReLU: Wav2Lip's `Conv2d`."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        stride: int | tuple[int, int],
        padding: int,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.Conv2d(c_in, c_out, kernel, stride, padding), nn.BatchNorm2d(c_out)
        )
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Features `[B, C, H, W]` in and out."""
        y: Tensor = self.conv_block(x)
        return torch.relu(y + x if self.residual else y)


class AudioNet(nn.Module):
    """Wav2Lip's audio encoder, layer for layer, so that its weights load.

    A window wider than 16 columns is averaged over time before the last convolution.
    """

    def __init__(self, channels: int = 512) -> None:
        super().__init__()
        self.audio_encoder = nn.Sequential(
            ConvBlock(1, 32, 3, 1, 1),
            ConvBlock(32, 32, 3, 1, 1, residual=True),
            ConvBlock(32, 32, 3, 1, 1, residual=True),
            ConvBlock(32, 64, 3, (3, 1), 1),
            ConvBlock(64, 64, 3, 1, 1, residual=True),
            ConvBlock(64, 64, 3, 1, 1, residual=True),
            ConvBlock(64, 128, 3, 3, 1),
            ConvBlock(128, 128, 3, 1, 1, residual=True),
            ConvBlock(128, 128, 3, 1, 1, residual=True),
            ConvBlock(128, 256, 3, (3, 2), 1),
            ConvBlock(256, 256, 3, 1, 1, residual=True),
            ConvBlock(256, channels, 3, 1, 0),
            ConvBlock(channels, channels, 1, 1, 0),
        )

    def forward(self, mel: Tensor) -> Tensor:
        """Mel windows `[B, 1, 80, 16]` in [-4, 4] to features `[B, 512]`."""
        features: Tensor = self.audio_encoder(mel)
        return features.mean((2, 3))

    def load_wav2lip(self, state: Mapping[str, Tensor]) -> None:
        """Take the audio encoder out of an official Wav2Lip state dictionary.

        Args:
            state: Names to tensors, with or without the `module.` prefix.

        Raises:
            CheckpointError: The audio encoder is missing or of another shape.
        """
        bare = {name.removeprefix("module."): value for name, value in state.items()}
        ours = {name: value for name, value in bare.items() if name.startswith("audio_encoder.")}
        try:
            self.load_state_dict(ours)
        except RuntimeError as error:
            message = f"No Wav2Lip audio encoder in this checkpoint: {error}"
            raise CheckpointError(message) from error
