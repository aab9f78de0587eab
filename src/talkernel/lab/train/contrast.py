"""The contrastive loss of AudioNet's pre-training: which mouth goes with which sound?

As SyncNet tells in-sync from off-sync, but on lip codes, not pictures: of all the lip movements
of a batch, the sound's own must be the most like it, and the other way round. Half of the
others are the same person's, some frames away.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TEMPERATURE = 0.1
SPAN = 5  # frames of lip movement around the window's own
HIDDEN, SHARED = 256, 64


class SyncHead(nn.Module):
    """Brings sound and lip movement into one space; thrown away after training.

    Args:
        channels: Length of AudioNet's features.
        code: Length of the lip code.
    """

    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        self.sound = nn.Linear(channels, SHARED)
        self.lips = nn.Sequential(
            nn.Linear(SPAN * code, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, SHARED)
        )

    def forward(self, features: Tensor, movement: Tensor) -> Tensor:
        """InfoNCE of features `[B, 512]` and lip movements `[B, SPAN, K]`, both ways."""
        heard = F.normalize(self.sound(features).float(), dim=1)
        seen = F.normalize(self.lips(movement.flatten(1)).float(), dim=1)
        alike = heard @ seen.T / TEMPERATURE
        own = torch.arange(len(alike), device=alike.device)
        return (F.cross_entropy(alike, own) + F.cross_entropy(alike.T, own)) / 2
