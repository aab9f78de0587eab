"""Measures and draws the check of Theorem 1: bound over measured difference."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from talkernel.lab.explain.convolution_norm import convolution_norm
from talkernel.lab.explain.corollaries import check_corollaries
from talkernel.lab.explain.network_bound import scaled
from talkernel.lab.explain.scene import Scene
from talkernel.lab.explain.stored import Arrays
from talkernel.lab.explain.theorem_check import Check, check
from talkernel.lab.explain.theory import NORMS, entrywise_norm

STAGES = {
    "chain": "network of eq. 9",
    "middle": "our dynamic layers",
    "answer": "mask and motion image",
    "face": "blended face",
}
KINDS = ("any two moments", "successive frames", "random")
BOUNDS = ("paper, numbers", "paper, map", "ours", "ours, measured")


def measure(scene: Scene) -> Arrays:
    """Every bound of every pair, the kernels' norms, and the corollaries."""
    columns = zip(*check(scene), strict=True)
    arrays = {name: np.array(column) for name, column in zip(Check._fields, columns, strict=True)}
    return arrays | _norms(scene) | check_corollaries(scene)


def _norms(scene: Scene) -> Arrays:
    """‖k_i‖_p of some frames' kernels without biases: `[3 readings, 3 p, T, layers]`.

    The readings: norm of the entries; operator norm (a bound where ks > 1); operator norm with
    the normalisation folded in.
    """
    frames = np.unique(np.linspace(0, len(scene.speech) - 1, 24).round().astype(int))
    layers = scene.model.unet.middle
    found = []
    for frame in frames:
        kernels = torch.from_numpy(scene.speech.kernels[frame])
        folds = [scaled(layer, kernel) for layer, kernel in zip(layers, kernels, strict=True)]
        bare = [
            kernel[:, :-1].reshape(fold.weight.shape)
            for kernel, fold in zip(kernels, folds, strict=True)
        ]
        inside = [fold.weight for fold in folds]
        readings = ((entrywise_norm, bare), (convolution_norm, bare), (convolution_norm, inside))
        found.append(
            [[[norm(weight, p) for weight in weights] for p in NORMS] for norm, weights in readings]
        )
    return {"norms": np.array(found).transpose(1, 2, 0, 3)}


def draw(arrays: Arrays) -> Figure:
    """Bound over measured difference; points left of the line at 1 violate their bound."""
    rows = dict.fromkeys(zip(arrays["stage"].tolist(), arrays["bound"].tolist(), strict=True))
    order = sorted(rows, key=lambda row: (-list(STAGES).index(row[0]), -BOUNDS.index(row[1])))
    figure = Figure(figsize=(11.0, 4.2), layout="constrained")
    for axes, p in zip(figure.subplots(1, len(NORMS), sharey=True), NORMS, strict=True):
        for place, row in enumerate(order):
            _strip(axes, arrays, row, p, place)
        axes.axvline(1.0, color="0.3", linewidth=0.9)
        axes.set(xscale="log", xlabel="bound / measured difference")
        axes.set_title(f"p = {'∞' if np.isinf(p) else int(p)}")
    names = [f"{STAGES[stage]}: {bound}" for stage, bound in order]
    figure.axes[0].set_yticks(range(len(order)), names)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles[: len(KINDS)], labels[: len(KINDS)], loc="outside lower center", ncols=3)
    return figure


def _strip(axes: Axes, arrays: Arrays, row: tuple[str, str], p: float, place: int) -> None:
    here = (arrays["stage"] == row[0]) & (arrays["bound"] == row[1]) & (arrays["p"] == p)
    for number, kind in enumerate(KINDS):
        own = here & (arrays["kind"] == kind)
        ratio = arrays["limit"][own] / np.maximum(arrays["measured"][own], 1e-30)
        axes.scatter(
            ratio,
            np.full(len(ratio), place + 0.2 * (1 - number)),
            s=6,
            alpha=0.7,
            color=f"C{number}",
            label=kind,
        )
