"""A photo as an endless video of one picture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from talkernel.errors import CorruptMediaError, NotMediaError
from talkernel.media.frame import MATRIX_TAG, Picture, work_layout
from talkernel.media.source import ColorTags, FaceSource

_BT709 = 1  # both as primaries, which sRGB shares, and as transfer curve
_LIMITED_RANGE = 1
_UNSPECIFIED = 2
# Not all of Pillow's formats: it also opens some MPEG videos.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")


class PhotoSource(FaceSource):
    """A photo as a source of endless equal pictures."""

    def __init__(self, path: str, rgb: NDArray[np.uint8], fps: Fraction) -> None:
        height, width = rgb.shape[:2]
        layout = work_layout("rgb24", width, height, _UNSPECIFIED, 0)
        super().__init__(
            path=path,
            width=width,
            height=height,
            fps=fps,
            frame_count=None,
            duration=None,
            is_photo=True,
            layout=layout,
            color=ColorTags(_BT709, _BT709, MATRIX_TAG[layout.matrix], _LIMITED_RANGE),
        )
        self._picture = Picture.from_av(av.VideoFrame.from_ndarray(rgb, "rgb24"), layout, 0.0)

    def frames(self, start: int = 0) -> Iterator[Picture]:
        """Endless copies of the photo, each with its own time."""
        number = start
        while True:
            picture = self._picture.copy()
            picture.time = float(number / self.fps)
            yield picture
            number += 1


def read_photo(path: str | os.PathLike[str]) -> NDArray[np.uint8] | None:
    """A photo as upright uint8 RGB `[H, W, 3]`; None if the file is not a photo.

    The content decides, not the name. EXIF orientation is applied, alpha is dropped, and only the
    first picture of an animation is read.

    Raises:
        CorruptMediaError: The photo cannot be decoded.
        NotMediaError: The picture is too large to be opened safely.
    """
    name = os.fspath(path)
    try:
        with Image.open(path, formats=_FORMATS) as image:
            return _upright_rgb(image)
    except UnidentifiedImageError:
        return None
    except Image.DecompressionBombError as error:
        raise NotMediaError(f"{name} is too large: {error}.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise CorruptMediaError(f"{name} is a damaged picture: {error}.") from error


def _upright_rgb(image: Image.Image) -> NDArray[np.uint8]:
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow would clip rather than scale
        grey = (np.asarray(image, dtype=np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., np.newaxis], 3, axis=2)
    return np.asarray(image.convert("RGB"), dtype=np.uint8)
