"""Degrades training pairs like poor videos: objects in front of the mouth, and compression.

Both change input and target in the same way, before the mouth is masked, as in real videos. The
generator then sees what it would see in use, and the target is what the frame should show.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from talkernel.lab.train.occluder import random_occluder
from talkernel.lab.train.transplant import Image, Points

QUALITY = (10, 50)  # range of the JPEG quality: strong blocking to hardly any
SMALLEST = 0.4  # smallest scale at which a picture is compressed
BLOCK = 16  # pixels of a chroma block


class Shot(NamedTuple):
    """The pictures of a pair, `[S, S, 3]` each.

    Attributes:
        source: The input face.
        target: The target face.
        outside: `[S, S]`, 255 where source and target are the same.
        reference: The warped reference, if any. It comes from another frame, so no object is
            placed in front of it.
    """

    source: Image
    target: Image
    outside: Image
    reference: Image | None = None


class Compression(NamedTuple):
    """Parameters of simulated video compression.

    Attributes:
        quality: JPEG quality, 1 to 100.
        side: Side in pixels to which the picture is scaled first.
        grid: Rows and columns, 0 to 15, by which the block grid is shifted.
    """

    quality: int
    side: int
    grid: tuple[int, int]

    @staticmethod
    def random(size: int, rng: np.random.Generator) -> Compression:
        """Draw parameters for pictures of side `size`. Half of the pictures are not scaled."""
        shrunk = rng.uniform(SMALLEST, 1.0) if rng.random() < 0.5 else 1.0
        top, left = rng.integers(0, BLOCK, 2)
        quality = int(rng.integers(QUALITY[0], QUALITY[1] + 1))
        return Compression(quality, round(shrunk * size), (int(top), int(left)))

    def apply(self, image: Image) -> Image:
        """Compress and decode RGB `[S, S, 3]`, with 4:2:0 chroma subsampling.

        The block grid is shifted at random: the generator's convolutions have strides and would
        memorise a grid at a fixed place.
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
        decoded = cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB)
        assert decoded is not None
        return np.asarray(cv2.resize(decoded[top:, left:], (size, size)), np.uint8)


def occlude(
    shot: Shot, points: Points, lips: Image, masked: Image, scale: float, rng: np.random.Generator
) -> Shot:
    """Put the same object in front of both mouths.

    Where the object is not covered by the mouth mask, nothing may change: this area is added to
    `outside`. Under the mask the generator has to draw the object from its blurred colours.

    Args:
        shot: The pair.
        points: Landmarks `[468, 2]` of the source.
        lips: `[S, S]`, 255 at the lips of both faces.
        masked: The mouth mask `[S, S]`, 0 where the generator sees the input unchanged.
        scale: Side that a whole face crop would have, in pixels.
        rng: Source of randomness.
    """
    occluder = random_occluder(shot.source, points, lips, scale, rng)
    unmasked = (occluder.weight == 1.0) & (masked == 0)
    return shot._replace(
        source=occluder.lay_over(shot.source),
        target=occluder.lay_over(shot.target),
        outside=np.where(unmasked, np.uint8(255), shot.outside),
    )


def compress(shot: Shot, rng: np.random.Generator) -> Shot:
    """Compress all pictures of a pair in the same way.

    The generated mouth should be as coarse as the face around it. If only the input were
    compressed, the generator would have to restore the face, which the mask loss forbids.

    Compression blocks spread some of the mouth into their surroundings. So the target takes the
    pixels outside the mouth from the compressed source: there both stay identical.
    """
    compression = Compression.random(len(shot.source), rng)
    source = compression.apply(shot.source)
    target = cv2.copyTo(source, shot.outside, compression.apply(shot.target))
    reference = None if shot.reference is None else compression.apply(shot.reference)
    return Shot(source, np.asarray(target, np.uint8), shot.outside, reference)
