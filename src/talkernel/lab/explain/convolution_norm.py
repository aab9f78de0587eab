"""Certified upper bounds of convolution norms for p = 1, 2 and infinity.

A transposed convolution of stride 2 is a convolution to four times the channels whose pixels
are then shuffled, which changes no norm. With zero padding, a convolution is a restriction of the
one over the whole plane, whose 2-norm is the largest spectral norm of its transfer function. That
is a trigonometric polynomial of degree d in each direction; N equally spaced
samples underestimate its maximum by at most a factor of cos(pi d / N) in each (M. Riesz).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

SAMPLES = 16  # N, per direction


def convolution_norm(weight: Tensor, p: float) -> float:
    """Bound of ‖w * y‖_p / ‖y‖_p.

    Args:
        weight: `[c1, c2, k, k]`, k odd; any stride, since a stride only drops values.
        p: 1, 2 or infinity.

    Raises:
        ValueError: For another p there is no such bound here.
    """
    weight = weight.detach().double()
    if p == 1.0:
        return float(weight.abs().sum((0, 2, 3)).max())
    if p == math.inf:
        return float(weight.abs().sum((1, 2, 3)).max())
    if p == 2.0:
        return _spectral_norm(weight)
    raise ValueError(f"No bound for p = {p}.")


def _spectral_norm(weight: Tensor) -> float:
    degree = weight.shape[-1] // 2
    samples = max(1, SAMPLES * degree)  # one for a matrix, exact
    transfer = torch.fft.rfft2(weight, s=(samples, samples)).permute(2, 3, 0, 1)
    small = transfer if weight.shape[0] <= weight.shape[1] else transfer.mH
    largest = torch.linalg.eigvalsh(small @ small.mH).max().clamp(min=0).sqrt()
    return float(largest) / math.cos(math.pi * degree / samples) ** 2


def transposed_as_convolution(weight: Tensor) -> Tensor:
    """A transposed convolution (size 4, stride 2, padding 1) as a convolution and pixel shuffle.

    Args:
        weight: `[c_in, c_out, 4, 4]`, in torch's order.

    Returns:
        `[4 * c_out, c_in, 3, 3]`, for a convolution with padding 1 followed by `pixel_shuffle`.
    """
    c_in, c_out = weight.shape[:2]
    convolution = weight.new_zeros(c_out, 2, 2, c_in, 3, 3)
    taps = {0: ((0, 3), (1, 1)), 1: ((1, 2), (2, 0))}  # for even and odd pixels: (offset, tap)
    for row, down in taps.items():
        for column, across in taps.items():
            for y, ky in down:
                for x, kx in across:
                    convolution[:, row, column, :, y, x] = weight[:, :, ky, kx].T
    return convolution.reshape(4 * c_out, c_in, 3, 3)


def batch_norm_affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Scale and shift `[C]` of a batch normalisation in evaluation mode.

    Raises:
        ValueError: It has no running statistics.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("This batch normalisation has no running statistics.")
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return scale.detach().double(), (norm.bias - norm.running_mean * scale).detach().double()
