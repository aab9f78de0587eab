"""Batches for the audio network's pre-training, and its contrastive loss.

The contrastive loss distinguishes matching from other lip movement, as SyncNet does, but on lip
codes instead of pictures: of all movements in the batch, that of the same window must be the most
similar, and vice versa. Half of the others come from the same person, some frames away.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkernel.lab.train.audio_data import SpeechTable
from talkernel.lab.train.recipes import AudioNetRecipe

TEMPERATURE = 0.1
SPAN = 5  # frames of lip movement around the window's own frame
HIDDEN, SHARED = 256, 64


class SpeechBatch(NamedTuple):
    """One batch of speech windows with their targets.

    Attributes:
        speech: Speech windows `[B, 1, F, W]`.
        codes: Measured lip codes `[B, K]`.
        movement: Lip codes of the frames around each window, `[B, SPAN, K]`.
    """

    speech: Tensor
    codes: Tensor
    movement: Tensor


def draw(table: SpeechTable, recipe: AudioNetRecipe) -> SpeechBatch:
    """Draw an augmented batch, some of whose windows are replaced by silence.

    With a contrastive loss, the second half are temporal neighbours of the first half.
    """
    rows = table.draw(recipe.batch)
    if recipe.contrast:
        rows = torch.cat([rows[::2], table.neighbours(rows[::2])])
    speech = table.augmented_windows(rows, recipe.max_shift)
    codes = table.codes[rows].clone()
    silent = torch.rand(len(rows)) < recipe.silence
    speech[silent] = table.silent_windows(int(silent.sum()))
    codes[silent] = table.rest
    return SpeechBatch(speech, codes, table.movement(rows, SPAN))


class SyncHead(nn.Module):
    """Projects sound and lip movement into a shared space; discarded after training.

    Args:
        channels: Length of the audio network's features.
        code: Length of the lip code.
    """

    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        self.sound = nn.Linear(channels, SHARED)
        self.lips = nn.Sequential(
            nn.Linear(SPAN * code, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, SHARED)
        )

    def forward(self, features: Tensor, movement: Tensor) -> Tensor:
        """Symmetric InfoNCE loss of features `[B, 512]` and lip movements `[B, SPAN, K]`."""
        sound = F.normalize(self.sound(features).float(), dim=1)
        lips = F.normalize(self.lips(movement.flatten(1)).float(), dim=1)
        similarity = sound @ lips.T / TEMPERATURE
        own = torch.arange(len(similarity), device=similarity.device)
        return (F.cross_entropy(similarity, own) + F.cross_entropy(similarity.T, own)) / 2
