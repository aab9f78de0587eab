"""The common interface of videos and photos of a face."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from talkernel.media.frame import Picture, PixelLayout


@dataclass(frozen=True)
class ColorTags:
    """Colour metadata for players, as FFmpeg's numbers.

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
        width: Width in pixels, after rotation.
        height: Height in pixels, after rotation.
        fps: Pictures per second, exact.
        frame_count: Estimate of the number of pictures; None if unknown or endless.
        duration: Seconds; None if unknown or endless.
        is_photo: Whether all pictures are the same.
        layout: Pixel format of every picture.
        color: Colour metadata to copy to the output.
        sample_aspect_ratio: Width of a pixel divided by its height.
        corrupt_packets: Damaged packets found so far.
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

    @property
    def picture_bytes(self) -> int:
        """Size of one picture in memory."""
        horizontal, vertical = self.layout.chroma_shift
        samples = self.width * self.height * (1 + 2 / 2 ** (horizontal + vertical))
        return int(samples) * (1 if self.layout.depth == 8 else 2)

    @abstractmethod
    def frames(self, start: int = 0) -> Iterator[Picture]:
        """Pictures from number `start` on; the caller may change them.

        Every call opens the file again. A photo gives endless pictures.

        Raises:
            CorruptMediaError: No picture could be decoded.
        """
