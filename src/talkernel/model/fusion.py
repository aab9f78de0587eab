"""The baseline without dynamic convolution kernels (ablation, Section VI-D).

Audio features become 16 planes of the image's size, which spatial attention fuses with the image
features. The planes depend on position, so the face must always be at the same place.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkernel.model.config import AUDIO_PLANES, ModelConfig

COARSE = 8  # planes are predicted at 1/8 of their resolution, then enlarged


class AudioPlanes(nn.Module):
    """Audio features to 16 planes of the crop's size, in place of the kernel predictor.

    Args:
        config: The model's shape.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.side = config.crop_size // COARSE
        self.infer = nn.Linear(config.audio_channels, AUDIO_PLANES * self.side**2)
        self.smooth = nn.Conv2d(AUDIO_PLANES, AUDIO_PLANES, 3, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features `[B, 512]` to planes `[B, 16, H, W]`."""
        coarse = self.infer(features).view(-1, AUDIO_PLANES, self.side, self.side)
        planes: Tensor = self.smooth(F.interpolate(coarse, scale_factor=COARSE, mode="bilinear"))
        return planes


class AttentionFusion(nn.Module):
    """Adds audio planes to image features, weighted by a learned mask.

    Args:
        channels: Channels of the image features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bring = nn.Conv2d(4 * AUDIO_PLANES, channels, 1)
        self.attend = nn.Sequential(
            nn.Conv2d(2 * channels, channels, 3, 1, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels, 1, 3, 1, 1),
        )

    def forward(self, x: Tensor, planes: Tensor) -> Tensor:
        """Features `[B, C, H / 2, W / 2]` and planes `[B, 16, H, W]` to fused features."""
        audio = self.bring(F.pixel_unshuffle(planes, 2))
        mask = torch.sigmoid(self.attend(torch.cat([x, audio], 1)))
        fused: Tensor = x + mask * audio
        return fused


class StaticLayer(nn.Module):
    """A `DynamicLayer` with a learned kernel instead of a predicted one.

    Args:
        channels: Channels in and out.
        kernel_size: ks, odd.
    """

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, kernel_size, 1, kernel_size // 2)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Features `[B, C, H, W]` in and out."""
        return x + F.leaky_relu(self.norm(self.convolution(x)), 0.2)
