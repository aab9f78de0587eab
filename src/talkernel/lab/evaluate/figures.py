"""Plots of stored results, each as SVG and PNG."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from talkernel.lab.evaluate.measure import GENERATED, Row
from talkernel.lab.evaluate.metrics import BY_NAME
from talkernel.lab.evaluate.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {
    "generated": "#1b6ca8",
    "ground truth": "#2e8b57",
    "do nothing": "#888888",
    "shuffled": "#c97b2a",
}
DRAWN = ("psnr", "ssim", "lmd", "r_speech", "r_input", "movement", "identity", "flicker")
PNG_DPI = 150


def draw(results: Results, folder: Path) -> list[str]:
    """Write every plot that the results have data for; returns names without extension."""
    folder.mkdir(exist_ok=True)
    names = []
    for name, figure in _figures(results):
        for suffix in (".svg", ".png"):
            figure.savefig(folder / f"{name}{suffix}", dpi=PNG_DPI, metadata=_undated(suffix))
        names.append(name)
    return names


def _undated(suffix: str) -> dict[str, None]:
    """No date in the file, so that the same results give the same bytes."""
    return {"Date": None} if suffix == ".svg" else {}


def _figures(results: Results) -> Iterator[tuple[str, Figure]]:
    for metric in DRAWN:
        rows = [name for name in results.names if results.mean(name, metric).clips]
        if rows:
            yield metric, _clip_by_clip(results, metric, rows)
    if results.mean(GENERATED, "r_speech").clips:
        yield "lags", _lags(results)


def _new(width: float, height: float) -> Figure:
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams["svg.hashsalt"] = "talkernel"
    return Figure(figsize=(width, height), layout="constrained")


def _clip_by_clip(results: Results, metric: str, rows: list[str]) -> Figure:
    """A dot per clip, the mean and its interval, for each kind of video."""
    figure = _new(4.2, 0.6 + 0.5 * len(rows))
    axes = figure.add_subplot()
    for place, name in enumerate(reversed(rows)):
        values = [row.get(metric, np.nan) for row in results.of(name)]
        axes.plot(values, np.full(len(values), place), "o", ms=4, alpha=0.4, color=_colour(name))
        mean = results.mean(name, metric)
        axes.plot([mean.low, mean.high], [place, place], lw=2, color=_colour(name))
        axes.plot(mean.mean, place, "|", ms=16, mew=2, color=_colour(name))
    axes.set_yticks(range(len(rows)), rows[::-1])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(BY_NAME[metric].title)
    return figure


def _lags(results: Results) -> Figure:
    """Mean correlation with the speech's mouth at every lag."""
    from talkernel.lab.evaluate.mouth_motion import LAGS, lag_name

    figure = _new(4.2, 2.6)
    axes = figure.add_subplot()
    for name in results.names:
        curve = [results.mean(name, lag_name(lag)).mean for lag in LAGS]
        axes.plot(list(LAGS), curve, "o-", ms=3, color=_colour(name), label=name)
    axes.set_xlabel("frames by which the video is moved later")
    axes.set_ylabel(BY_NAME["r_speech"].title)
    axes.legend(fontsize=7)
    return figure


def draw_mouth(row: Row, path: Path) -> None:
    """Mouth openings over time, generated and real, as SVG and PNG."""
    figure = _new(7.0, 1.6)
    axes = figure.add_subplot()
    for name, key in (("ground truth", "wanted"), ("generated", "opening")):
        axes.plot(row[key], color=COLOURS[name], label=name, lw=1)
    axes.set_xlabel("frame")
    axes.set_ylabel("mouth opening")
    axes.legend(fontsize=7, loc="upper right")
    for suffix in (".svg", ".png"):
        figure.savefig(path.with_suffix(suffix), dpi=PNG_DPI, metadata=_undated(suffix))


def _colour(name: str) -> str:
    return COLOURS.get(name, "#000000")
