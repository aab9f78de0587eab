"""Pairs of kernel sets for checking the theorem, and the generator's forward pass with each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from talkernel.lab.explain.faces import Face
from talkernel.lab.explain.scene import Scene
from talkernel.lab.explain.utterance import Utterance
from talkernel.model.synthesis import Synthesis, blend
from talkernel.model.talking_face import TalkingFace

PAIRS = 12  # of each kind


class Pair(NamedTuple):
    """Two kernel sets `[layers, c1, c2 * ks * ks + 1]`, how they were chosen, and a face."""

    kind: str
    one: Tensor
    other: Tensor
    face: Face


def draw_pairs(scene: Scene) -> list[Pair]:
    """Kernels of random frames, of successive frames, and random numbers of the same spread."""
    generator = np.random.default_rng(scene.seed)
    speech, faces, pairs = scene.speech, scene.faces, []
    audible = speech.audible  # frames of silence may have the same kernels
    for number in range(PAIRS):
        first, second = generator.choice(audible, 2, replace=False)
        begin = min(int(generator.choice(audible)), len(speech) - 2)
        random = _random(speech, generator), _random(speech, generator)
        face = faces[number % len(faces)]
        pairs += [
            Pair("any two moments", *_of(speech, first, second), face),
            Pair("successive frames", *_of(speech, begin, begin + 1), face),
            Pair("random", *random, face),
        ]
    return pairs


def _of(speech: Utterance, *frames: int) -> tuple[Tensor, Tensor]:
    one, other = (torch.from_numpy(speech.kernels[frame]) for frame in frames)
    return one, other


def _random(speech: Utterance, generator: np.random.Generator) -> Tensor:
    """Independent normal numbers with the spread of the speech's kernels in each layer."""
    spread = speech.kernels.std((0, 2, 3))
    noise = generator.normal(size=speech.kernels.shape[1:]) * spread[:, None, None]
    return torch.from_numpy(noise.astype(np.float32))


@dataclass(frozen=True)
class ForwardPass:
    """The generator's features and outputs for one face and one kernel set.

    Attributes:
        middle: Features before the dynamic layers and after each `[1, C, H, W]`.
        output: Mask and motion image, `[1, 1 + 3, S, S]`.
        blended: I' `[1, 3, S, S]` by eq. 7, with the generator's own attention mask.
    """

    middle: list[Tensor]
    output: Tensor
    blended: Tensor


def forward_pass(model: TalkingFace, x: Tensor, kernels: Tensor) -> ForwardPass:
    """Run the generator on a face `[1, 3 or 6, S, S]` in -1..1, keeping the middle features."""
    middle: list[Tensor] = []

    def keep(_: nn.Module, given: tuple[Tensor, Tensor], got: Tensor) -> None:
        middle.extend([got] if middle else [given[0], got])

    hooks = [layer.register_forward_hook(keep) for layer in model.unet.middle]
    try:
        with torch.no_grad():
            output = model.unet.raw_output(x, kernels[None])
    finally:
        for hook in hooks:
            hook.remove()
    return ForwardPass(middle, output, blend(x[:, :3], Synthesis.of(output)))
