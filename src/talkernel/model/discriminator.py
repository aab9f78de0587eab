"""Discriminator D of the adversarial loss (eq. 4): is each patch of a face real?"""

from __future__ import annotations

from torch import Tensor, nn

SLOPE = 0.2  # of the leaky ReLU


class Discriminator(nn.Sequential):
    """Strided convolutions to a map of scores, one per overlapping patch of 54 pixels.

    No normalisation: what tells a generated mouth is fine detail, a hundredth of the range, and
    normalised by light and shade around it that is lost.

    Args:
        width: Channels after the first layer; doubled by each of the next two.
        channels: Of what it sees.
    """

    def __init__(self, width: int = 24, channels: int = 3) -> None:
        layers: list[nn.Module] = []
        for c_in, c_out in ((channels, width), (width, 2 * width), (2 * width, 4 * width)):
            layers += [_conv(c_in, c_out, 4, 2), nn.LeakyReLU(SLOPE, inplace=True)]
        layers += [_conv(4 * width, 4 * width, 3, 1), nn.LeakyReLU(SLOPE, inplace=True)]
        last = nn.Conv2d(4 * width, 1, 3, 1, 1)
        nn.init.normal_(last.weight, 0.0, 0.01)  # it begins undecided
        super().__init__(*layers, last)

    def forward(self, face: Tensor) -> Tensor:
        """Faces `[B, channels, H, W]` in -1..1 to scores `[B, 1, H / 8, W / 8]`, 1 for real."""
        for layer in self:
            face = layer(face)
        return face


def _conv(c_in: int, c_out: int, size: int, stride: int) -> nn.Module:
    layer = nn.Conv2d(c_in, c_out, size, stride, 1)
    nn.init.kaiming_normal_(layer.weight, SLOPE)
    return layer
