"""The theorem's check as numbers, and as a figure: bound against measured difference."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from talkernel.explain.corollaries import check_corollaries
from talkernel.explain.scene import Scene
from talkernel.explain.stored import Arrays
from talkernel.explain.theorem_check import Check, check
from talkernel.explain.theory import NORMS, entrywise, operator

STAGES = {
    "chain": "network of eq. 9",
    "middle": "our dynamic layers",
    "answer": "α and M",
    "face": "blended face",
}
BOUNDS = ("paper, numbers", "paper, map", "ours", "ours, measured")


def measure(scene: Scene) -> Arrays:
    """Every bound of every pair, the kernels' norms, and the corollaries."""
    columns = zip(*check(scene), strict=True)
    arrays = {name: np.array(column) for name, column in zip(Check._fields, columns, strict=True)}
    return arrays | _norms(scene) | check_corollaries(scene)


def _norms(scene: Scene) -> Arrays:
    """‖k_i‖_p of some moments' kernels without biases: `[2 readings, 3 p, T, layers]`."""
    import torch

    frames = np.unique(np.linspace(0, len(scene.speech) - 1, 24).round().astype(int))
    kernels = torch.from_numpy(scene.speech.kernels[frames][..., :-1])
    norms = [[[[norm(layer, p) for layer in one] for one in kernels] for p in NORMS]
             for norm in (entrywise, operator)]  # fmt: skip
    return {"norms": np.array(norms)}


def draw(arrays: Arrays) -> Figure:
    """A row for each stage, a column for each p; points under the line break their bound."""
    figure = Figure(figsize=(9.5, 10.0), layout="constrained")
    grid = figure.subplots(len(STAGES), len(NORMS))
    for line, stage in zip(grid, STAGES, strict=True):
        for axes, p in zip(line, NORMS, strict=True):
            _stage(axes, arrays, stage, p)
        line[0].set_ylabel(f"{STAGES[stage]}\nbound")
    for axes, p in zip(grid[0], NORMS, strict=True):
        axes.set_title(f"p = {'∞' if np.isinf(p) else int(p)}")
    for axes in grid[-1]:
        axes.set_xlabel("measured difference")
    handles = {h.get_label(): h for axes in grid.flat for h in axes.collections}
    figure.legend(handles=list(handles.values()), loc="outside lower center", ncols=4)
    return figure


def _stage(axes: Axes, arrays: Arrays, stage: str, p: float) -> None:
    here = (arrays["stage"] == stage) & (arrays["p"] == p)
    for number, bound in enumerate(BOUNDS):
        own = here & (arrays["bound"] == bound)
        if own.any():
            axes.scatter(arrays["measured"][own], arrays["limit"][own], s=9, label=bound,
                         color=f"C{number}", alpha=0.7)  # fmt: skip
    axes.set(xscale="log", yscale="log")
    low, high = arrays["measured"][here].min(), arrays["measured"][here].max()
    axes.plot([low, high], [low, high], color="0.4", linewidth=0.8)
