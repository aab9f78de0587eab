"""Joins separately trained parts into one model: audio network, and generator with kernels."""

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

TRAINED = ("lips.", "kernel_inference.", "unet.")  # prefixes of what a `GeneratorTrainer` trains


def assemble(
    generators: Sequence[Path],
    lip_reader: Path,
    gain: Tensor | float = 1.0,
    weights: Sequence[float] = (),
) -> TalkingFace:
    """Build the complete model from its parts.

    Args:
        generators: For each generator, `last.pt` of a `GeneratorTrainer`, or a weight file or
            folder. The weights of several are averaged, which reduces their individual errors.
            They must have started from the same weights.
        lip_reader: Weights of a `LipReader`, or a weight file or folder, whose own gain is kept.
        gain: Factor on the predicted lip code, `[K]` or one number. A regression predicts the mean
            of all mouths that fit a sound, which moves less than a real mouth. The gain restores
            the amplitude. A model without a lip code takes no gain.
        weights: Weight of each generator in the mean, in any unit; equal if empty.

    Raises:
        CheckpointError: A file is something else, or the generators differ in shape.
        OptionError: The number of weights is not that of the generators, or a gain is given for a
            model without a lip code.
    """
    config, averaged = mean_generator(generators, weights)
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
    _apply_gain(model, gain)
    return model.eval()


def _apply_gain(model: TalkingFace, gain: Tensor | float) -> None:
    """Scale the predicted lip code."""
    if isinstance(model.lips, LipCodec):
        with torch.no_grad():
            model.lips.from_audio.weight.copy_(model.lips.from_audio.weight.T.mul(gain).T)
            model.lips.from_audio.bias.mul_(gain)
    elif (torch.as_tensor(gain) != 1.0).any():
        message = "The model has no lip code, so --gain has nothing to scale."
        raise OptionError(message, remedy="Leave --gain out.")


def mean_generator(
    generators: Sequence[Path], weights: Sequence[float] = ()
) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Config and mean trained weights of some generators; arguments as for `assemble`."""
    weights = weights or [1.0] * len(generators)
    if len(weights) != len(generators) or sum(weights) <= 0:
        message = f"There are {len(generators)} generators, but {len(weights)} weights."
        remedy = "Give one --weight above 0 for each --generator, or none."
        raise OptionError(message, remedy=remedy)
    states = [load_start(path) for path in generators]
    if len({state["config"] for state in states}) > 1:
        raise CheckpointError(f"The models in {', '.join(map(str, generators))} differ in shape.")
    parts = [_trained(averaged_weights(state)) for state in states]
    mean = {name: _mean([part[name] for part in parts], weights) for name in parts[0]}
    return ModelConfig.from_json(states[0]["config"]), mean


def _trained(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in weights.items() if name.startswith(TRAINED)}


def _mean(values: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    if not values[0].is_floating_point():  # such as a count of batches
        return values[0]
    weighted = [weight * value for weight, value in zip(weights, values, strict=True)]
    return torch.stack(weighted).sum(0) / sum(weights)
