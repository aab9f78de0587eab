"""Results of an evaluation: per clip in JSON lines, means in JSON, a table for the terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from talkernel.errors import DataError
from talkernel.files.atomic import write_text
from talkernel.lab.evaluate.bootstrap import Mean, mean_with_interval
from talkernel.lab.evaluate.measure import Row
from talkernel.lab.evaluate.metrics import METRICS
from talkernel.lab.evaluate.mouth_motion import LAGS, lag_name
from talkernel.summary import Summary

JSON, JSON_LINES = "results.json", "clips.jsonl"


@dataclass(frozen=True)
class Results:
    """The metrics of an evaluation.

    Attributes:
        protocol: Which one.
        system: Name of the system that made the videos.
        settings: Everything that decides the results.
        rows: A row per video: `row`, `clip`, `person`, metrics, and mouth openings.
        left_out: Clips that could not be measured, and why.
    """

    protocol: str
    system: str
    settings: dict[str, Any]
    rows: list[Row]
    left_out: dict[str, str]

    @property
    def names(self) -> list[str]:
        """Kinds of video, in order."""
        return list(dict.fromkeys(row["row"] for row in self.rows))

    @property
    def clips(self) -> int:
        """How many clips were measured."""
        return len({row["clip"] for row in self.rows})

    def of(self, name: str) -> list[Row]:
        """Rows of one kind of video."""
        return [row for row in self.rows if row["row"] == name]

    def mean(self, name: str, metric: str) -> Mean:
        """A metric's mean over one kind of video."""
        rows = self.of(name)
        values = [float(row.get(metric, math.nan)) for row in rows]
        return mean_with_interval(values, [row["person"] for row in rows])

    def means(self, name: str) -> dict[str, Mean]:
        """All metrics that one kind of video has."""
        found = {metric.name: self.mean(name, metric.name) for metric in METRICS}
        return {metric: mean for metric, mean in found.items() if mean.clips}

    def best_lag(self, name: str) -> tuple[int, float] | None:
        """The lag in frames that makes the mean r with the speech's mouth largest, and that r."""
        by_lag = {lag: self.mean(name, lag_name(lag)).mean for lag in LAGS}
        finite = {lag: r for lag, r in by_lag.items() if not math.isnan(r)}
        return max(finite.items(), key=lambda item: item[1]) if finite else None

    def to_json(self) -> str:
        """Means, intervals and settings; metrics of single clips are in the JSON lines."""
        return json.dumps(
            {
                "protocol": self.protocol,
                "system": self.system,
                "clips": self.clips,
                "rows": {name: self._row_json(name) for name in self.names},
                "left_out": self.left_out,
                "settings": self.settings,
            },
            indent=2,
        )

    def _row_json(self, name: str) -> dict[str, Any]:
        figures: dict[str, Any] = {k: _plain(mean) for k, mean in self.means(name).items()}
        lag = self.best_lag(name)
        return figures | ({"best_lag": {"frames": lag[0], "r": lag[1]}} if lag else {})

    def summary(self) -> Summary:
        """A table for the terminal: a row per metric, a column per kind of video."""
        title = f"{self.system}, {self.protocol}: {self.clips} clips"
        title += f", {len(self.left_out)} left out" if self.left_out else ""
        rows = [*self.cells(), *([f"left out: {clip}", why] for clip, why in self.left_out.items())]
        return Summary(title, rows, ("mean [95 % interval]", *self.names))

    def cells(self) -> list[list[str]]:
        """Title and one text per kind of video, of every metric that any of them has."""
        means = [self.means(name) for name in self.names]
        shown = [m for m in METRICS if any(m.name in row for row in means)]
        cells = [
            [m.title, *(row[m.name].text() if m.name in row else "" for row in means)]
            for m in shown
        ]
        lags = [self.best_lag(name) for name in self.names]
        texts = [f"{lag[0]} ({lag[1]:.3f})" if lag else "" for lag in lags]
        if any(lags):
            cells.append(["best lag, frames (r there)", *texts])
        return cells

    def save(self, folder: Path) -> None:
        """Write `results.json` and `clips.jsonl`, each whole or not at all."""
        rows = [{k: _nan_to_null(v) for k, v in row.items()} for row in self.rows]
        write_text(folder / JSON_LINES, "".join(json.dumps(row) + "\n" for row in rows))
        write_text(folder / JSON, self.to_json())

    @staticmethod
    def load(folder: Path) -> Results:
        """Read what `save` wrote.

        Raises:
            DataError: Nothing is there, or it is damaged.
        """
        try:
            stored = json.loads((folder / JSON).read_text("utf-8"))
            lines = [json.loads(line) for line in (folder / JSON_LINES).open(encoding="utf-8")]
            rows = [{k: _null_to_nan(v) for k, v in row.items()} for row in lines]
            return Results(
                stored["protocol"], stored["system"], stored["settings"], rows, stored["left_out"]
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{folder} holds no results ({error}).",
                remedy="Give a folder that `talkernel evaluate --out` wrote.",
            ) from error


def _nan_to_null(value: Any) -> Any:
    """A figure or a curve as JSON, which has no NaN."""
    if isinstance(value, list):
        return [_nan_to_null(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _null_to_nan(value: Any) -> Any:
    if isinstance(value, list):
        return [_null_to_nan(each) for each in value]
    return math.nan if value is None else value


def _plain(mean: Mean) -> dict[str, float | int | None]:
    """JSON has no NaN."""
    values = {"mean": mean.mean, "low": mean.low, "high": mean.high, "spread": mean.spread}
    return {k: None if math.isnan(v) else round(v, 4) for k, v in values.items()} | {
        "clips": mean.clips
    }


def ranked(rows: Sequence[Row], metric: str, better: str) -> list[Row]:
    """Rows that have a metric, the best first; "zero" and "one" mean nearest to that value."""
    finite = [row for row in rows if np.isfinite(row.get(metric, math.nan))]
    target = {"zero": 0.0, "one": 1.0}.get(better)
    if target is not None:
        return sorted(finite, key=lambda row: abs(float(row[metric]) - target))
    return sorted(finite, key=lambda row: float(row[metric]), reverse=better == "higher")
