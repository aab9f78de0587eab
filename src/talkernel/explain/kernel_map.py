"""The way that the kernels take through a sentence: a map of it, and how smooth it is."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from talkernel.explain.scene import Scene
from talkernel.explain.stored import Arrays
from talkernel.explain.utterance import FPS, distances

SHOWN = 12  # components whose share is drawn
LAGS = 25  # frames


def measure(scene: Scene) -> Arrays:
    """Principal components of the kernels, and distances over time."""
    speech = scene.speech
    places, share = principal_components(speech.kernels)
    return {
        "places": places[:, :3],
        "share": share[:SHOWN],
        "seconds": np.arange(len(speech)) / FPS,
        "loudness": speech.loudness,
        "classes": np.array(speech.classes),
        "sounds": np.array(speech.sounds),
        "transcribed": np.array(speech.transcribed),
        "by_lag": by_lag(speech.kernels),
        "sound_by_lag": by_lag(speech.windows),
    }


def principal_components(
    points: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores `[T, T]`, largest variance first, of `[T, ...]`, and each one's share of it `[T]`.

    A component's sign is such that its largest score is positive, so that maps stay the same.
    """
    flat = points.reshape(len(points), -1).astype(np.float64)
    flat = flat - flat.mean(0)
    values, vectors = np.linalg.eigh(flat @ flat.T)  # as good as an SVD, and T is small
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    largest = np.abs(vectors).argmax(0)
    vectors = vectors * np.sign(vectors[largest, np.arange(len(values))])
    return vectors * np.sqrt(values), values / max(values.sum(), 1e-300)


def by_lag(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean distance of points 1, 2, ... frames apart over that of all pairs, `[25]` at most."""
    apart = distances(points)
    everywhere = apart[np.triu_indices(len(apart), 1)].mean() if len(apart) > 1 else 1.0
    lags = range(1, min(LAGS, len(apart) - 1) + 1)
    return np.array([np.diag(apart, lag).mean() / max(everywhere, 1e-300) for lag in lags])


def draw_map(arrays: Arrays) -> Figure:
    """The first two components, coloured by time, by loudness and by kind of sound."""
    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    axes = figure.subplots(1, 3, sharex=True, sharey=True)
    _coloured(figure, axes[0], arrays, "seconds", "time, s", "viridis")
    _coloured(figure, axes[1], arrays, "loudness", "loudness, dB", "magma")
    _by_class(axes[2], arrays)
    axes[0].set_ylabel(f"second component ({arrays['share'][1]:.0%})")
    for one in axes:
        one.set_xlabel(f"first component of the kernels ({arrays['share'][0]:.0%})")
    return figure


def _coloured(
    figure: Figure, axes: Axes, arrays: Arrays, what: str, label: str, colours: str
) -> None:
    x, y = arrays["places"][:, :2].T
    axes.plot(x, y, color="0.8", linewidth=0.6, zorder=0)
    points = axes.scatter(x, y, c=arrays[what], cmap=colours, s=12)
    figure.colorbar(points, ax=axes, label=label)


def _by_class(axes: Axes, arrays: Arrays) -> None:
    x, y = arrays["places"][:, :2].T
    for number, name in enumerate(sorted(set(arrays["classes"].tolist()))):
        own = arrays["classes"] == name
        axes.scatter(x[own], y[own], s=12, label=name, color=f"C{number}")
    told = "by phoneme" if arrays["transcribed"] else "by spectrum (what is said is not known)"
    axes.legend(title=told, bbox_to_anchor=(1.02, 1.0), loc="upper left", fontsize=7)


def draw_smoothness(arrays: Arrays) -> Figure:
    """Distance against time between, and how many dimensions the kernels take."""
    figure = Figure(figsize=(8.0, 3.0), layout="constrained")
    lag, share = figure.subplots(1, 2)
    _curve(lag, arrays["by_lag"], "o-", "kernels")
    _curve(lag, arrays["sound_by_lag"], "s--", "speech features")
    lag.axhline(1.0, color="0.7", linewidth=0.8)
    lag.set(xlabel="time between, s", ylabel="mean distance / that of all pairs", ylim=(0, None))
    lag.legend(loc="lower right")
    share.plot(np.arange(1, len(arrays["share"]) + 1), np.cumsum(arrays["share"]), "o-")
    share.set(
        xlabel="principal components", ylabel="share of the kernels' variance", ylim=(0, 1.03)
    )
    return figure


def _curve(axes: Axes, values: NDArray[np.float64], style: str, label: str) -> None:
    axes.plot(np.arange(1, len(values) + 1) / FPS, values, style, markersize=3, label=label)
