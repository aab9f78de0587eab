"""Fig. 4: what the network is shown, the motion and the mask it answers with, the result."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from talkernel.lab.explain.faces import answer
from talkernel.lab.explain.panels import picture_rows
from talkernel.lab.explain.scene import Scene
from talkernel.lab.explain.stored import Arrays

COLUMNS = 8
ROWS = {
    "input": "input",
    "seen": "what f sees",
    "motion": "motion M",
    "attention": "mask α of f",
    "laid": "mask laid on",
    "result": "result",
}


def measure(scene: Scene) -> Arrays:
    """One face at moments equally spaced over what can be heard."""
    audible = scene.speech.audible
    chosen = audible[np.linspace(0, len(audible) - 1, COLUMNS).round().astype(int)]
    face = scene.faces[0]
    found = answer(scene.model, face, scene.speech.kernels[chosen], scene.speech.heard[chosen])
    return {
        "captions": np.array([scene.speech.caption(int(number)) for number in chosen]),
        "input": np.stack([face.view()] * COLUMNS),
        "seen": np.stack([face.shown().picture[:, :, :3]] * COLUMNS),
        **found._asdict(),
    }


def draw(arrays: Arrays) -> Figure:
    """Rows from input to result, a column for each moment."""
    rows = [list(arrays[name]) for name in ROWS]
    return picture_rows(rows, list(ROWS.values()), list(arrays["captions"]))
