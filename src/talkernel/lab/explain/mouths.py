"""Fig. 6: one sound's kernels on many faces; successive kernels of a word on one face."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from talkernel.lab.explain.faces import answer
from talkernel.lab.explain.panels import picture_rows
from talkernel.lab.explain.scene import Scene
from talkernel.lab.explain.stored import Arrays

SUCCESSIVE = 5  # frames of a word


def measure_sounds(scene: Scene) -> Arrays:
    """Two sounds' kernels on every face."""
    return _on_faces(scene, list(scene.moments))


def measure_word(scene: Scene) -> Arrays:
    """Successive frames' kernels on every face."""
    frames = range(scene.word, min(scene.word + SUCCESSIVE, len(scene.speech)))
    return _on_faces(scene, list(frames))


def _on_faces(scene: Scene, frames: list[int]) -> Arrays:
    speech = scene.speech
    kernels, heard = speech.kernels[frames], speech.heard[frames]
    return {
        "names": np.array([face.name for face in scene.faces]),
        "captions": np.array([speech.caption(frame) for frame in frames]),
        "input": np.stack([face.view() for face in scene.faces]),
        "result": np.stack(
            [answer(scene.model, face, kernels, heard).result for face in scene.faces]
        ),
    }


def draw(arrays: Arrays) -> Figure:
    """As the paper: input faces above, below them a row for each kernel set."""
    rows = [list(arrays["input"]), *(list(row) for row in arrays["result"].swapaxes(0, 1))]
    names = [f"kernels of\n{caption}" for caption in arrays["captions"]]
    return picture_rows(rows, ["input", *names], [_short(name) for name in arrays["names"]])


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"
