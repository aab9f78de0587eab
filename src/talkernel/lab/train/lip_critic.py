"""A reader of lips that holds f to the lip code it was told (beyond the paper, an option).

L1 asks for the right pixels, and where it is unsure it gets their mean: a blurred mouth, half
open. The critic learns to read the lip code off real mouths; f is then also asked that the
code read off its own mouths is the one it was given. It plays the part of Wav2Lip's sync
expert, but needs no sound: the code says all that the sound would. It sees neither colours
nor fine detail, in which f would otherwise write codes that no eye reads as a mouth.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = (32, 64, 96, 160, 192)
CELLS = 4  # rows and columns of the last features


class LipCritic(nn.Module):
    """Mouth pictures to lip codes.

    Args:
        code: Length of the lip code.
    """

    def __init__(self, code: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_layer(1, CHANNELS[0], 1)]
        layers += [_layer(c_in, c_out, 2) for c_in, c_out in pairwise(CHANNELS)]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(CHANNELS[-1] * CELLS**2, code)

    def forward(self, mouth: Tensor) -> Tensor:
        """Mouths `[B, 3, S, S]` in -1..1 to lip codes `[B, K]`; S a multiple of 2."""
        coarse = F.avg_pool2d(mouth.mean(1, keepdim=True), 2)
        features = self.layers(coarse)
        codes: Tensor = self.head(F.adaptive_avg_pool2d(features, CELLS).flatten(1))
        return codes


def _layer(c_in: int, c_out: int, stride: int) -> nn.Module:
    convolution = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.GroupNorm(8, c_out), nn.LeakyReLU(0.2, inplace=True))


def reading_loss(read: Tensor, told: Tensor, importance: Tensor) -> Tensor:
    """Smooth L1 between lip codes `[B, K]`, each component by its importance `[K]`."""
    return (F.smooth_l1_loss(read, told, reduction="none") * importance).mean()
