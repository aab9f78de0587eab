"""Fig. 7: the kernels of two sounds as images, and their difference."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from talkernel.lab.explain.scene import Scene
from talkernel.lab.explain.stored import Arrays

CORNER = 16  # the paper shows the first 16 x 16 entries


def measure(scene: Scene) -> Arrays:
    """All kernels of both sounds."""
    return {
        "kernels": scene.speech.kernels[list(scene.compared)],
        "captions": np.array([scene.speech.caption(frame) for frame in scene.compared]),
    }


def draw_corner(arrays: Arrays) -> Figure:
    """The first 16 x 16 entries of every layer, as in the paper."""
    return _draw(arrays, CORNER)


def draw_whole(arrays: Arrays) -> Figure:
    """The whole kernels: rows are output channels, columns input channels; the last is bias."""
    return _draw(arrays, None)


def _draw(arrays: Arrays, side: int | None) -> Figure:
    one, other = arrays["kernels"][..., :side, :side]
    names = [*arrays["captions"], "difference"]
    figure = Figure(figsize=(1.7 * len(one) + 1.2, 5.2), layout="constrained")
    grid = figure.subplots(3, len(one), squeeze=False)
    limits = [_limit(one), _limit(one), _limit(other - one) or 1.0]
    for line, row, name, limit in zip(grid, (one, other, other - one), names, limits, strict=True):
        for axes, kernel in zip(line, row, strict=True):
            image = _show(axes, kernel, limit)
        line[0].set_ylabel(name)
        figure.colorbar(image, ax=list(line), shrink=0.8)
    for number, axes in enumerate(grid[0], 1):
        axes.set_title(f"layer {number}")
    return figure


def _limit(kernels: NDArray[np.float32]) -> float:
    """Largest absolute value of the colour scale: a few outliers may exceed it."""
    return float(np.quantile(np.abs(kernels), 0.999))


def _show(axes: Axes, kernel: NDArray[np.float32], limit: float) -> AxesImage:
    axes.set_xticks([])
    axes.set_yticks([])
    return axes.imshow(
        kernel, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest"
    )
