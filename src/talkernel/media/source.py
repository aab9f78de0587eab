"""What a face comes from: the interface that videos and photos share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from talkernel.media.frame import Picture, PixelLayout


@dataclass(frozen=True)
class ColorTags:
    """How players are told to show the samples, as FFmpeg's numbers.

    Attributes:
        primaries: `AVCOL_PRI_*`.
        transfer: `AVCOL_TRC_*`.
        matrix: `AVCOL_SPC_*`.
        range: `AVCOL_RANGE_*`; 2 is the full range.
    """

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    range: int = 0


@dataclass
class FaceSource(ABC):
    """Pictures at a constant rate.

    Attributes:
        path: The file.
        width: Width in pixels, as shown: after rotation.
        height: Height in pixels, as shown.
        fps: Pictures per second, exact.
        frame_count: Estimate of the number of pictures; None if unknown or endless.
        duration: Seconds; None if unknown or endless.
        is_photo: Whether every picture is the same one.
        layout: How to read every picture.
        color: The tags that an encoder must copy.
        sample_aspect_ratio: Width of a pixel over its height.
        corrupt_packets: Packets found damaged while decoding so far.
    """

    path: str
    width: int
    height: int
    fps: Fraction
    frame_count: int | None
    duration: float | None
    is_photo: bool
    layout: PixelLayout
    color: ColorTags
    sample_aspect_ratio: Fraction = Fraction(1)
    corrupt_packets: int = 0

    @abstractmethod
    def frames(self, start: int = 0) -> Iterator[Picture]:
        """Pictures from number `start` on, each private to the caller.

        Every call opens the file anew. A photo's pictures never end.

        Raises:
            CorruptMediaError: Not one picture could be decoded.
        """
