"""Theorem 1 against what is measured: the paper's bound and ours, stage by stage."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from talkernel.lab.explain.convolution_norm import folded
from talkernel.lab.explain.faces import as_tensor
from talkernel.lab.explain.kernel_pairs import Pair, Passage, draw_pairs, passage
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
    entrywise,
    operator,
    size,
    theorem_1,
)
from talkernel.model.talking_face import TalkingFace
from talkernel.model.unet import ConvLayer, UpLayer

READINGS: dict[str, KernelNorm] = {"numbers": entrywise, "map": operator}


class Check(NamedTuple):
    """One bound and what it bounds.

    Attributes:
        stage: "chain" for the network of eq. 9 made of the same kernels; "middle" for our
            dynamic layers; "answer" for alpha and M; "face" for the blended face.
        bound: "paper, numbers" and "paper, map" for the two readings of ‖k‖; "ours" with
            features bounded, "ours, measured" with features measured.
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
        x = as_tensor(pair.face.shown())
        runs = passage(scene.model, x, pair.one), passage(scene.model, x, pair.other)
        for p in NORMS:
            found += _chain(scene.model, pair, runs[0].middle[0], p)
            found += _ours(scene.model, pair, *runs, decoders[p], p)
            found += _papers(pair, x, *runs, static, p)
    return found


def _chain(model: TalkingFace, pair: Pair, start: Tensor, p: float) -> Iterator[Check]:
    """The paper's own network: the dynamic kernels one after another, and nothing else."""
    one, other = (_without_bias(model, kernels) for kernels in (pair.one, pair.other))
    measured = size(chain(start, one) - chain(start, other), p)
    for reading, norm in READINGS.items():
        if one[0].ndim == 2 or norm is entrywise:
            limit = theorem_1(one, other, size(start, p), p, norm)
            yield Check("chain", f"paper, {reading}", pair.kind, p, measured, limit)


def _without_bias(model: TalkingFace, kernels: Tensor) -> list[Tensor]:
    side, width = model.config.kernel_size, kernels.shape[1]
    bare = kernels[:, :, :-1]
    return list(bare if side == 1 else bare.reshape(-1, width, width, side, side))


def _ours(
    model: TalkingFace, pair: Pair, one: Passage, other: Passage, decoder: DecoderBound, p: float
) -> Iterator[Check]:
    layers = layer_bounds(model.unet, pair.one, pair.other, p)
    sizes = [size(features, p) for features in other.middle[:-1]]
    pixels = math.prod(one.middle[0].shape[2:])
    middle = size(one.middle[-1] - other.middle[-1], p)
    answer, face = size(one.answer - other.answer, p), size(one.blended - other.blended, p)
    for name, known in (("ours", sizes[:1]), ("ours, measured", sizes)):
        limit = middle_bound(layers, known, pixels, p)
        yield Check("middle", name, pair.kind, p, middle, limit)
        yield Check("answer", name, pair.kind, p, answer, limit * decoder.answer)
        yield Check("face", name, pair.kind, p, face, limit * decoder.blended(p))


def _papers(
    pair: Pair, x: Tensor, one: Passage, other: Passage, static: list[Tensor], p: float
) -> Iterator[Check]:
    """Eq. 10 taken at its word for the network that it is said of, biases and all."""
    kernels, start = list(pair.one), one.middle[0]
    middle = size(one.middle[-1] - other.middle[-1], p)
    limit = theorem_1(kernels, list(pair.other), size(start, p), p)
    yield Check("middle", "paper, numbers", pair.kind, p, middle, limit)
    whole = theorem_1([*static, *kernels], [*static, *pair.other], size(x, p), p)
    answer = size(one.answer - other.answer, p)
    yield Check("answer", "paper, numbers", pair.kind, p, answer, whole)


def static_kernels(model: TalkingFace) -> list[Tensor]:
    """Kernels of the layers that sound does not change, normalisations inside."""
    found = [_folded(layer) for layer in (model.unet.stem, *model.unet.down)]
    found += [static_weight(layer) for layer in (*model.unet.before, *model.unet.after)]
    for layer in model.unet.up:
        assert isinstance(layer, UpLayer)
        found.append(layer.enlarge.weight.detach() * folded(layer.norm)[0][None, :, None, None])
    return [*found, model.unet.head.weight.detach()]


def _folded(layer: nn.Module) -> Tensor:
    assert isinstance(layer, ConvLayer)
    scale, _ = folded(layer[1])  # type: ignore[arg-type]
    weight = layer[0].weight
    assert isinstance(weight, torch.Tensor)
    return weight.detach() * scale[:, None, None, None]
