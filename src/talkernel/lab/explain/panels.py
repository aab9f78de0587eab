"""Rows of pictures with captions, as several figures have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

INCH = 1.25  # of a face


def picture_rows(
    rows: Sequence[Sequence[NDArray[Any] | None]], names: Sequence[str], tops: Sequence[str]
) -> Figure:
    """A figure of pictures.

    Args:
        rows: RGB `[S, S, 3]`, or `[S, S]` in 0..1 for a mask; None leaves a gap.
        names: Of the rows, at their left.
        tops: Of the columns, above them.
    """
    size = (INCH * len(tops) + 0.4, INCH * len(rows) + 0.2)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01))
    grid = figure.subplots(len(rows), len(tops), squeeze=False)
    for line, images, name in zip(grid, rows, names, strict=True):
        for axes, image in zip(line, images, strict=True):
            _show(axes, image)
        line[0].set_ylabel(name)
    for axes, top in zip(grid[0], tops, strict=True):
        axes.set_title(top)
    return figure


def _show(axes: Axes, image: NDArray[Any] | None) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    if image is None:
        axes.set_frame_on(False)
    elif image.ndim == 2:
        axes.imshow(image, cmap="gray", vmin=0.0, vmax=1.0)
    else:
        axes.imshow(image)
