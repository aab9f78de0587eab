"""LipReader: the audio network with a head that predicts the lip code from speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from talkernel.errors import CheckpointError
from talkernel.lab.correlation import correlation
from talkernel.lab.train.audio_data import SpeechTable
from talkernel.lab.train.checkpoint import is_finished, load_finished, load_state
from talkernel.model.audio_net import build_audio_net
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from talkernel.model.speech_encoder import SpeechEncoder
from talkernel.model.talking_face import LipCodec, TalkingFace, build_speech_encoder

LAGS = range(-8, 9)  # frames by which sound and picture are shifted to find their offset
FAR = 0.6  # distance from 0, in standard deviations, from which the mouth at rest limits the range
RARE = 0.02  # fraction of training lip codes outside each end of the range


class LipReader(nn.Module):
    """Audio network, and a linear head from its features to the lip code.

    The head becomes the first layer of the model's `LipCodec`.

    Args:
        config: The model's shape.
        encoder: The speech encoder that makes the audio network's input; stored with it.
        dropout: Dropout on the audio network's features before the head.

    Attributes:
        lowest, highest: `[K]` range that contains nearly all lip codes of the training data.
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
        """Speech windows `[B, 1, F, W]` to lip codes `[B, K]`, and the features `[B, 512]`."""
        features: Tensor = self.audio_net(speech)
        return self.head(self.dropout(features)), features

    def predict_lip_code(self, speech: Tensor) -> Tensor:
        """Speech windows `[B, 1, F, W]` to lip codes `[B, K]`."""
        codes: Tensor = self(speech)[0]
        return codes

    def store_range(self, codes: Tensor, rest: Tensor) -> None:
        """Store the range of the training data's lip codes.

        A component whose value at rest is far from 0 is limited by that value on this side: no
        sound, and silence in particular, may close a mouth further than it is when closed.

        Args:
            codes: `[N, K]` lip codes of the training data.
            rest: `[K]` lip code of a mouth at rest.
        """
        low, high = codes.quantile(RARE, dim=0), codes.quantile(1.0 - RARE, dim=0)
        self.lowest.copy_(torch.where(rest < -FAR, torch.maximum(low, rest), low))
        self.highest.copy_(torch.where(rest > FAR, torch.minimum(high, rest), high))

    def install_into(self, model: TalkingFace) -> None:
        """Give a model this speech encoder and audio network.

        If the model has a lip code, it also gets the head and the range of the lip code. If not,
        its kernel predictor takes the audio network's features directly.

        Raises:
            CheckpointError: The model's config asks for another speech encoder or audio network.
        """
        self._check_fits(model.config)
        model.speech_encoder, model.audio_net = self.speech_encoder, self.audio_net
        if isinstance(model.lips, LipCodec):
            model.lips.from_audio.load_state_dict(self.head.state_dict())
            model.lips.lowest.copy_(self.lowest)
            model.lips.highest.copy_(self.highest)

    def _check_fits(self, config: ModelConfig) -> None:
        """Raise if a model of that config cannot use this audio network."""
        names = ["encoder_layers", "speech_shape", "audio_channels"]
        names += [] if config.lip_code is None else ["lip_code"]
        for name in names:
            own, wanted = getattr(self.config, name), getattr(config, name)
            if own != wanted:
                message = f"The AudioNet has {name} {own}, but the model's is {wanted}."
                remedy = "Give an AudioNet that was trained with the same model config."
                raise CheckpointError(message, remedy=remedy)

    def save(self, path: Path) -> None:
        """Write weights and config."""
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"config": self.config.to_json(), "model": self.state_dict()}, path)

    @staticmethod
    def from_model(model: TalkingFace) -> LipReader:
        """Take speech encoder, audio network and head from a model: reverses `install_into`.

        Raises:
            CheckpointError: The model has no lip code, so it has no head that predicts one.
        """
        if not isinstance(model.lips, LipCodec):
            message = "The model has no lip code, so its AudioNet cannot be used alone."
            raise CheckpointError(message, remedy="Give the audio_net.pt of an AudioNet run.")
        reader = LipReader(model.config, model.speech_encoder)
        reader.audio_net = model.audio_net
        reader.head.load_state_dict(model.lips.from_audio.state_dict())
        reader.lowest.copy_(model.lips.lowest)
        reader.highest.copy_(model.lips.highest)
        return reader

    @staticmethod
    def load(path: Path) -> LipReader:
        """Read an `audio_net.pt`, or take the parts from a weight file or folder.

        Raises:
            CheckpointError: It is something else.
        """
        if is_finished(path):
            return LipReader.from_model(load_finished(path))
        state = load_state(path)
        if "config" not in state or "model" not in state:
            raise CheckpointError(f"{path} holds no AudioNet.")
        config = ModelConfig.from_json(state["config"])
        reader = LipReader(config, build_speech_encoder(config))
        reader.load_state_dict(state["model"])
        return reader


@torch.no_grad()
def correlations(model: LipReader, table: SpeechTable, basis: LipBasis) -> dict[int, list[float]]:
    """Correlation of predicted and measured mouth opening of each track, for each of `LAGS`.

    At lag k, the opening predicted for a frame is compared with that measured k frames later.
    """
    was_training = model.training
    model.eval()
    device = model.head.weight.device
    rows = torch.arange(len(table.codes)).split(1024)
    parts = [model.predict_lip_code(table.windows(some).to(device)).cpu() for some in rows]
    model.train(was_training)
    predicted, measured = (basis.opening(x.numpy()) for x in (torch.cat(parts), table.codes))
    tracks = [np.flatnonzero(table.track.numpy() == n) for n in range(len(table.names))]
    return {lag: [correlation(predicted[t], measured[t], lag) for t in tracks] for lag in LAGS}


def best_of(by_lag: dict[int, list[float]]) -> dict[str, float]:
    """Mean correlation over tracks at lag 0, the best common lag, and the mean at that lag."""
    means = {lag: float(np.nanmean(values)) for lag, values in by_lag.items()}
    best = max(means, key=lambda lag: means[lag])
    return {"r": means[0], "best lag": float(best), "r there": means[best]}
