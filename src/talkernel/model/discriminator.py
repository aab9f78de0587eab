"""Discriminator D of the adversarial loss (eq. 4): is each patch of a face real?"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

SLOPE = 0.2  # of the leaky ReLU


class Discriminator(nn.Sequential):
    """Convolutions and means over them, to a map of scores: one per overlapping patch of 54 pixels.

    No normalisation: what tells a generated mouth is fine detail, a hundredth of the range, and
    normalised by light and shade around it that is lost. Halved by means, not by strides: what
    a strided convolution says depends on where the picture lies, and f drew that grid on the teeth.

    Args:
        width: Channels after the first layer; doubled by each of the next two.
        channels: Of what it sees.
    """

    def __init__(self, width: int = 24, channels: int = 3) -> None:
        widths = (channels, width, 2 * width, 4 * width)
        stages = [_stage(c_in, c_out, halved=True) for c_in, c_out in pairwise(widths)]
        last = nn.Conv2d(4 * width, 1, 3, 1, 1)
        nn.init.normal_(last.weight, 0.0, 0.01)  # it begins undecided
        super().__init__(*stages, _stage(4 * width, 4 * width, halved=False), last)

    def features(self, face: Tensor) -> list[Tensor]:
        """What each stage makes of faces `[B, channels, H, W]` in -1..1.

        The last are the scores `[B, 1, H / 8, W / 8]`, 1 for real.
        """
        found = [face]
        for stage in self:
            found.append(stage(found[-1]))
        return found[1:]

    def forward(self, face: Tensor) -> Tensor:
        """The scores alone."""
        return self.features(face)[-1]


def _stage(c_in: int, c_out: int, halved: bool) -> nn.Sequential:
    layer = nn.Conv2d(c_in, c_out, 3, 1, 1)
    nn.init.kaiming_normal_(layer.weight, SLOPE)
    halve: list[nn.Module] = [nn.AvgPool2d(2)] if halved else []
    return nn.Sequential(layer, nn.LeakyReLU(SLOPE), *halve)
