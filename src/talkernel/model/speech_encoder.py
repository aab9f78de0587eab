"""The speech encoder: the first layers of Whisper's (Radford et al. 2022), layer for layer.

It learned what is said from 680,000 hours of speech, of which no clip of ours comes near. Its
weights stay as they are; AudioNet learns what mouths make of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkernel.errors import CheckpointError
from talkernel.speech.mel import N_MELS

LONGEST = 600  # tokens at once: 12 s
HEAD = 64  # channels of an attention head


class SpeechEncoder(nn.Module):
    """Mel spectrogram to tokens of 20 ms.

    Args:
        layers: How many of Whisper's.
        width: Length of a token: 384 in Whisper's "tiny".
    """

    positional_embedding: Tensor

    def __init__(self, layers: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(N_MELS, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.register_buffer("positional_embedding", torch.zeros(LONGEST, width))
        self.blocks = nn.Sequential(*(EncoderLayer(width) for _ in range(layers)))
        self.requires_grad_(False)

    def forward(self, mel: Tensor) -> Tensor:
        """Whisper's mel `[B, 80, 2 T]` to tokens `[B, C, T]`; T is 600 or less."""
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        tokens: Tensor = self.blocks(x + self.positional_embedding[: x.shape[1]])
        return tokens.transpose(1, 2)

    def load_whisper(self, state: Mapping[str, Tensor]) -> None:
        """Take the first layers out of a Whisper model's encoder.

        Args:
            state: OpenAI's names to tensors, those of the encoder.

        Raises:
            CheckpointError: It is of another width, or has fewer layers.
        """
        own = self.state_dict()
        taken = {name: state[name] for name in own if name in state}
        if "positional_embedding" in taken:
            taken["positional_embedding"] = taken["positional_embedding"][:LONGEST]
        try:
            self.load_state_dict(taken)
        except RuntimeError as error:
            raise CheckpointError(f"No such Whisper encoder in this checkpoint: {error}") from error


class EncoderLayer(nn.Module):
    """Self-attention, then a network for each token alone; both beside an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn_ln, self.attn = nn.LayerNorm(width), SelfAttention(width)
        self.mlp_ln = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Tokens `[B, T, C]` in and out."""
        x = x + self.attn(self.attn_ln(x))
        y: Tensor = x + self.mlp(self.mlp_ln(x))
        return y


class SelfAttention(nn.Module):
    """Every token looks at all others."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.value = nn.Linear(width, width), nn.Linear(width, width)
        self.key, self.out = nn.Linear(width, width, bias=False), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens `[B, T, C]` in and out."""
        query, key, value = (
            part(x).unflatten(2, (-1, HEAD)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        likeness = query @ key.transpose(2, 3) / HEAD**0.5
        seen = likeness.softmax(-1) @ value
        y: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return y
