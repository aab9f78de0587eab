"""Corollaries 1 to 3: how much the losses of two kernel sets can differ (Section V-B).

The loss difference is measured over some faces. Beside it are two limits: one from the measured
difference of the blended faces, where each proof starts, and one from the bound of that
difference, where it ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from talkernel.lab.explain.convolution_norm import convolution_norm
from talkernel.lab.explain.faces import as_tensor
from talkernel.lab.explain.kernel_pairs import ForwardPass, Pair, draw_pairs, forward_pass
from talkernel.lab.explain.network_bound import (
    DecoderBound,
    LayerBound,
    decoder_bound,
    input_lipschitz,
    layer_bounds,
    middle_bound,
)
from talkernel.lab.explain.scene import Scene
from talkernel.lab.explain.stored import Arrays
from talkernel.lab.explain.theory import vector_norm
from talkernel.model.discriminator import Discriminator
from talkernel.model.talking_face import TalkingFace
from talkernel.mouth.blend import to_network

PAIRS = 6
FACES = 3  # that the losses are means over
# 2-norm of averaging 2 x 2 neighbours: equal ones keep a quarter of their sum of squares.
AVERAGED = 0.5


@dataclass(frozen=True)
class Case:
    """Two kernel sets at one face, their forward passes, and the networks' bounds."""

    model: TalkingFace
    pair: Pair
    x: Tensor
    truth: Tensor
    one: ForwardPass
    other: ForwardPass
    discriminator: Discriminator
    lipschitz: float
    layers: dict[float, list[LayerBound]]
    decoders: dict[float, DecoderBound]

    def beside_reference(self, face: Tensor) -> Tensor:
        """Another face `[1, 3, S, S]` in place of the input's, with the same reference."""
        return torch.cat([face, self.x[:, 3:]], 1)

    def difference(self, p: float) -> float:
        """Measured ‖I'1 - I'2‖_p."""
        return vector_norm(self.one.blended - self.other.blended, p)

    def bound(self, p: float) -> float:
        """Upper bound of ‖I'1 - I'2‖_p."""
        return self.bound_of(self.other, p)

    def bound_of(self, other: ForwardPass, p: float) -> float:
        """The same for any face, given its forward pass under the other kernels."""
        sizes = [vector_norm(y, p) for y in other.middle[:-1]]
        pixels = math.prod(other.middle[0].shape[2:])
        return middle_bound(self.layers[p], sizes, pixels, p) * self.decoders[p].blended(p)


Limits = tuple[float, float, float]  # difference, limit by measured faces, limit by the bound


def adversarial(case: Case) -> Limits:
    """Corollary 1, with the same discriminator D for both: ‖D(I')‖²."""
    one, other = (
        vector_norm(case.discriminator(run.blended), 2.0) for run in (case.one, case.other)
    )
    lipschitz = case.lipschitz

    def limit(difference: float) -> float:
        return lipschitz * difference * (lipschitz * difference + 2.0 * other)

    return one**2 - other**2, limit(case.difference(2.0)), limit(case.bound(2.0))


def absolute(case: Case) -> Limits:
    """Corollary 2 with the identity for f_P: L1 (eq. 3)."""
    one, other = (vector_norm(run.blended - case.truth, 1.0) for run in (case.one, case.other))
    return one - other, case.difference(1.0), case.bound(1.0)


def cycle(case: Case) -> Limits:
    """Corollary 3, with the same generator f in both directions: ‖f(f(x)) - x‖_1."""
    first, second = (case.beside_reference(run.blended) for run in (case.one, case.other))
    again = [
        forward_pass(case.model, first, case.pair.one),
        forward_pass(case.model, second, case.pair.other),
    ]
    one, other = (vector_norm(run.blended - case.x[:, :3], 1.0) for run in again)
    swapped = forward_pass(case.model, second, case.pair.one)
    lipschitz = input_lipschitz(case.model.unet, case.pair.one, 1.0)
    measured = lipschitz * case.difference(1.0) + vector_norm(
        swapped.blended - again[1].blended, 1.0
    )
    return one - other, measured, lipschitz * case.bound(1.0) + case.bound_of(again[1], 1.0)


LOSSES: dict[str, Callable[[Case], Limits]] = {
    "adversarial": adversarial,
    "L1": absolute,
    "cycle": cycle,
}


def check_corollaries(scene: Scene) -> Arrays:
    """For each pair of kernel sets: the difference of the losses and its two limits.

    The discriminator has seeded random weights, since its weights are not shipped. The
    corollaries hold for any.

    Returns:
        `losses` `[3]`, `loss_limits` `[pairs, 3, 3]`: means over faces.
    """
    discriminator = random_discriminator(scene.seed)
    decoders = {p: decoder_bound(scene.model.unet, p) for p in (1.0, 2.0)}
    rows = [
        _means(list(_cases(scene, pair, discriminator, decoders)))
        for pair in draw_pairs(scene)[:PAIRS]
    ]
    return {"losses": np.array(list(LOSSES)), "loss_limits": np.array(rows)}


def random_discriminator(seed: int) -> Discriminator:
    """A discriminator with initial weights."""
    torch.manual_seed(seed)
    return Discriminator().eval()


def _cases(
    scene: Scene, pair: Pair, discriminator: Discriminator, decoders: dict[float, DecoderBound]
) -> Iterator[Case]:
    model, lipschitz = scene.model, discriminator_lipschitz(discriminator)
    layers = {p: layer_bounds(model.unet, pair.one, pair.other, p) for p in decoders}
    for face in scene.faces[:FACES]:
        truth = torch.from_numpy(to_network(face.view()))[None]
        x = as_tensor(face.network_input())
        one, other = (forward_pass(model, x, kernels) for kernels in (pair.one, pair.other))
        yield Case(model, pair, x, truth, one, other, discriminator, lipschitz, layers, decoders)


def _means(cases: list[Case]) -> list[list[float]]:
    with torch.no_grad():
        found = [[loss(case) for case in cases] for loss in LOSSES.values()]
    means = np.array(found).mean(1)
    means[:, 0] = np.abs(means[:, 0])
    return [list(map(float, row)) for row in means]


def discriminator_lipschitz(discriminator: Discriminator) -> float:
    """Bound of D's Lipschitz constant (2-norm): the product over layers; leaky ReLU has 1."""
    found = 1.0
    for layer in discriminator.modules():
        if isinstance(layer, nn.Conv2d):
            found *= convolution_norm(layer.weight.detach(), 2.0)
        elif isinstance(layer, nn.AvgPool2d):
            found *= AVERAGED
    return found
