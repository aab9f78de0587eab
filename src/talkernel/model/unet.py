"""Adapted U-Net f: a face and kernels to an attention mask and a motion image (Section VI-A)."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkernel.config import ModelConfig
from talkernel.model.dck import DynamicLayer


class Synthesis(NamedTuple):
    """What f answers: alpha `[B, 1, H, W]` in 0..1 and M `[B, 3, H, W]` in -1..1."""

    attention: Tensor
    motion: Tensor


class ConvLayer(nn.Sequential):
    """3x3 convolution, batch normalisation (which folds into it), leaky ReLU."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(c_out),
            nn.LeakyReLU(0.2, inplace=True),
        )


class UpLayer(nn.Module):
    """Doubles the resolution and merges the skip connection of that resolution."""

    def __init__(self, c_in: int, c_skip: int) -> None:
        super().__init__()
        self.conv = ConvLayer(c_in + c_skip, c_skip)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Features `[B, C, H, W]` and the encoder's `[B, C', 2 H, 2 W]` to the latter's shape."""
        larger = F.interpolate(x, scale_factor=2.0, mode="nearest")
        merged: Tensor = self.conv(torch.cat([larger, skip], dim=1))
        return merged


class AdaptedUNet(nn.Module):
    """Five layers down, the dynamic layers, five layers up; fully convolutional.

    The first layer down and the last layer up move pixels between space and channels
    instead of striding: no convolution runs at full resolution, where it would cost most.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels = config.channels
        self.stem = ConvLayer(4 * 3, channels[0])
        self.down = nn.ModuleList(
            ConvLayer(c_in, c_out, stride=2) for c_in, c_out in pairwise(channels)
        )
        self.middle = nn.ModuleList(
            DynamicLayer(channels[-1], config.kernel_size) for _ in range(config.dynamic_layers)
        )
        self.up = nn.ModuleList(
            UpLayer(c_in, c_skip)
            for c_in, c_skip in zip(channels[:0:-1], channels[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(channels[0], 4 * (1 + 3), 3, 1, 1)

    def forward(self, face: Tensor, kernels: Tensor) -> Synthesis:
        """Answer for a batch of faces.

        Args:
            face: `[B, 3, H, W]` RGB in -1..1, H and W multiples of 32.
            kernels: `[B, layers, c1, c2 * ks * ks + 1]` from `KernelInference`.
        """
        x = self.stem(F.pixel_unshuffle(face, 2))
        skips: list[Tensor] = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        for index, layer in enumerate(self.middle):
            x = layer(x, kernels[:, index])
        for up in self.up:
            x = up(x, skips.pop())
        answer = F.pixel_shuffle(self.head(x), 2)
        return Synthesis(torch.sigmoid(answer[:, :1]), torch.tanh(answer[:, 1:]))
