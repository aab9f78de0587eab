"""Pictures as a heavily compressed video shows them."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from talkernel.lab.train.transplant import Image

QUALITY = (10, 50)  # of JPEG: blocks all over the face, to hardly any
SMALLEST = 0.4  # of a side: how small the face was when it was compressed
BLOCK = 16  # pixels on whose grid a picture's colours are compressed


class Compression(NamedTuple):
    """How a picture is compressed.

    Attributes:
        quality: Of the JPEG, 1 to 100.
        side: Pixels the picture is scaled to before.
        grid: Rows and columns, 0 to 15, by which the blocks are off the picture's corner.
    """

    quality: int
    side: int
    grid: tuple[int, int]

    @staticmethod
    def random(size: int, rng: np.random.Generator) -> Compression:
        """Draw one for pictures of side `size`; half of them are not scaled."""
        shrunk = rng.uniform(SMALLEST, 1.0) if rng.random() < 0.5 else 1.0
        top, left = rng.integers(0, BLOCK, 2)
        quality = int(rng.integers(QUALITY[0], QUALITY[1] + 1))
        return Compression(quality, round(shrunk * size), (int(top), int(left)))

    def apply(self, image: Image) -> Image:
        """Compress `[S, S, 3]` RGB, colours at half the resolution, and show it again.

        The blocks' grid is drawn by chance too: f's own convolutions have a stride, and would
        learn a grid that never moves by heart.
        """
        size, (top, left) = len(image), self.grid
        small = cv2.resize(image, (self.side, self.side), interpolation=cv2.INTER_AREA)
        larger = cv2.copyMakeBorder(small, top, 0, left, 0, cv2.BORDER_REPLICATE)
        options = [
            cv2.IMWRITE_JPEG_QUALITY,
            self.quality,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
        ]
        _, jpeg = cv2.imencode(".jpg", larger[:, :, ::-1], options)
        shown = cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB)
        assert shown is not None
        return np.asarray(cv2.resize(shown[top:, left:], (size, size)), np.uint8)
