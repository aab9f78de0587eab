"""What AudioNet is pre-trained as: a listener that says the lip code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from talkernel.errors import CheckpointError
from talkernel.lab.evaluate.mouth_motion import correlation
from talkernel.lab.train.audio_data import SpeechTable
from talkernel.lab.train.checkpoint import is_done, load_done, load_state
from talkernel.model.audio_net import build_audio_net
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from talkernel.model.speech_encoder import SpeechEncoder
from talkernel.model.talking_face import LipCodec, TalkingFace, build_speech_encoder

LAGS = range(-8, 9)  # frames
FAR = 0.6  # standard deviations
RARE = 0.02  # share of lip codes below the lowest, and above the highest, that is ever told to f


class LipReader(nn.Module):
    """AudioNet and the linear head from its features to the lip code.

    The head stays: it is the entrance of `LipCodec`.

    Args:
        config: The model's shape.
        encoder: The speech encoder whose features AudioNet is given; it is kept along.
        dropout: Share of AudioNet's features that the head does not see in training.

    Attributes:
        lowest, highest: `[K]` between which nearly all lip codes of its training lie.
    """

    lowest: Tensor
    highest: Tensor

    def __init__(
        self, config: ModelConfig, encoder: SpeechEncoder | None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        assert config.lip_code is not None
        self.config = config
        self.speech_encoder = encoder
        self.audio_net = build_audio_net(config)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(config.audio_channels, config.lip_code)
        self.register_buffer("lowest", torch.zeros(config.lip_code))
        self.register_buffer("highest", torch.zeros(config.lip_code))

    def forward(self, speech: Tensor) -> tuple[Tensor, Tensor]:
        """Speech windows `[B, 1, F, W]` to lip codes `[B, K]` and AudioNet's features."""
        features: Tensor = self.audio_net(speech)
        return self.head(self.dropout(features)), features

    def predict_lip_code(self, speech: Tensor) -> Tensor:
        """Speech windows `[B, 1, F, W]` to lip codes `[B, K]`."""
        codes: Tensor = self(speech)[0]
        return codes

    def remember_range(self, codes: Tensor, rest: Tensor) -> None:
        """Take the range of the lip codes of the training.

        Where a mouth at rest lies far to one side, it is the end of the range on that side:
        nothing heard, silence least of all, shuts a mouth further than it is when shut.

        Args:
            codes: `[N, K]`.
            rest: `[K]` code of a mouth at rest.
        """
        low, high = codes.quantile(RARE, dim=0), codes.quantile(1.0 - RARE, dim=0)
        self.lowest.copy_(torch.where(rest < -FAR, torch.maximum(low, rest), low))
        self.highest.copy_(torch.where(rest > FAR, torch.minimum(high, rest), high))

    def install_into(self, model: TalkingFace) -> None:
        """Let a model hear with this encoder and AudioNet, and say it in its own lip code."""
        assert isinstance(model.lips, LipCodec)
        model.speech_encoder, model.audio_net = self.speech_encoder, self.audio_net
        model.lips.from_audio.load_state_dict(self.head.state_dict())
        model.lips.lowest.copy_(self.lowest)
        model.lips.highest.copy_(self.highest)

    def save(self, path: Path) -> None:
        """Write weights and config."""
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"config": self.config.to_json(), "model": self.state_dict()}, path)

    @staticmethod
    def from_model(model: TalkingFace) -> LipReader:
        """What a model hears with, the other way round than `install_into`.

        Raises:
            CheckpointError: It has no lip code, so that nothing says what is heard.
        """
        if not isinstance(model.lips, LipCodec):
            raise CheckpointError("A model without a lip code has no AudioNet to borrow.")
        reader = LipReader(model.config, model.speech_encoder)
        reader.audio_net = model.audio_net
        reader.head.load_state_dict(model.lips.from_audio.state_dict())
        reader.lowest.copy_(model.lips.lowest)
        reader.highest.copy_(model.lips.highest)
        return reader

    @staticmethod
    def load(path: Path) -> LipReader:
        """Read what `save` wrote, or take it out of a weight file or folder.

        Raises:
            CheckpointError: It is something else.
        """
        if is_done(path):
            return LipReader.from_model(load_done(path))
        state = load_state(path)
        if "config" not in state or "model" not in state:
            raise CheckpointError(f"{path} holds no AudioNet.")
        config = ModelConfig.from_json(state["config"])
        reader = LipReader(config, build_speech_encoder(config))
        reader.load_state_dict(state["model"])
        return reader


@torch.no_grad()
def correlations(model: LipReader, table: SpeechTable, basis: LipBasis) -> dict[int, list[float]]:
    """Per lag in frames, each track's correlation of the heard with the seen mouth opening.

    At lag k, what is heard is compared with what is seen k frames later.
    """
    was_training = model.training
    model.eval()
    device = model.head.weight.device
    rows = torch.arange(len(table.codes)).split(1024)
    parts = [model.predict_lip_code(table.heard(some).to(device)).cpu() for some in rows]
    model.train(was_training)
    heard, seen = (basis.opening(codes.numpy()) for codes in (torch.cat(parts), table.codes))
    tracks = [np.flatnonzero(table.track.numpy() == n) for n in range(len(table.names))]
    return {lag: [correlation(heard[rows], seen[rows], lag) for rows in tracks] for lag in LAGS}


def best_of(by_lag: dict[int, list[float]]) -> dict[str, float]:
    """Mean correlation over tracks at no lag, the lag that is best for all, and that there."""
    means = {lag: float(np.nanmean(values)) for lag, values in by_lag.items()}
    best = max(means, key=lambda lag: means[lag])
    return {"r": means[0], "best lag": float(best), "r there": means[best]}
