"""A corrected Theorem 1: a bound that holds for our generator (docs/theory.md).

A dynamic layer is y + g(S (k * y + b) + t), with the leaky ReLU g and the normalisation's scale
S and shift t. For one face and two kernel sets the skip connections carry equal features, so
the difference reaches the decoder only through the dynamic layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from talkernel.lab.explain.convolution_norm import (
    batch_norm_affine,
    convolution_norm,
    transposed_as_convolution,
)
from talkernel.lab.explain.theory import SLOPE, vector_norm
from talkernel.model.dck import DynamicLayer
from talkernel.model.fusion import StaticLayer
from talkernel.model.unet import AdaptedUNet, ConvLayer, UpLayer

MEAN_SLOPE, SPREAD = (1.0 + SLOPE) / 2.0, (1.0 - SLOPE) / 2.0  # of the leaky ReLU's slopes
SIGMOID_SLOPE = 0.25


class ScaledLayer(NamedTuple):
    """A dynamic layer's kernel, with the normalisation's scale folded in.

    Attributes:
        weight: `[c1, c2, k, k]`.
        bias: `[c1]`.
        shift: `[c1]` of the normalisation.
    """

    weight: Tensor
    bias: Tensor
    shift: Tensor


def scaled(layer: nn.Module, kernel: Tensor) -> ScaledLayer:
    """Fold a dynamic layer's normalisation into its kernel `[c1, c2 * ks * ks + 1]`."""
    assert isinstance(layer, DynamicLayer)
    scale, shift = batch_norm_affine(layer.norm)
    side = layer.kernel_size
    weight = kernel[:, :-1].double().reshape(len(kernel), -1, side, side)
    folds = weight * scale[:, None, None, None]
    return ScaledLayer(folds, kernel[:, -1].double() * scale, shift)


def residual_lipschitz(weight: Tensor, p: float) -> float:
    """Lipschitz constant of y -> y + g(w * y + c) for any c.

    g's slopes lie between 0.2 and 1, so the difference of two outputs is that of (I + 0.6 W)
    plus at most 0.4 |W|. It is never more than 1 + ‖W‖, and less where W counteracts I.
    """
    middle = weight.shape[-1] // 2
    linear = MEAN_SLOPE * weight
    linear[:, :, middle, middle] += torch.eye(len(weight), dtype=weight.dtype)
    return convolution_norm(linear, p) + SPREAD * convolution_norm(weight, p)


def static_lipschitz(layers: Iterable[nn.Module], p: float) -> float:
    """Lipschitz constant of a sequence of static middle layers."""
    return math.prod(residual_lipschitz(static_weight(layer).double(), p) for layer in layers)


def static_weight(layer: nn.Module) -> Tensor:
    """A static middle layer's kernel with the normalisation folded in: `[c1, c2, k, k]`."""
    assert isinstance(layer, StaticLayer)
    scale, _ = batch_norm_affine(layer.norm)
    return layer.convolution.weight.detach() * scale[:, None, None, None]


class LayerBound(NamedTuple):
    """Norms of one dynamic layer under two kernels.

    Attributes:
        one, other: Its Lipschitz constants under each kernel.
        weight: Norm of the difference of the scaled kernels.
        bias: Norm of the difference of the scaled biases.
        constant: Norm of the other's scaled bias with the shift.
    """

    one: float
    other: float
    weight: float
    bias: float
    constant: float


def layer_bounds(unet: AdaptedUNet, one: Tensor, other: Tensor, p: float) -> list[LayerBound]:
    """All dynamic layers, in evaluation mode, under kernels `[n, c1, c2 * ks * ks + 1]`."""
    return [
        _layer_bound(scaled(layer, a), scaled(layer, b), p)
        for layer, a, b in zip(unet.middle, one, other, strict=True)
    ]


def _layer_bound(one: ScaledLayer, other: ScaledLayer, p: float) -> LayerBound:
    return LayerBound(
        residual_lipschitz(one.weight, p),
        residual_lipschitz(other.weight, p),
        convolution_norm(one.weight - other.weight, p),
        vector_norm(one.bias - other.bias, p),
        vector_norm(other.bias + other.shift, p),
    )


def middle_bound(
    layers: Sequence[LayerBound], sizes: Sequence[float], pixels: int, p: float
) -> float:
    """Bound of ‖y1_n - y2_n‖_p after the dynamic layers.

    Args:
        layers: The n dynamic layers.
        sizes: ‖y2_0‖_p … ‖y2_(n-1)‖_p, measured under the other kernels; or only ‖y_0‖_p,
            and the later ones are bounded too.
        pixels: H * W of the features.
        p: 1, 2 or infinity.
    """
    spread = float(pixels ** (1.0 / p))  # norm of a constant map of value 1
    difference, bound = 0.0, sizes[0]
    for index, layer in enumerate(layers):
        before = sizes[index] if len(sizes) > 1 else bound
        difference = layer.one * difference + layer.weight * before + spread * layer.bias
        bound = layer.other * bound + spread * layer.constant
    return difference


class DecoderBound(NamedTuple):
    """Lipschitz constants of the layers after the dynamic ones, for one face.

    Attributes:
        output: Of the generator's whole output, in the last dynamic layer's features.
        attention: Of the attention mask alone.
        motion: Of the motion image alone.
    """

    output: float
    attention: float
    motion: float

    def blended(self, p: float) -> float:
        """Of the blended face I' (eq. 7), for the same face and the same warped reference.

        |I'1 - I'2| <= |M1 - M2| + 2 |a1 - a2|. The mask counts once per colour channel.
        """
        return float(self.motion + 2.0 * 3.0 ** (1.0 / p) * self.attention)


def decoder_bound(unet: AdaptedUNet, p: float) -> DecoderBound:
    """Lipschitz constants from the dynamic layers' features to the output."""
    below = static_lipschitz(unet.after, p)
    return _heads(unet, below * math.prod(up_norms(layer, p)[0] for layer in _ups(unet)), p)


def _heads(unet: AdaptedUNet, below: float, p: float) -> DecoderBound:
    """Multiply in the last convolution; `below` is the constant of its input."""
    head = head_weight(unet)
    masks = len(head) // 4
    parts = (head, head[:masks], head[masks:])
    whole, attention, motion = (below * convolution_norm(part, p) for part in parts)
    return DecoderBound(whole, attention, motion)


def head_weight(unet: AdaptedUNet) -> Tensor:
    """The last convolution, the mask's rows times the sigmoid's largest slope; tanh's is 1."""
    head = unet.head.weight.detach().double().clone()
    head[: len(head) // 4] *= SIGMOID_SLOPE
    return head


def up_norms(layer: UpLayer, p: float) -> tuple[float, float]:
    """Norms of an up-sampling layer with normalisation: from below, and from the skip."""
    scale, _ = batch_norm_affine(layer.norm)
    enlarge = layer.enlarge.weight.detach().double() * scale[None, :, None, None]
    skip = layer.skip.weight.detach().double() * scale[:, None, None, None]
    return convolution_norm(transposed_as_convolution(enlarge), p), convolution_norm(skip, p)


def input_lipschitz(unet: AdaptedUNet, kernels: Tensor, p: float) -> float:
    """Lipschitz constant of face -> blended face for fixed kernels, including skips.

    Corollary 3 needs it: a cycle feeds the network's output back into the network. A reference
    stays the same.
    """
    bound = _convolution_layer(unet.stem, p)
    skips = []
    for down in unet.down:
        skips.append(bound)
        bound *= _convolution_layer(down, p)
    bound *= static_lipschitz([*unet.before, *unet.after], p)
    for layer, kernel in zip(unet.middle, kernels, strict=True):
        bound *= residual_lipschitz(scaled(layer, kernel).weight, p)
    for layer in _ups(unet):
        below, beside = up_norms(layer, p)
        bound = below * bound + beside * skips.pop()
    return 1.0 + _heads(unet, bound, p).blended(p)


def _convolution_layer(layer: nn.Module, p: float) -> float:
    assert isinstance(layer, ConvLayer)
    convolution, norm = layer[0], layer[1]
    scale, _ = batch_norm_affine(norm)  # type: ignore[arg-type]
    weight = convolution.weight
    assert isinstance(weight, Tensor)
    return convolution_norm(weight.detach().double() * scale[:, None, None, None], p)


def _ups(unet: AdaptedUNet) -> list[UpLayer]:
    return [layer for layer in unet.up if isinstance(layer, UpLayer)]
