"""The speech encoder: the first layers of Whisper's encoder (Radford et al. 2022).

Whisper was trained on 680,000 hours of speech, far more than any video data. Its weights stay
fixed; the audio network learns lip motion from its tokens.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkernel.errors import CheckpointError
from talkernel.speech.mel import N_MELS

LONGEST = 600  # tokens per call: 12 s
HEAD = 64  # channels of an attention head


class SpeechEncoder(nn.Module):
    """Mel spectrogram to tokens of 20 ms.

    Args:
        layers: Number of Whisper's layers.
        width: Length of a token; 384 in Whisper tiny.
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
        """Whisper's mel spectrogram `[B, 80, 2 T]` to tokens `[B, C, T]`, T at most 600."""
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        tokens: Tensor = self.blocks(x + self.positional_embedding[: x.shape[1]])
        return tokens.transpose(1, 2)

    def load_whisper(self, state: Mapping[str, Tensor]) -> None:
        """Load the first layers of a Whisper model's encoder.

        Args:
            state: The encoder's tensors by their names in OpenAI's checkpoints.

        Raises:
            CheckpointError: The encoder has another width, or too few layers.
        """
        own = self.state_dict()
        loaded = {name: state[name] for name in own if name in state}
        if "positional_embedding" in loaded:
            loaded["positional_embedding"] = loaded["positional_embedding"][:LONGEST]
        try:
            self.load_state_dict(loaded)
        except RuntimeError as error:
            message = f"No Whisper encoder of this size in the checkpoint: {error}"
            raise CheckpointError(message) from error


class EncoderLayer(nn.Module):
    """Self-attention, then a feed-forward network for each token, both with residuals."""

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
    """Multi-head self-attention over all tokens."""

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
        scores = query @ key.transpose(2, 3) / HEAD**0.5
        attended = scores.softmax(-1) @ value
        y: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return y
