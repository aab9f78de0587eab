"""The audio network (AudioNet, h1 in eq. 2): speech to a feature vector (Sections III-B, VI-A).

The paper uses Wav2Lip's audio encoder on the mel spectrogram. Ours is small, because its input
are tokens of Whisper's encoder, which represent what is said already.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from talkernel.errors import CheckpointError
from talkernel.model.config import ModelConfig


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
    """The audio network of a config."""
    if config.encoder_layers:
        return TokenAudioNet(*config.speech_shape, config.audio_channels)
    return Wav2LipAudioNet(config.audio_channels)


class Wav2LipAudioNet(nn.Module):
    """Wav2Lip's audio encoder, layer for layer, so that its published weights load.

    The features of a window wider than 16 columns are averaged over time at the end.

    Args:
        channels: Length of the feature vector.
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
        """Load the audio encoder of an official Wav2Lip state dictionary.

        Args:
            state: Tensors by name, with or without the prefix `module.`.

        Raises:
            CheckpointError: The audio encoder is missing or has another shape.
        """
        plain = {name.removeprefix("module."): value for name, value in state.items()}
        encoder = {
            name: value for name, value in plain.items() if name.startswith("audio_encoder.")
        }
        try:
            self.load_state_dict(encoder)
        except RuntimeError as error:
            message = f"No Wav2Lip audio encoder in this checkpoint: {error}"
            raise CheckpointError(message) from error


class TokenAudioNet(nn.Module):
    """Projects each token of a window to fewer numbers, then all tokens to one feature vector.

    Args:
        bands: Length of a token.
        window: Tokens in a window.
        channels: Length of the feature vector.
        width: Length of a projected token.
        dropout: Fraction of the projected numbers that training sets to zero.
    """

    def __init__(
        self, bands: int, window: int, channels: int = 512, width: int = 128, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.narrow = nn.Sequential(
            nn.LayerNorm(bands), nn.Linear(bands, width), nn.ReLU(), nn.Dropout(dropout)
        )
        self.project = nn.Sequential(nn.Linear(width * window, channels), nn.ReLU())

    def forward(self, speech: Tensor) -> Tensor:
        """Windows `[B, 1, F, W]` to features `[B, 512]`."""
        tokens = self.narrow(speech[:, 0].transpose(1, 2))
        features: Tensor = self.project(tokens.flatten(1))
        return features
