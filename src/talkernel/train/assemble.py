"""Join what was trained apart: AudioNet with its head, and f with h2, into one model."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from talkernel.config import ModelConfig
from talkernel.model.talking_face import LipCodec, TalkingFace
from talkernel.train.audio_net import LipReader


def assemble(generator: Path, lip_reader: Path, gain: Tensor | float = 1.0) -> TalkingFace:
    """The model that speaks.

    Args:
        generator: `last.pt` of a `GeneratorTrainer`.
        lip_reader: Weights of a `LipReader`.
        gain: Factor on the heard lip code, `[K]` or one number. What a regression hears
            is a mean over all the mouths that go with a sound, so it moves less than any
            real mouth; the gain gives the motion back its size.
    """
    state = torch.load(generator, map_location="cpu", weights_only=True)
    model = TalkingFace(ModelConfig.from_json(state["config"]))
    averaged = {name.removeprefix("module."): value for name, value in state["average"].items()}
    averaged.pop("n_averaged")
    model.load_state_dict(averaged)
    assert isinstance(model.lips, LipCodec)
    reader = LipReader(model.config.audio_channels, model.lips.from_audio.out_features)
    reader.load_state_dict(torch.load(lip_reader, map_location="cpu", weights_only=True))
    model.audio_net = reader.audio_net
    with torch.no_grad():
        model.lips.from_audio.weight.copy_(reader.head.weight.T.mul(gain).T)
        model.lips.from_audio.bias.copy_(reader.head.bias * gain)
    return model.eval()
