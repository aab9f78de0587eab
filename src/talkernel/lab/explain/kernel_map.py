"""Maps the kernels of a sentence to two dimensions, and measures how smoothly they change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from talkernel.lab.explain.scene import Scene
from talkernel.lab.explain.stored import Arrays
from talkernel.lab.explain.utterance import FPS, distances

SHOWN = 12  # components whose explained variance is drawn
LAGS = 25  # frames
NEIGHBOURS = 15  # UMAP's n_neighbors


def measure(scene: Scene) -> Arrays:
    """Principal components of the kernels, and distances over time."""
    speech = scene.speech
    places, ratio = principal_components(speech.kernels)
    neighbours = {"umap": umap_places(places, scene.seed)} if scene.umap else {}
    return neighbours | {
        "places": places[:, :3],
        "share": ratio[:SHOWN],
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
    """Scores `[T, T]` of points `[T, ...]`, and explained variance ratios `[T]`, largest first.

    A component's sign makes its largest score positive, so that maps are reproducible.
    """
    flat = points.reshape(len(points), -1).astype(np.float64)
    flat = flat - flat.mean(0)
    values, vectors = np.linalg.eigh(flat @ flat.T)  # equivalent to an SVD; T is small
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    largest = np.abs(vectors).argmax(0)
    vectors = vectors * np.sign(vectors[largest, np.arange(len(values))])
    return vectors * np.sqrt(values), values / max(values.sum(), 1e-300)


def require_umap() -> None:
    """Raise ModuleNotFoundError before any work where UMAP is not installed."""
    import umap  # noqa: F401


def umap_places(places: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """UMAP's map `[T, 2]` of principal components `[T, T]`, which keep all distances.

    It is initialised with the first two, so that its orientation is reproducible.
    """
    from umap import UMAP

    model = UMAP(
        n_neighbors=max(2, min(NEIGHBOURS, len(places) - 1)),
        random_state=seed,
        n_jobs=1,
        init=places[:, :2].astype(np.float32),
    )
    return np.asarray(model.fit_transform(places), np.float64)


def by_lag(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean distance of points 1, 2, ... frames apart over that of all pairs, `[25]` at most."""
    pairwise = distances(points)
    count = len(pairwise)
    overall = pairwise[np.triu_indices(count, 1)].mean() if count > 1 else 1.0
    lags = range(1, min(LAGS, count - 1) + 1)
    return np.array([np.diag(pairwise, lag).mean() / max(overall, 1e-300) for lag in lags])


def draw_map(arrays: Arrays) -> Figure:
    """The first two components, coloured by time, loudness and class of sound.

    UMAP's map is below them if it was computed.
    """
    maps = [(arrays["places"][:, :2], _component_labels(arrays["share"]))]
    if "umap" in arrays:
        maps.append((arrays["umap"], ("UMAP of the kernels, first", "second")))
    figure = Figure(figsize=(11.0, 3.6 * len(maps)), layout="constrained")
    rows = figure.subplots(len(maps), 3, sharex="row", sharey="row", squeeze=False)
    for axes, (places, labels) in zip(rows, maps, strict=True):
        _draw_row(figure, axes, places, arrays)
        axes[0].set_ylabel(labels[1])
        for one in axes:
            one.set_xlabel(labels[0])
    return figure


def _component_labels(ratio: NDArray[np.float64]) -> tuple[str, str]:
    first, second = (f"{part:.0%}" for part in ratio[:2])
    return f"first component of the kernels ({first})", f"second component ({second})"


def _draw_row(
    figure: Figure, axes: Sequence[Axes], places: NDArray[np.float64], arrays: Arrays
) -> None:
    _coloured(figure, axes[0], places, arrays["seconds"], "time, s", "viridis")
    _coloured(figure, axes[1], places, arrays["loudness"], "loudness, dB", "magma")
    _by_class(axes[2], places, arrays)


def _coloured(
    figure: Figure,
    axes: Axes,
    places: NDArray[np.float64],
    values: NDArray[np.float64],
    label: str,
    colours: str,
) -> None:
    x, y = places.T
    axes.plot(x, y, color="0.8", linewidth=0.6, zorder=0)
    points = axes.scatter(x, y, c=values, cmap=colours, s=12)
    figure.colorbar(points, ax=axes, label=label)


def _by_class(axes: Axes, places: NDArray[np.float64], arrays: Arrays) -> None:
    x, y = places.T
    for number, name in enumerate(sorted(set(arrays["classes"].tolist()))):
        own = arrays["classes"] == name
        axes.scatter(x[own], y[own], s=12, label=name, color=f"C{number}")
    title = "by phoneme" if arrays["transcribed"] else "by spectrum (phonemes unknown)"
    axes.legend(title=title, bbox_to_anchor=(1.02, 1.0), loc="upper left", fontsize=7)


def draw_smoothness(arrays: Arrays) -> Figure:
    """Distance of kernels against their distance in time; cumulative explained variance."""
    figure = Figure(figsize=(8.0, 3.0), layout="constrained")
    lag, variance = figure.subplots(1, 2)
    _curve(lag, arrays["by_lag"], "o-", "kernels")
    _curve(lag, arrays["sound_by_lag"], "s--", "speech features")
    lag.axhline(1.0, color="0.7", linewidth=0.8)
    lag.set(xlabel="time difference, s", ylabel="mean distance / that of all pairs", ylim=(0, None))
    lag.legend(loc="lower right")
    variance.plot(np.arange(1, len(arrays["share"]) + 1), np.cumsum(arrays["share"]), "o-")
    variance.set(
        xlabel="principal components", ylabel="explained variance of the kernels", ylim=(0, 1.03)
    )
    return figure


def _curve(axes: Axes, values: NDArray[np.float64], style: str, label: str) -> None:
    axes.plot(np.arange(1, len(values) + 1) / FPS, values, style, markersize=3, label=label)
