"""Discriminator D of the adversarial loss (eq. 4): is each patch of a face real?"""

from __future__ import annotations

from torch import Tensor, nn


class Discriminator(nn.Sequential):
    """Strided convolutions to a map of scores, one per overlapping patch.

    Args:
        width: Channels after the first layer; doubled by each of the next two.
    """

    def __init__(self, width: int = 32) -> None:
        layers: list[nn.Module] = [_conv(3, width), nn.LeakyReLU(0.2, inplace=True)]
        for c_in, c_out in ((width, 2 * width), (2 * width, 4 * width)):
            layers += [_conv(c_in, c_out), nn.LeakyReLU(0.2, inplace=True)]
        layers.append(nn.utils.spectral_norm(nn.Conv2d(4 * width, 1, 3, 1, 1)))
        super().__init__(*layers)

    def forward(self, face: Tensor) -> Tensor:
        """Faces `[B, 3, H, W]` in -1..1 to scores `[B, 1, H / 8, W / 8]`, 1 for real."""
        for layer in self:
            face = layer(face)
        return face


def _conv(c_in: int, c_out: int) -> nn.Module:
    layer: nn.Module = nn.utils.spectral_norm(nn.Conv2d(c_in, c_out, 4, 2, 1))
    return layer
