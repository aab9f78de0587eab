"""Networks that judge generated mouths: the discriminator, and a lip critic that reads lip codes.

The lip critic goes beyond the paper and is optional. L1 yields the mean where several pictures are
possible: a blurred, half open mouth. The lip critic learns to read the lip code from real mouths,
and the generator is trained so that the code read from its mouth is the target lip code. It has the
role of Wav2Lip's sync expert, but needs no sound. It sees neither colour nor fine detail: there the
generator could otherwise hide codes that no human sees.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkernel.model.discriminator import Discriminator

CHANNELS = (32, 64, 96, 160, 192)  # of the lip critic's layers
CELLS = 4  # rows and columns of its last features
FINE = 5  # pixels: width of the mean that is subtracted to get the detail
DETAIL = 10.0  # amplification of the detail, which is faint compared with light and shade


class LipCritic(nn.Module):
    """Reads lip codes from pictures of mouths.

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
        """Mouths `[B, 3, S, S]` in -1..1 to lip codes `[B, K]`; S is a multiple of 2."""
        coarse = F.avg_pool2d(mouth.mean(1, keepdim=True), 2)
        features = self.layers(coarse)
        codes: Tensor = self.head(F.adaptive_avg_pool2d(features, CELLS).flatten(1))
        return codes


def _layer(c_in: int, c_out: int, stride: int) -> nn.Module:
    convolution = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.GroupNorm(8, c_out), nn.LeakyReLU(0.2, inplace=True))


class MouthCritics(nn.Module):
    """Discriminator and lip critic as one module.

    The discriminator also sees the reference, if there is one: it shows how sharp the video is.

    Args:
        code: Length of the lip code.
        channels: Channels of the face, plus those of the reference.
    """

    def __init__(self, code: int, channels: int) -> None:
        super().__init__()
        self.discriminator = Discriminator(channels=2 * channels)
        self.reader = LipCritic(code)

    def forward(self, mouths: Tensor, reference: Tensor, read: int) -> tuple[list[Tensor], Tensor]:
        """The discriminator's features, and the lip codes of the first `read` mouths.

        Args:
            mouths: `[B, 3, S, S]` in -1..1.
            reference: The same box of the references, `[B, 3 or 0, S, S]`.
            read: Number of mouths to read.
        """
        return self.features(mouths, reference), self.reader(mouths[:read]).float()

    def features(self, mouths: Tensor, reference: Tensor) -> list[Tensor]:
        """The discriminator's features of each stage; the last are the scores."""
        detailed = with_detail(torch.cat([mouths, reference], 1))
        return [part.float() for part in self.discriminator.features(detailed)]


def with_detail(pictures: Tensor) -> Tensor:
    """Append the amplified detail of pictures `[B, C, S, S]` as channels: `[B, 2 C, S, S]`."""
    around = F.pad(pictures, (FINE // 2,) * 4, mode="replicate")
    return torch.cat([pictures, DETAIL * (pictures - F.avg_pool2d(around, FINE, 1))], 1)
