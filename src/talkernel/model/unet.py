"""Adapted U-Net f: a face and kernels to an attention mask and a motion image (Section VI-A)."""

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
    """3x3 convolution, batch normalisation (which folds into it), leaky ReLU."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(c_out),
            nn.LeakyReLU(0.2, inplace=True),
        )


class UpLayer(nn.Module):
    """Doubles the resolution and adds the skip connection of that resolution.

    A transposed convolution does in one go, with half the arithmetic, what enlarging,
    concatenating and a 3x3 convolution do; any such convolution can be written as one.
    """

    def __init__(self, c_in: int, c_skip: int) -> None:
        super().__init__()
        self.enlarge = nn.ConvTranspose2d(c_in, c_skip, 4, 2, 1, bias=False)
        self.skip = nn.Conv2d(c_skip, c_skip, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(c_skip)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Features `[B, C, H, W]` and the encoder's `[B, C', 2 H, 2 W]` to the latter's shape."""
        if self.training:
            return F.leaky_relu(self.norm(self.enlarge(x) + self.skip(skip)), 0.2)
        return F.leaky_relu(self._folded(x, skip), 0.2)

    def _folded(self, x: Tensor, skip: Tensor) -> Tensor:
        """The same with fixed statistics, the normalisation inside the convolutions.

        Engines fold a normalisation into one convolution by themselves, not into a sum of two.
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

    The first layer down and the last layer up move pixels between space and channels
    instead of striding: no convolution runs at full resolution, where it would cost most.
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
        """Mask and motion for a batch of faces; see `answer`."""
        return Synthesis.of(self.answer(face, kernels))

    def answer(self, face: Tensor, kernels: Tensor) -> Tensor:
        """Alpha and M in one tensor `[B, 1 + 3, H, W]`.

        Args:
            face: `[B, 3, H, W]` RGB in -1..1, H and W multiples of 32; with a reference
                `[B, 6, H, W]`, its RGB behind the face's.
            kernels: `[B, layers, c1, c2 * ks * ks + 1]` from `KernelInference`; without
                DCKs, planes `[B, 16, H, W]` from `AudioPlanes`.
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
        answer = F.pixel_shuffle(_squash(self.head(x)), 2)
        return answer if self.blending else _everywhere(answer)


def _middle(layer: type[nn.Module], config: ModelConfig, count: int) -> nn.ModuleList:
    """Layers that change neither resolution nor channels."""
    return nn.ModuleList(layer(config.channels[-1], config.kernel_size) for _ in range(count))


def _everywhere(answer: Tensor) -> Tensor:
    """The same with alpha 1: nothing of the input is left."""
    return torch.cat([torch.ones_like(answer[:, :1]), answer[:, 1:]], 1)


def _squash(x: Tensor) -> Tensor:
    """The first quarter of the channels to 0..1, the rest to -1..1.

    Before the pixels are shuffled, and by one function for both, since a sigmoid is half a
    tanh: an engine then does it inside the convolution.
    """
    half = x.new_tensor([0.5, 1.0, 1.0, 1.0]).repeat_interleave(x.shape[1] // 4)[:, None, None]
    return torch.tanh(x * half) * half + (1.0 - half)
