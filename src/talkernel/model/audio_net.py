"""AudioNet h1: a mel window to a feature vector (Sections III-B and VI-A).

The paper's is Wav2Lip's audio encoder. `TemporalAudioNet` is ours: the mel bins are the
channels of convolutions over time, a tenth of the arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from talkernel.audio import N_MELS
from talkernel.config import ModelConfig
from talkernel.errors import CheckpointError


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, optional residual, ReLU: Wav2Lip's `Conv2d`."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        stride: int | tuple[int, int],
        padding: int,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.Conv2d(c_in, c_out, kernel, stride, padding), nn.BatchNorm2d(c_out)
        )
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Features `[B, C, H, W]` in and out."""
        y: Tensor = self.conv_block(x)
        return torch.relu(y + x if self.residual else y)


def build_audio_net(config: ModelConfig) -> nn.Module:
    """The AudioNet that a config names.

    Raises:
        CheckpointError: There is none of that name.
    """
    if config.audio_net == "wav2lip":
        return Wav2LipAudioNet(config.audio_channels)
    if config.audio_net == "temporal":
        return TemporalAudioNet(config.mel_window, config.audio_channels)
    raise CheckpointError(f"There is no AudioNet named {config.audio_net!r}.")


class Wav2LipAudioNet(nn.Module):
    """Wav2Lip's audio encoder, layer for layer, so that its weights load.

    Features of a window wider than 16 columns are averaged over time at the end.
    """

    def __init__(self, channels: int = 512) -> None:
        super().__init__()
        self.audio_encoder = nn.Sequential(
            ConvBlock(1, 32, 3, 1, 1),
            ConvBlock(32, 32, 3, 1, 1, residual=True),
            ConvBlock(32, 32, 3, 1, 1, residual=True),
            ConvBlock(32, 64, 3, (3, 1), 1),
            ConvBlock(64, 64, 3, 1, 1, residual=True),
            ConvBlock(64, 64, 3, 1, 1, residual=True),
            ConvBlock(64, 128, 3, 3, 1),
            ConvBlock(128, 128, 3, 1, 1, residual=True),
            ConvBlock(128, 128, 3, 1, 1, residual=True),
            ConvBlock(128, 256, 3, (3, 2), 1),
            ConvBlock(256, 256, 3, 1, 1, residual=True),
            ConvBlock(256, channels, 3, 1, 0),
            ConvBlock(channels, channels, 1, 1, 0),
        )

    def forward(self, mel: Tensor) -> Tensor:
        """Mel windows `[B, 1, 80, 16]` in [-4, 4] to features `[B, 512]`."""
        features: Tensor = self.audio_encoder(mel)
        return features.mean((2, 3))

    def load_wav2lip(self, state: Mapping[str, Tensor]) -> None:
        """Take the audio encoder out of an official Wav2Lip state dictionary.

        Args:
            state: Names to tensors, with or without the `module.` prefix.

        Raises:
            CheckpointError: The audio encoder is missing or of another shape.
        """
        bare = {name.removeprefix("module."): value for name, value in state.items()}
        ours = {name: value for name, value in bare.items() if name.startswith("audio_encoder.")}
        try:
            self.load_state_dict(ours)
        except RuntimeError as error:
            message = f"No Wav2Lip audio encoder in this checkpoint: {error}"
            raise CheckpointError(message) from error


class TemporalAudioNet(nn.Module):
    """Convolutions over time, the 80 mel bins their channels.

    Args:
        window: Width of the mel window in columns.
        channels: Length of the feature vector.
        width: Channels between.
        dropout: Share of channels left out within the residual blocks in training.
    """

    def __init__(
        self, window: int, channels: int = 512, width: int = 256, dropout: float = 0.1
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [_over_time(N_MELS, width, 5, 1)]
        layers += [_over_time(width, width, 3, 2), TemporalBlock(width, dropout)]
        layers += [_over_time(width, width, 3, 2), TemporalBlock(width, dropout)]
        layers += [_over_time(width, width, 3, 2)]
        self.layers = nn.Sequential(*layers)
        columns = -(-window // 8)
        self.project = nn.Sequential(
            nn.Linear(width * columns, channels, bias=False), nn.BatchNorm1d(channels), nn.ReLU()
        )

    def forward(self, mel: Tensor) -> Tensor:
        """Mel windows `[B, 1, 80, W]` in [-4, 4] to features `[B, 512]`."""
        features: Tensor = self.project(self.layers(mel[:, 0]).flatten(1))
        return features


class TemporalBlock(nn.Module):
    """Two convolutions over time beside an identity."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.first = _over_time(channels, channels, 3, 1)
        self.dropout = nn.Dropout1d(dropout)
        self.second = _over_time(channels, channels, 3, 1)[:-1]

    def forward(self, x: Tensor) -> Tensor:
        """Features `[B, C, T]` in and out."""
        y: Tensor = self.second(self.dropout(self.first(x)))
        return torch.relu(x + y)


def _over_time(c_in: int, c_out: int, kernel: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv1d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm1d(c_out), nn.ReLU())
