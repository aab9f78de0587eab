"""Theorem 1 corrected: a bound that holds for the network as it is (docs/theory.md).

A dynamic layer is y + g(S (k * y + b) + t), with the leaky ReLU g and the normalisation's scale
S and shift t. Of two kernel sets at the same face the skip connections carry the same, so the
layers up see nothing of them but what comes from below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from talkernel.explain.convolution_norm import convolution_norm, folded, transposed_as_convolution
from talkernel.explain.theory import SLOPE, size
from talkernel.model.dck import DynamicLayer
from talkernel.model.unet import AdaptedUNet, ConvLayer, UpLayer

LINEAR, BENT = (1.0 + SLOPE) / 2.0, (1.0 - SLOPE) / 2.0  # leaky ReLU: middle and spread of slopes
SIGMOID_SLOPE = 0.25


class ScaledLayer(NamedTuple):
    """A dynamic layer's kernel with the normalisation inside: `[c1, c2, k, k]`, bias `[c1]`."""

    weight: Tensor
    bias: Tensor
    shift: Tensor


def scaled(layer: DynamicLayer, kernel: Tensor) -> ScaledLayer:
    """Fold a layer's normalisation into its kernel `[c1, c2 * ks * ks + 1]`."""
    scale, shift = folded(layer.norm)
    side = layer.kernel_size
    weight = kernel[:, :-1].double().reshape(len(kernel), -1, side, side)
    return ScaledLayer(weight * scale[:, None, None, None], kernel[:, -1].double() * scale, shift)


def residual_lipschitz(weight: Tensor, p: float) -> float:
    """Lipschitz constant of y -> y + g(w * y + c) for any c.

    g's slopes lie between 0.2 and 1, so the difference of two results is that of
    (I + 0.6 W) plus at most 0.4 |W|: never more than 1 + ‖W‖, and less where W pulls back.
    """
    middle = weight.shape[-1] // 2
    straight = LINEAR * weight
    straight[:, :, middle, middle] += torch.eye(len(weight), dtype=weight.dtype)
    return convolution_norm(straight, p) + BENT * convolution_norm(weight, p)


def middle_bound(
    layers: Sequence[DynamicLayer],
    one: Tensor,
    other: Tensor,
    sizes: Sequence[float],
    pixels: int,
    p: float,
) -> float:
    """Bound of ‖y1_n - y2_n‖_p after the dynamic layers.

    Args:
        layers: The n of them, in evaluation mode.
        one: Kernels `[n, c1, c2 * ks * ks + 1]`.
        other: The other kernels.
        sizes: ‖y2_0‖_p … ‖y2_(n-1)‖_p that the other kernels' features have; or only
            ‖y_0‖_p, and the others are bounded too.
        pixels: H W of the features.
        p: 1, 2 or infinity.
    """
    spread = pixels ** (1.0 / p)  # norm of a constant map, in its value
    apart, growing = 0.0, sizes[0]
    for index, layer in enumerate(layers):
        first, second = scaled(layer, one[index]), scaled(layer, other[index])
        before = sizes[index] if len(sizes) > 1 else growing
        moved = convolution_norm(first.weight - second.weight, p) * before
        moved += spread * size(first.bias - second.bias, p)
        apart = residual_lipschitz(first.weight, p) * apart + moved
        constant = spread * size(second.bias + second.shift, p)
        growing = residual_lipschitz(second.weight, p) * growing + constant
    return apart


class DecoderBound(NamedTuple):
    """Lipschitz constants of what follows the dynamic layers, the face being the same.

    Attributes:
        answer: Of alpha and M together, by the last dynamic layer's features.
        attention: Of alpha alone.
        motion: Of M alone.
    """

    answer: float
    attention: float
    motion: float

    def blended(self, p: float) -> float:
        """Of I' (eq. 7): |I'1 - I'2| <= |M1 - M2| + 2 |a1 - a2|, alpha in three colours."""
        return self.motion + 2.0 * 3.0 ** (1.0 / p) * self.attention


def decoder_bound(unet: AdaptedUNet, p: float) -> DecoderBound:
    """What the layers up, the head and its sigmoid and tanh can make of a difference below."""
    below = math.prod(up_norms(layer, p)[0] for layer in _ups(unet))
    head = head_weight(unet)
    masks = len(head) // 4
    parts = (head, head[:masks], head[masks:])
    return DecoderBound(*(below * convolution_norm(part, p) for part in parts))


def head_weight(unet: AdaptedUNet) -> Tensor:
    """The last convolution, alpha's rows by the sigmoid's largest slope; tanh's is 1."""
    head = unet.head.weight.detach().double().clone()
    head[: len(head) // 4] *= SIGMOID_SLOPE
    return head


def up_norms(layer: UpLayer, p: float) -> tuple[float, float]:
    """Norms of a layer up, normalisation inside: from below, and from the skip connection."""
    scale, _ = folded(layer.norm)
    enlarge = layer.enlarge.weight.detach().double() * scale[None, :, None, None]
    skip = layer.skip.weight.detach().double() * scale[:, None, None, None]
    return convolution_norm(transposed_as_convolution(enlarge), p), convolution_norm(skip, p)


def input_lipschitz(unet: AdaptedUNet, kernels: Tensor, p: float) -> float:
    """Lipschitz constant of face -> blended face for fixed kernels, skips included.

    Corollary 3 needs it: a cycle feeds the network's result to the network.
    """
    growing = _convolution_layer(unet.stem, p)
    skips = []
    for down in unet.down:
        skips.append(growing)
        growing *= _convolution_layer(down, p)  # type: ignore[arg-type]
    for layer, kernel in zip(unet.middle, kernels, strict=True):
        growing *= residual_lipschitz(scaled(layer, kernel).weight, p)  # type: ignore[arg-type]
    for layer in _ups(unet):
        below, beside = up_norms(layer, p)
        growing = below * growing + beside * skips.pop()
    head, masks = head_weight(unet), unet.head.out_channels // 4
    attention, motion = (convolution_norm(part, p) for part in (head[:masks], head[masks:]))
    return 1.0 + (motion + 2.0 * 3.0 ** (1.0 / p) * attention) * growing


def _convolution_layer(layer: ConvLayer, p: float) -> float:
    convolution, norm = layer[0], layer[1]
    scale, _ = folded(norm)  # type: ignore[arg-type]
    weight: Tensor = convolution.weight.detach().double()  # type: ignore[assignment, operator]
    return convolution_norm(weight * scale[:, None, None, None], p)


def _ups(unet: AdaptedUNet) -> list[UpLayer]:
    return [layer for layer in unet.up if isinstance(layer, UpLayer)]
