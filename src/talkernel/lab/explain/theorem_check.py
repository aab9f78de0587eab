"""Compares the bounds of Theorem 1, the paper's and ours, with measured differences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from talkernel.lab.explain.convolution_norm import batch_norm_affine
from talkernel.lab.explain.faces import as_tensor
from talkernel.lab.explain.kernel_pairs import ForwardPass, Pair, draw_pairs, forward_pass
from talkernel.lab.explain.network_bound import (
    DecoderBound,
    decoder_bound,
    layer_bounds,
    middle_bound,
    static_weight,
)
from talkernel.lab.explain.scene import Scene
from talkernel.lab.explain.theory import (
    NORMS,
    KernelNorm,
    chain,
    entrywise_norm,
    operator_norm,
    theorem_1,
    vector_norm,
)
from talkernel.model.talking_face import TalkingFace
from talkernel.model.unet import ConvLayer, UpLayer

READINGS: dict[str, KernelNorm] = {"numbers": entrywise_norm, "map": operator_norm}


class Check(NamedTuple):
    """One bound and the measured difference that it bounds.

    Attributes:
        stage: "chain" for the network of eq. 9 made of the same kernels; "middle" for our
            dynamic layers; "answer" for mask and motion image; "face" for the blended face.
        bound: "paper, numbers" and "paper, map" for the two readings of ‖k‖; "ours" with
            bounded features, "ours, measured" with measured features.
        kind: Of the pair of kernel sets.
        p: Of the norm.
        measured: Norm of the difference.
        limit: The bound.
    """

    stage: str
    bound: str
    kind: str
    p: float
    measured: float
    limit: float


def check(scene: Scene) -> list[Check]:
    """All bounds of all pairs."""
    decoders = {p: decoder_bound(scene.model.unet, p) for p in NORMS}
    static = static_kernels(scene.model)
    found: list[Check] = []
    for pair in draw_pairs(scene):
        x = as_tensor(pair.face.network_input())
        runs = forward_pass(scene.model, x, pair.one), forward_pass(scene.model, x, pair.other)
        for p in NORMS:
            found += _chain(scene.model, pair, runs[0].middle[0], p)
            found += _ours(scene.model, pair, *runs, decoders[p], p)
            found += _papers(pair, x, *runs, static, p)
    return found


def _chain(model: TalkingFace, pair: Pair, start: Tensor, p: float) -> Iterator[Check]:
    """The paper's network of eq. 9: only the dynamic kernels, one after another."""
    one, other = (_without_bias(model, kernels) for kernels in (pair.one, pair.other))
    measured = vector_norm(chain(start, one) - chain(start, other), p)
    for reading, norm in READINGS.items():
        if one[0].ndim == 2 or norm is entrywise_norm:
            limit = theorem_1(one, other, vector_norm(start, p), p, norm)
            yield Check("chain", f"paper, {reading}", pair.kind, p, measured, limit)


def _without_bias(model: TalkingFace, kernels: Tensor) -> list[Tensor]:
    side, width = model.config.kernel_size, kernels.shape[1]
    bare = kernels[:, :, :-1]
    return list(bare if side == 1 else bare.reshape(-1, width, width, side, side))


def _ours(
    model: TalkingFace,
    pair: Pair,
    one: ForwardPass,
    other: ForwardPass,
    decoder: DecoderBound,
    p: float,
) -> Iterator[Check]:
    layers = layer_bounds(model.unet, pair.one, pair.other, p)
    sizes = [vector_norm(features, p) for features in other.middle[:-1]]
    pixels = math.prod(one.middle[0].shape[2:])
    middle = vector_norm(one.middle[-1] - other.middle[-1], p)
    output, face = (
        vector_norm(one.output - other.output, p),
        vector_norm(one.blended - other.blended, p),
    )
    for name, known in (("ours", sizes[:1]), ("ours, measured", sizes)):
        limit = middle_bound(layers, known, pixels, p)
        yield Check("middle", name, pair.kind, p, middle, limit)
        yield Check("answer", name, pair.kind, p, output, limit * decoder.output)
        yield Check("face", name, pair.kind, p, face, limit * decoder.blended(p))


def _papers(
    pair: Pair, x: Tensor, one: ForwardPass, other: ForwardPass, static: list[Tensor], p: float
) -> Iterator[Check]:
    """Eq. 10 applied to the whole generator, as the paper states it, biases included."""
    kernels, start = list(pair.one), one.middle[0]
    middle = vector_norm(one.middle[-1] - other.middle[-1], p)
    limit = theorem_1(kernels, list(pair.other), vector_norm(start, p), p)
    yield Check("middle", "paper, numbers", pair.kind, p, middle, limit)
    whole = theorem_1([*static, *kernels], [*static, *pair.other], vector_norm(x, p), p)
    output = vector_norm(one.output - other.output, p)
    yield Check("answer", "paper, numbers", pair.kind, p, output, whole)


def static_kernels(model: TalkingFace) -> list[Tensor]:
    """Kernels of the static layers, with the normalisations folded in."""
    found = [_folded(layer) for layer in (model.unet.stem, *model.unet.down)]
    found += [static_weight(layer) for layer in (*model.unet.before, *model.unet.after)]
    for layer in model.unet.up:
        assert isinstance(layer, UpLayer)
        found.append(
            layer.enlarge.weight.detach() * batch_norm_affine(layer.norm)[0][None, :, None, None]
        )
    return [*found, model.unet.head.weight.detach()]


def _folded(layer: nn.Module) -> Tensor:
    assert isinstance(layer, ConvLayer)
    scale, _ = batch_norm_affine(layer[1])  # type: ignore[arg-type]
    weight = layer[0].weight
    assert isinstance(weight, torch.Tensor)
    return weight.detach() * scale[:, None, None, None]
