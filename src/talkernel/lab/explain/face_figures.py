"""Figs. 4 and 6: rows of faces, rendered with the kernels of different sounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from talkernel.lab.explain.faces import render_face
from talkernel.lab.explain.scene import Scene
from talkernel.lab.explain.stored import Arrays

COLUMNS = 8
SUCCESSIVE = 5  # frames of a word
INCH = 1.25  # side of a face in a figure
MASK_ROWS = {
    "input": "input",
    "seen": "network input",
    "motion": "motion image",
    "attention": "attention mask",
    "laid": "blending mask",
    "result": "result",
}


def measure_masks(scene: Scene) -> Arrays:
    """Fig. 4: one face at equally spaced audible frames; keys are those of `MASK_ROWS`."""
    speech, face, audible = scene.speech, scene.faces[0], scene.speech.audible
    chosen = audible[np.linspace(0, len(audible) - 1, COLUMNS).round().astype(int)]
    rendered = render_face(scene.model, face, speech.kernels[chosen], speech.lip_codes[chosen])
    return {
        "captions": np.array([speech.caption(int(number)) for number in chosen]),
        "input": np.stack([face.view()] * COLUMNS),
        "seen": np.stack([face.network_input().picture[:, :, :3]] * COLUMNS),
        "motion": rendered.motion,
        "attention": rendered.attention,
        "laid": rendered.alpha,
        "result": rendered.result,
    }


def draw_masks(arrays: Arrays) -> Figure:
    """Rows from input to result, a column for each frame."""
    rows = [list(arrays[name]) for name in MASK_ROWS]
    return picture_rows(rows, list(MASK_ROWS.values()), list(arrays["captions"]))


def measure_sounds(scene: Scene) -> Arrays:
    """Fig. 6: the kernels of two sounds on every face."""
    return _on_faces(scene, list(scene.compared))


def measure_word(scene: Scene) -> Arrays:
    """Fig. 6: the kernels of successive frames on every face."""
    frames = range(scene.word, min(scene.word + SUCCESSIVE, len(scene.speech)))
    return _on_faces(scene, list(frames))


def _on_faces(scene: Scene, frames: list[int]) -> Arrays:
    speech = scene.speech
    kernels, codes = speech.kernels[frames], speech.lip_codes[frames]
    results = [render_face(scene.model, face, kernels, codes).result for face in scene.faces]
    return {
        "names": np.array([face.name for face in scene.faces]),
        "captions": np.array([speech.caption(frame) for frame in frames]),
        "input": np.stack([face.view() for face in scene.faces]),
        "result": np.stack(results),
    }


def draw_mouths(arrays: Arrays) -> Figure:
    """As in the paper: input faces on top, below them a row for each kernel set."""
    rows = [list(arrays["input"]), *(list(row) for row in arrays["result"].swapaxes(0, 1))]
    names = [f"kernels of\n{caption}" for caption in arrays["captions"]]
    return picture_rows(rows, ["input", *names], [_short(name) for name in arrays["names"]])


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"


def picture_rows(
    rows: Sequence[Sequence[NDArray[Any]]], names: Sequence[str], captions: Sequence[str]
) -> Figure:
    """A figure of pictures in rows.

    Args:
        rows: RGB `[S, S, 3]`, or `[S, S]` in 0..1 for a mask.
        names: Of the rows, at their left.
        captions: Of the columns, above them.
    """
    size = (INCH * len(captions) + 0.4, INCH * len(rows) + 0.2)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01))
    grid = figure.subplots(len(rows), len(captions), squeeze=False)
    for line, images, name in zip(grid, rows, names, strict=True):
        for axes, image in zip(line, images, strict=True):
            _show(axes, image)
        line[0].set_ylabel(name)
    for axes, caption in zip(grid[0], captions, strict=True):
        axes.set_title(caption)
    return figure


def _show(axes: Axes, image: NDArray[Any]) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    if image.ndim == 2:
        axes.imshow(image, cmap="gray", vmin=0.0, vmax=1.0)
    else:
        axes.imshow(image)
