"""Join what was trained apart: AudioNet with its head, and f with h2, into one model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from talkernel.errors import CheckpointError, OptionError
from talkernel.lab.train.checkpoint import averaged_weights, load_start
from talkernel.lab.train.lip_reader import LipReader
from talkernel.model.config import ModelConfig
from talkernel.model.talking_face import LipCodec, TalkingFace

TRAINED = ("lips.", "kernel_inference.", "unet.")  # what a `GeneratorTrainer` trains


def assemble(
    generators: Sequence[Path],
    lip_reader: Path,
    gain: Tensor | float = 1.0,
    shares: Sequence[float] = (),
) -> TalkingFace:
    """The model that speaks.

    Args:
        generators: `last.pt` of a `GeneratorTrainer`, or a weight file or folder; of several, which
            must have begun from the same weights, the mean: what each of them got wrong in its
            own way is then less.
        lip_reader: Weights of a `LipReader`, or a model that hears with one; its gain counts too.
        gain: Factor on the heard lip code, `[K]` or one number. What a regression hears
            is a mean over all the mouths that go with a sound, so it moves less than any
            real mouth; the gain gives the motion back its size.
        shares: Of each generator in the mean, in any unit; none given: equal.

    Raises:
        CheckpointError: A file is something else, or they are not of one shape.
        OptionError: There are not as many shares as generators.
    """
    config, averaged = mean_generator(generators, shares)
    reader = LipReader.load(lip_reader)
    config = dataclasses.replace(
        config,
        encoder_layers=reader.config.encoder_layers,
        encoder_width=reader.config.encoder_width,
        speech_window=reader.config.speech_window,
    )
    model = TalkingFace(config)
    model.load_state_dict(model.state_dict() | averaged)
    reader.install_into(model)
    assert isinstance(model.lips, LipCodec)
    with torch.no_grad():
        model.lips.from_audio.weight.copy_(reader.head.weight.T.mul(gain).T)
        model.lips.from_audio.bias.mul_(gain)
    return model.eval()


def mean_generator(
    generators: Sequence[Path], shares: Sequence[float] = ()
) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Mean of what was trained of some generators, and their config; see `assemble`."""
    shares = shares or [1.0] * len(generators)
    if len(shares) != len(generators) or sum(shares) <= 0:
        remedy = "Give one --share above 0 for each --generator, or none."
        raise OptionError(f"{len(generators)} generators have {len(shares)} shares.", remedy=remedy)
    states = [load_start(path) for path in generators]
    if len({state["config"] for state in states}) > 1:
        raise CheckpointError(f"{', '.join(map(str, generators))} are not of one shape.")
    parts = [_trained(averaged_weights(state)) for state in states]
    mean = {name: _mean([part[name] for part in parts], shares) for name in parts[0]}
    return ModelConfig.from_json(states[0]["config"]), mean


def _trained(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in weights.items() if name.startswith(TRAINED)}


def _mean(values: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    if not values[0].is_floating_point():  # such as a count of batches
        return values[0]
    weighted = [share * value for share, value in zip(shares, values, strict=True)]
    return torch.stack(weighted).sum(0) / sum(shares)
