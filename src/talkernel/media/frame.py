"""A picture as the decoder's colour planes.

Pixels outside the mouth are never converted: a `Picture` holds the decoder's planes, the renderer
draws into them, and the encoder gets the same planes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import av
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

Plane = NDArray[Any]  # uint8 at depth 8, uint16 above
Matrix = Literal["bt601", "bt709", "bt2020"]

FULL_RANGE = 2  # FFmpeg's AVCOL_RANGE_JPEG; 1 is the limited range, 0 unspecified
# FFmpeg's AVCOL_SPC_* numbers; for other tags the height decides.
_MATRIX_OF_TAG: dict[int, Matrix] = {
    1: "bt709",
    4: "bt601",
    5: "bt601",
    6: "bt601",
    7: "bt709",
    9: "bt2020",
    10: "bt2020",
}
MATRIX_TAG: dict[Matrix, int] = {"bt709": 1, "bt601": 6, "bt2020": 9}
_SWSCALE_MATRIX: dict[Matrix, str] = {"bt709": "ITU709", "bt601": "ITU601", "bt2020": "BT2020"}
_CHROMA_SHIFT = {"420": (1, 1), "422": (1, 0), "444": (0, 0)}


@dataclass(frozen=True)
class PixelLayout:
    """Pixel format and colour matrix of a picture.

    Attributes:
        format: FFmpeg's name of a planar YUV format, such as `yuv420p10le`.
        depth: Bits per sample, 8 to 16.
        chroma_shift: log2 of the chroma subsampling, (horizontal, vertical).
        matrix: The standard that defines the YUV-RGB matrix.
        full_range: Whether luma uses the full range, as in JPEG.
    """

    format: str
    depth: int = 8
    chroma_shift: tuple[int, int] = (1, 1)
    matrix: Matrix = "bt601"
    full_range: bool = False


@dataclass
class Picture:
    """A frame as writable planes.

    Attributes:
        planes: Y `[H, W]`, U and V `[ceil(H / 2**sy), ceil(W / 2**sx)]`.
        layout: Their pixel format.
        time: Seconds from the start of the video.
    """

    planes: tuple[Plane, Plane, Plane]
    layout: PixelLayout
    time: float = 0.0

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.planes[0].shape[0])

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.planes[0].shape[1])

    @property
    def nbytes(self) -> int:
        """Size of its planes in memory."""
        return sum(int(plane.nbytes) for plane in self.planes)

    def copy(self) -> Picture:
        """A copy with its own planes."""
        y, u, v = (plane.copy(order="C") for plane in self.planes)
        return Picture((y, u, v), self.layout, self.time)

    @classmethod
    def from_av(cls, frame: av.VideoFrame, layout: PixelLayout, time: float) -> Picture:
        """The planes of a decoded frame, copied out of the decoder's memory.

        Args:
            frame: Any frame. It is converted only if its pixel format differs from `layout`'s;
                `yuvj` formats count as `yuv`, from which they differ in range only.
            layout: The wanted format, from `work_layout`.
            time: Seconds from the start of the video.
        """
        if frame.format.name.replace("yuvj", "yuv") != layout.format:
            frame = _converted(frame, layout)
        y, u, v = (_samples(plane, layout.depth).copy() for plane in frame.planes)
        return cls((y, u, v), layout, time)

    def to_av(self) -> av.VideoFrame:
        """A frame for the encoder or for swscale, tagged with matrix and range."""
        frame = av.VideoFrame(self.width, self.height, self.layout.format)
        for source, target in zip(self.planes, frame.planes, strict=True):
            _samples(target, self.layout.depth)[...] = source
        frame.colorspace = MATRIX_TAG[self.layout.matrix]
        frame.color_range = FULL_RANGE if self.layout.full_range else 1
        return frame

    def to_rgb(self) -> NDArray[np.uint8]:
        """The picture as uint8 RGB `[H, W, 3]`, 0 to 255.

        Matrix and range are applied. Transfer curve and primaries are not converted.
        """
        rgb = self.to_av().reformat(
            format="rgb24",
            src_colorspace=_SWSCALE_MATRIX[self.layout.matrix],
            src_color_range="JPEG" if self.layout.full_range else "MPEG",
            dst_color_range="JPEG",
        )
        return np.asarray(rgb.to_ndarray(), dtype=np.uint8)


def work_layout(
    format_name: str, width: int, height: int, colorspace: int, color_range: int
) -> PixelLayout:
    """The planar YUV format in which frames of a given format are edited.

    Planar YUV of 8 or 10 bits is kept. Semi-planar and packed YUV become planar. Other depths
    above 8 become 10 bits. RGB, grey and palette pictures become 4:4:4. Alpha is dropped.

    Args:
        format_name: FFmpeg's pixel format name.
        width: Picture width in pixels.
        height: Picture height in pixels; it decides the matrix if that is unspecified.
        colorspace: FFmpeg's `AVCOL_SPC_*` number; 2 is unspecified.
        color_range: FFmpeg's `AVCOL_RANGE_*` number; 2 is the full range.
    """
    pixels = av.VideoFormat(format_name, width, height)
    from_rgb = pixels.is_rgb or pixels.has_palette
    depth = 10 if max(part.bits for part in pixels.components) > 8 else 8
    chroma = "444" if from_rgb else _chroma(pixels)
    return PixelLayout(
        format=f"yuv{chroma}p" + ("10le" if depth == 10 else ""),
        depth=depth,
        chroma_shift=_CHROMA_SHIFT[chroma],
        matrix=_MATRIX_OF_TAG.get(colorspace, "bt709" if height >= 720 else "bt601"),
        full_range=not from_rgb and (color_range == FULL_RANGE or format_name.startswith("yuvj")),
    )


def _chroma(pixels: av.VideoFormat) -> str:
    """The common subsampling that keeps all chroma samples of this format."""
    horizontal, vertical = pixels.chroma_width(64), pixels.chroma_height(64)
    if horizontal == 64:
        return "444"
    return "422" if vertical == 64 else "420"


def _samples(plane: VideoPlane, depth: int) -> Plane:
    """A view `[height, width]` of a plane without the padding at its line ends."""
    dtype = np.dtype(np.uint8 if depth == 8 else np.uint16)
    buffer: Any = plane  # PyAV's type hints lack the buffer protocol
    lines: Plane = np.frombuffer(buffer, dtype).reshape(-1, plane.line_size // dtype.itemsize)
    return lines[: plane.height, : plane.width]


def _converted(frame: av.VideoFrame, layout: PixelLayout) -> av.VideoFrame:
    from_rgb = frame.format.is_rgb or frame.format.has_palette
    return frame.reformat(
        format=layout.format,
        src_colorspace=_SWSCALE_MATRIX[layout.matrix],
        dst_colorspace=_SWSCALE_MATRIX[layout.matrix],
        src_color_range="JPEG" if from_rgb or layout.full_range else "MPEG",
        dst_color_range="JPEG" if layout.full_range else "MPEG",
    )
