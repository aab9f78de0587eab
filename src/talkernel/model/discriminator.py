"""The discriminator (D in eq. 4) of the adversarial loss: is each patch of a face real?"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

SLOPE = 0.2  # of the leaky ReLU


class Discriminator(nn.Sequential):
    """Convolutions and average pooling to a map of scores, one for each patch of 54 pixels.

    There is no normalisation: a generated mouth differs from a real one in fine detail, about a
    hundredth of the range of values, and normalisation hides that beside strong light and shade.
    Pooling replaces strides: the scores of strided convolutions depend on the position of the
    image, and a generator trained with them drew a grid on the teeth.

    Args:
        width: Channels after the first layer; doubled by each of the next two.
        channels: Channels of the input.
    """

    def __init__(self, width: int = 24, channels: int = 3) -> None:
        widths = (channels, width, 2 * width, 4 * width)
        stages = [_stage(c_in, c_out, pooled=True) for c_in, c_out in pairwise(widths)]
        last = nn.Conv2d(4 * width, 1, 3, 1, 1)
        nn.init.normal_(last.weight, 0.0, 0.01)  # at first all scores are near 0
        super().__init__(*stages, _stage(4 * width, 4 * width, pooled=False), last)

    def features(self, face: Tensor) -> list[Tensor]:
        """Outputs of all stages for faces `[B, channels, H, W]` in -1..1.

        The last one is the scores `[B, 1, H / 8, W / 8]`, 1 for real.
        """
        outputs = [face]
        for stage in self:
            outputs.append(stage(outputs[-1]))
        return outputs[1:]

    def forward(self, face: Tensor) -> Tensor:
        """The scores only; see `features`."""
        return self.features(face)[-1]


def _stage(c_in: int, c_out: int, pooled: bool) -> nn.Sequential:
    layer = nn.Conv2d(c_in, c_out, 3, 1, 1)
    nn.init.kaiming_normal_(layer.weight, SLOPE)
    pool: list[nn.Module] = [nn.AvgPool2d(2)] if pooled else []
    return nn.Sequential(layer, nn.LeakyReLU(SLOPE), *pool)
