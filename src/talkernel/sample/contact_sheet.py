"""Contact sheets: one row of equally spaced frames per video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from talkernel.choices import Box

GAP = 4  # black pixels between frames
Pixels = NDArray[np.uint8]


def contact_sheet(
    videos: Sequence[str | Path],
    outfile: str | Path,
    *,
    columns: int = 8,
    height: int = 180,
    crop: Box | None = None,
) -> None:
    """Write a picture that shows videos over time.

    Args:
        videos: One row each.
        outfile: The picture, usually a .png.
        columns: Frames per row, first and last frame included.
        height: Height of a frame in the sheet, in pixels.
        crop: Part of the frames to show, as (top, bottom, left, right) in pixels.
    """
    rows = (
        [(f"{time:.2f} s", _part(picture, crop)) for time, picture in frames]
        for frames in (_spaced_frames(Path(video), columns) for video in videos)
    )
    sheet_of(rows, outfile, height)


def sheet_of(
    rows: Iterable[Iterable[tuple[str, Pixels]]], outfile: str | Path, height: int
) -> None:
    """Write rows of pictures into one picture.

    Args:
        rows: Captions and RGB pictures, row by row.
        outfile: The picture to write.
        height: Height of each picture in the sheet, in pixels.
    """
    lines = [np.hstack([_tile(*tile, height) for tile in row]) for row in rows]
    width = max(line.shape[1] for line in lines)
    Image.fromarray(np.vstack([_padded(line, width) for line in lines])).save(outfile)


def _part(picture: Pixels, crop: Box | None) -> Pixels:
    if crop is None:
        return picture
    top, bottom, left, right = crop
    return picture[top:bottom, left:right]


def _spaced_frames(video: Path, count: int) -> Iterator[tuple[float, Pixels]]:
    """Times in seconds and RGB pictures; frames of a short video are repeated."""
    wanted = np.linspace(0, _frame_count(video) - 1, count).round().astype(int)
    with av.open(str(video.absolute())) as container:
        for index, frame in enumerate(container.decode(video=0)):
            for _ in range(int((wanted == index).sum())):
                yield frame.time or 0.0, frame.to_ndarray(format="rgb24").astype(np.uint8)


def _frame_count(video: Path) -> int:
    """Number of packets: the header's count may be wrong, and counting needs no decoding."""
    with av.open(str(video.absolute())) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def _tile(caption: str, picture: Pixels, height: int) -> Pixels:
    width = round(picture.shape[1] * height / picture.shape[0])
    tile = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    _caption(tile, caption)
    return _padded(tile, width + GAP, height + GAP)


def _caption(tile: Pixels, text: str) -> None:
    """White text with a black outline, legible on any picture."""
    place = (6, tile.shape[0] - 8)
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, thickness)


def _padded(picture: Pixels, width: int, height: int | None = None) -> Pixels:
    """The picture at the upper left of a larger black one."""
    sheet = np.zeros((height or picture.shape[0], width, 3), np.uint8)
    sheet[: picture.shape[0], : picture.shape[1]] = picture
    return sheet
