"""Join what was trained apart: AudioNet with its head, and f with h2, into one model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from talkernel.config import ModelConfig
from talkernel.model.talking_face import LipCodec, TalkingFace
from talkernel.train.checkpoint import averaged_weights, load_state
from talkernel.train.lip_reader import LipReader

TRAINED = ("lips.", "kernel_inference.", "unet.")  # what a `GeneratorTrainer` trains


def assemble(generator: Path, lip_reader: Path, gain: Tensor | float = 1.0) -> TalkingFace:
    """The model that speaks.

    Args:
        generator: `last.pt` of a `GeneratorTrainer`.
        lip_reader: Weights of a `LipReader`.
        gain: Factor on the heard lip code, `[K]` or one number. What a regression hears
            is a mean over all the mouths that go with a sound, so it moves less than any
            real mouth; the gain gives the motion back its size.
    """
    state = load_state(generator)
    reader = LipReader.load(lip_reader)
    config = dataclasses.replace(
        ModelConfig.from_json(state["config"]),
        encoder_layers=reader.config.encoder_layers,
        encoder_width=reader.config.encoder_width,
        speech_window=reader.config.speech_window,
    )
    model = TalkingFace(config)
    averaged = averaged_weights(state)
    ours = {name: value for name, value in averaged.items() if name.startswith(TRAINED)}
    model.load_state_dict(model.state_dict() | ours)
    reader.lend(model)
    assert isinstance(model.lips, LipCodec)
    with torch.no_grad():
        model.lips.from_audio.weight.copy_(reader.head.weight.T.mul(gain).T)
        model.lips.from_audio.bias.mul_(gain)
    return model.eval()
