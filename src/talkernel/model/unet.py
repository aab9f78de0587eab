"""The generator (adapted U-Net, f in eq. 2): face and kernels to mask and image (Section VI-A)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkernel.model.config import ModelConfig
from talkernel.model.dck import DynamicLayer
from talkernel.model.fusion import AttentionFusion, StaticLayer
from talkernel.model.synthesis import Synthesis


class ConvLayer(nn.Sequential):
    """3x3 convolution, batch normalisation, leaky ReLU."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(c_out),
            nn.LeakyReLU(0.2, inplace=True),
        )


class UpLayer(nn.Module):
    """Doubles the resolution and adds the skip connection of that resolution.

    A transposed convolution and a convolution of the skip connection replace the usual
    up-sampling, concatenation and 3x3 convolution. They express the same functions with half the
    arithmetic.

    Args:
        c_in: Channels of the input.
        c_skip: Channels of the skip connection and of the output.
    """

    def __init__(self, c_in: int, c_skip: int) -> None:
        super().__init__()
        self.enlarge = nn.ConvTranspose2d(c_in, c_skip, 4, 2, 1, bias=False)
        self.skip = nn.Conv2d(c_skip, c_skip, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(c_skip)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Features `[B, C, H, W]` and skip features `[B, C', 2 H, 2 W]` to `[B, C', 2 H, 2 W]`."""
        if self.training:
            return F.leaky_relu(self.norm(self.enlarge(x) + self.skip(skip)), 0.2)
        return F.leaky_relu(self._folded(x, skip), 0.2)

    def _folded(self, x: Tensor, skip: Tensor) -> Tensor:
        """The sum with the normalisation folded into both convolutions, for inference.

        Engines fold a normalisation into a single convolution themselves, but not into a sum of
        two.
        """
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None and variance is not None
        scale = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
        shift = self.norm.bias - mean * scale
        enlarge = self.enlarge.weight * scale[None, :, None, None]
        larger = F.conv_transpose2d(x, enlarge, shift, stride=2, padding=1)
        return larger + F.conv2d(skip, self.skip.weight * scale[:, None, None, None], padding=1)


class AdaptedUNet(nn.Module):
    """Five layers down, the dynamic layers, five layers up; fully convolutional.

    The first layer down and the last layer up rearrange pixels into channels and back, so no
    convolution runs at full resolution, where it would cost most.

    Args:
        config: The model's shape.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels = config.channels
        self.stem = ConvLayer(4 * config.face_shape[0], channels[0])
        self.down = nn.ModuleList(
            ConvLayer(c_in, c_out, stride=2) for c_in, c_out in pairwise(channels)
        )
        self.fuse = AttentionFusion(channels[0]) if config.fusion == "attention" else None
        layer = StaticLayer if self.fuse else DynamicLayer
        before, after = config.static_layers
        self.before = _middle(StaticLayer, config, before)
        self.middle = _middle(layer, config, config.dynamic_layers)
        self.after = _middle(StaticLayer, config, after)
        self.blending = config.blending
        self.up = nn.ModuleList(
            UpLayer(c_in, c_skip)
            for c_in, c_skip in zip(channels[:0:-1], channels[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(channels[0], 4 * (1 + 3), 3, 1, 1)

    def forward(self, face: Tensor, kernels: Tensor) -> Synthesis:
        """Attention mask and painted image for a batch of faces; see `raw_output`."""
        return Synthesis.of(self.raw_output(face, kernels))

    def raw_output(self, face: Tensor, kernels: Tensor) -> Tensor:
        """Attention mask (alpha) and painted image (M) as one tensor.

        Args:
            face: `[B, 3, H, W]` RGB in -1..1, H and W multiples of 32. With a reference
                `[B, 6, H, W]`: the face's channels, then the reference's.
            kernels: `[B, layers, c1, c2 * ks * ks + 1]` from `KernelInference`; without
                dynamic kernels, planes `[B, 16, H, W]` from `AudioPlanes`.

        Returns:
            `[B, 1 + 3, H, W]`: alpha in 0..1, then M in -1..1.
        """
        x = self.stem(F.pixel_unshuffle(face, 2))
        if self.fuse:
            x = self.fuse(x, kernels)
        skips: list[Tensor] = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        for layer in self.before:
            x = layer(x)
        for index, layer in enumerate(self.middle):
            x = layer(x) if self.fuse else layer(x, kernels[:, index])
        for layer in self.after:
            x = layer(x)
        for up in self.up:
            x = up(x, skips.pop())
        output = F.pixel_shuffle(_squash(self.head(x)), 2)
        return output if self.blending else _without_blending(output)


def _middle(layer: type[nn.Module], config: ModelConfig, count: int) -> nn.ModuleList:
    """Middle layers: they keep resolution and channels."""
    return nn.ModuleList(layer(config.channels[-1], config.kernel_size) for _ in range(count))


def _without_blending(output: Tensor) -> Tensor:
    """The output with alpha 1: the painted image replaces the input."""
    return torch.cat([torch.ones_like(output[:, :1]), output[:, 1:]], 1)


def _squash(x: Tensor) -> Tensor:
    """The first quarter of the channels to 0..1, the rest to -1..1.

    sigmoid(x) = tanh(x / 2) / 2 + 1 / 2, so one tanh serves both. Engines fuse it with the
    convolution, as it comes before the pixels are shuffled.
    """
    half = x.new_tensor([0.5, 1.0, 1.0, 1.0]).repeat_interleave(x.shape[1] // 4)[:, None, None]
    return torch.tanh(x * half) * half + (1.0 - half)
