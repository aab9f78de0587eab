"""Dynamic convolution kernels (DCK): predicted from speech, applied to the face (Section III)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkernel.model.config import ModelConfig


class KernelInference(nn.Module):
    """The kernel predictor (h2 in eq. 2): audio features to all dynamic kernels (Section VI-A).

    The paper has one linear layer per dynamic layer: 135 million weights, all of which every
    video frame reads. With a rank `r` there are two small ones, 512 -> r -> c1 (c2 ks^2 + 1).

    Args:
        config: The model's shape.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.shape = config.kernel_shape
        layers = [self._layer(config) for _ in range(config.dynamic_layers)]
        self.layers = nn.ModuleList(layers)

    def _layer(self, config: ModelConfig) -> nn.Module:
        _, c_out, c_in = self.shape
        size = c_out * c_in
        if config.dck_rank is None:
            last = nn.Linear(config.audio_channels, size)
            layer: nn.Module = last
        else:
            last = nn.Linear(config.dck_rank, size)
            layer = nn.Sequential(nn.Linear(config.audio_channels, config.dck_rank), last)
        _start_as_convolution(last, c_out, c_in)
        return layer

    def forward(self, features: Tensor) -> Tensor:
        """Features `[B, 512]` to kernels and biases `[B, layers, c1, c2 * ks * ks + 1]`."""
        kernels = torch.stack([layer(features) for layer in self.layers], dim=1)
        return kernels.view(-1, *self.shape)


def _start_as_convolution(last: nn.Linear, c_out: int, c_in: int) -> None:
    """Initialise so that all speech gives nearly the same, usually initialised kernel."""
    kernel = torch.empty(c_out, c_in)
    nn.init.kaiming_uniform_(kernel, a=math.sqrt(5))
    kernel[:, -1] = 0.0
    with torch.no_grad():
        last.bias.copy_(kernel.flatten())
    nn.init.normal_(last.weight, std=0.25 / math.sqrt(c_in * last.in_features))


def dynamic_conv(x: Tensor, kernels: Tensor, kernel_size: int = 1) -> Tensor:
    """Convolve each sample with its own kernel, at the same resolution.

    Args:
        x: `[B, c2, H, W]`.
        kernels: `[B, c1, c2 * ks * ks + 1]`; the last column is the bias.
        kernel_size: ks, odd.

    Returns:
        `[B, c1, H, W]`.
    """
    if kernel_size == 1:
        return matmul_conv(x, kernels)
    if torch.compiler.is_compiling():  # in ONNX the number of groups cannot be the batch size
        return unfolded_conv(x, kernels, kernel_size)
    return grouped_conv(x, kernels, kernel_size)


def matmul_conv(x: Tensor, kernels: Tensor) -> Tensor:
    """`dynamic_conv` for ks = 1: a matrix product at each pixel."""
    weight, bias = kernels[:, :, :-1], kernels[:, :, -1:]
    out = torch.matmul(weight, x.flatten(2)) + bias
    return out.view(*out.shape[:2], *x.shape[2:])


def grouped_conv(x: Tensor, kernels: Tensor, kernel_size: int) -> Tensor:
    """`dynamic_conv` as in the paper: one group of channels per sample (Section VI-A)."""
    batch, c_in, height, width = x.shape
    c_out = kernels.shape[1]
    weight = kernels[:, :, :-1].reshape(batch * c_out, c_in, kernel_size, kernel_size)
    bias = kernels[:, :, -1].reshape(batch * c_out)
    grouped = x.reshape(1, batch * c_in, height, width)
    out = F.conv2d(grouped, weight, bias, padding=kernel_size // 2, groups=batch)
    return out.view(batch, c_out, height, width)


def unfolded_conv(x: Tensor, kernels: Tensor, kernel_size: int) -> Tensor:
    """`dynamic_conv` as a matrix product: each pixel's neighbourhood is laid out as channels."""
    height, width = x.shape[2:]
    padded = F.pad(x, [kernel_size // 2] * 4)
    shifted = [
        padded[:, :, row : row + height, column : column + width]
        for row in range(kernel_size)
        for column in range(kernel_size)
    ]
    return matmul_conv(torch.stack(shifted, dim=2).flatten(1, 2), kernels)


class DynamicLayer(nn.Module):
    """A middle layer (eq. 1): x + g(k * x), where k is the kernel and g normalises and activates.

    Args:
        channels: Channels in and out.
        kernel_size: ks, odd.
    """

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor, kernels: Tensor) -> Tensor:
        """Features `[B, C, H, W]` and this layer's kernels `[B, C, C * ks * ks + 1]`."""
        y = self.norm(dynamic_conv(x, kernels, self.kernel_size))
        return x + F.leaky_relu(y, 0.2)
