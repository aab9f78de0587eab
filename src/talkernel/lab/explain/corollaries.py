"""Corollaries 1 to 3: how far the losses of two kernel sets can lie apart (Section V-B).

Measured over some faces, beside what follows from the measured difference of the faces, which
is where each proof begins, and from the bound of that difference, which is where it ends.
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
from talkernel.lab.explain.kernel_pairs import Pair, Passage, draw_pairs, passage
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
from talkernel.lab.explain.theory import size
from talkernel.model.discriminator import Discriminator
from talkernel.model.talking_face import TalkingFace
from talkernel.mouth.blend import to_network

PAIRS = 6
FACES = 3  # that the losses are means over
# 2-norm of the mean of 2 x 2 neighbours: alike, they keep a quarter of their squares.
AVERAGED = 0.5


@dataclass(frozen=True)
class Case:
    """Two kernel sets at one face, and what is known of the network around them."""

    model: TalkingFace
    pair: Pair
    x: Tensor
    truth: Tensor
    one: Passage
    other: Passage
    judge: Discriminator
    steep: float
    layers: dict[float, list[LayerBound]]
    decoders: dict[float, DecoderBound]

    def beside_reference(self, face: Tensor) -> Tensor:
        """Another face `[1, 3, S, S]` in the place of the input's, as f takes it."""
        return torch.cat([face, self.x[:, 3:]], 1)

    def apart(self, p: float) -> float:
        """Measured ‖I'1 - I'2‖_p."""
        return size(self.one.blended - self.other.blended, p)

    def bound(self, p: float) -> float:
        """What it can be at most."""
        return self.bound_of(self.other, p)

    def bound_of(self, other: Passage, p: float) -> float:
        """The same for any face, of which the other kernels' passage is known."""
        sizes = [size(y, p) for y in other.middle[:-1]]
        pixels = math.prod(other.middle[0].shape[2:])
        return middle_bound(self.layers[p], sizes, pixels, p) * self.decoders[p].blended(p)


Limits = tuple[float, float, float]  # difference, limit by measured faces, limit by the bound


def adversarial(case: Case) -> Limits:
    """Corollary 1, the same D for both: ‖D(I')‖²."""
    one, other = (size(case.judge(run.blended), 2.0) for run in (case.one, case.other))
    steep = case.steep

    def limit(apart: float) -> float:
        return steep * apart * (steep * apart + 2.0 * other)

    return one**2 - other**2, limit(case.apart(2.0)), limit(case.bound(2.0))


def absolute(case: Case) -> Limits:
    """Corollary 2 with the identity for f_P: L1 (eq. 3)."""
    one, other = (size(run.blended - case.truth, 1.0) for run in (case.one, case.other))
    return one - other, case.apart(1.0), case.bound(1.0)


def cycle(case: Case) -> Limits:
    """Corollary 3, both directions the same network: ‖f(f(x)) - x‖_1."""
    first, second = (case.beside_reference(run.blended) for run in (case.one, case.other))
    again = [
        passage(case.model, first, case.pair.one),
        passage(case.model, second, case.pair.other),
    ]
    one, other = (size(run.blended - case.x[:, :3], 1.0) for run in again)
    swapped = passage(case.model, second, case.pair.one)
    steep = input_lipschitz(case.model.unet, case.pair.one, 1.0)
    measured = steep * case.apart(1.0) + size(swapped.blended - again[1].blended, 1.0)
    return one - other, measured, steep * case.bound(1.0) + case.bound_of(again[1], 1.0)


LOSSES: dict[str, Callable[[Case], Limits]] = {
    "adversarial": adversarial,
    "L1": absolute,
    "cycle": cycle,
}


def check_corollaries(scene: Scene) -> Arrays:
    """For each pair of kernel sets: difference of the losses, and both its limits.

    The discriminator is one with seeded random weights, since weights of it are not shipped:
    the corollaries are said of any.

    Returns:
        `losses` `[3]`, `loss_limits` `[pairs, 3, 3]`: means over faces.
    """
    judge = random_discriminator(scene.seed)
    decoders = {p: decoder_bound(scene.model.unet, p) for p in (1.0, 2.0)}
    rows = [
        _means(list(_cases(scene, pair, judge, decoders))) for pair in draw_pairs(scene)[:PAIRS]
    ]
    return {"losses": np.array(list(LOSSES)), "loss_limits": np.array(rows)}


def random_discriminator(seed: int) -> Discriminator:
    """One as training begins with it."""
    torch.manual_seed(seed)
    return Discriminator().eval()


def _cases(
    scene: Scene, pair: Pair, judge: Discriminator, decoders: dict[float, DecoderBound]
) -> Iterator[Case]:
    model, steep = scene.model, discriminator_lipschitz(judge)
    layers = {p: layer_bounds(model.unet, pair.one, pair.other, p) for p in decoders}
    for face in scene.faces[:FACES]:
        truth = torch.from_numpy(to_network(face.view()))[None]
        x = as_tensor(face.shown())
        one, other = (passage(model, x, kernels) for kernels in (pair.one, pair.other))
        yield Case(model, pair, x, truth, one, other, judge, steep, layers, decoders)


def _means(cases: list[Case]) -> list[list[float]]:
    with torch.no_grad():
        found = [[loss(case) for case in cases] for loss in LOSSES.values()]
    means = np.array(found).mean(1)
    means[:, 0] = np.abs(means[:, 0])
    return [list(map(float, row)) for row in means]


def discriminator_lipschitz(judge: Discriminator) -> float:
    """2-norm bound of D: its layers' multiplied; leaky ReLU enlarges nothing."""
    found = 1.0
    for layer in judge.modules():
        if isinstance(layer, nn.Conv2d):
            found *= convolution_norm(layer.weight.detach(), 2.0)
        elif isinstance(layer, nn.AvgPool2d):
            found *= AVERAGED
    return found
