"""Compares ablated models: metrics, and curves over the face's shift (Fig. 8)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from matplotlib import rcParams
from matplotlib.figure import Figure

from talkernel.errors import CheckpointError, TrainingDataError
from talkernel.files.atomic import write_text
from talkernel.lab.ablation.following import FRAMES, Following, Shift, measure_following
from talkernel.lab.ablation.likeness import Likeness, likeness
from talkernel.lab.tracks.track import Track
from talkernel.lab.train.checkpoint import averaged_weights, load_state, take_weights
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from talkernel.model.talking_face import TalkingFace
from talkernel.summary import Summary

SHIFTS: Mapping[str, tuple[Sequence[float], Callable[[float], Shift]]] = {
    "up, fraction of the height": ((0.0, 0.05, 0.1, 0.15, 0.2), lambda x: Shift(up=x)),
    "right, fraction of the width": ((0.0, 0.05, 0.1, 0.15, 0.2), lambda x: Shift(right=x)),
    "scale": ((0.7, 0.85, 1.0, 1.15, 1.3), lambda x: Shift(zoom=x)),
    "turn, degrees": ((0.0, 10.0, 20.0, 30.0, 40.0), lambda x: Shift(turn=x)),
}


@dataclass(frozen=True)
class Measurement:
    """Metrics of one model under one shift."""

    model: str
    shift: str
    amount: float
    following: Following
    likeness: Likeness

    def metrics(self) -> dict[str, float]:
        """All metrics by name."""
        return asdict(self.likeness) | asdict(self.following)


@dataclass(frozen=True)
class Comparison:
    """Metrics of all models under all shifts."""

    rows: list[Measurement]

    def to_json(self) -> str:
        """For programs."""
        return json.dumps([asdict(row) for row in self.rows], indent=1)

    def to_csv(self) -> str:
        """One line for each model, shift and amount."""
        text = io.StringIO()
        lines = [
            {
                "model": row.model,
                "shift": row.shift,
                "amount": round(row.amount, 3),
                **row.metrics(),
            }
            for row in self.rows
        ]
        writer = csv.DictWriter(text, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
        return text.getvalue()

    def summary(self) -> Summary:
        """For people: only the faces that are not shifted."""
        rows = []
        for row in self.rows:
            if row.shift == next(iter(SHIFTS)) and row.amount == 0.0:
                metrics = row.metrics()
                count = str(metrics.pop("people"))
                rows.append([row.model, *(f"{value:.3f}" for value in metrics.values()), count])
        title = "Given other people's lip codes, on people it was not trained on"
        return Summary(title, rows, ("model", *self.rows[0].metrics()))


def load_trained(path: Path) -> TalkingFace:
    """The averaged model of a generator's `last.pt`.

    Raises:
        CheckpointError: It is something else.
    """
    state = load_state(path)
    if "average" not in state or "config" not in state:
        raise CheckpointError(f"{path} is no checkpoint of a generator's training.")
    model = TalkingFace(ModelConfig.from_json(state["config"]))
    averaged = averaged_weights(state)
    if not any(name.startswith("speech_encoder.") for name in averaged):
        model.speech_encoder = None  # trained on measured lip codes, without sound
    take_weights(model, averaged)
    return model.eval()


def compare(models: Mapping[str, Path], tracks: Sequence[Track], basis: LipBasis) -> Comparison:
    """Measure every model under every shift.

    Args:
        models: `last.pt` of each, by name.
        tracks: Of people outside their training sets.
        basis: The lip basis they were trained with.

    Raises:
        TrainingDataError: There are fewer than two people.
    """
    people = one_of_each(tracks)
    if len(people) < 2:
        raise TrainingDataError(
            "Tracks of at least two people are needed: each is driven by another's lip codes."
        )
    return Comparison(list(_measure(models, people, basis)))


def _measure(
    models: Mapping[str, Path], people: Sequence[Track], basis: LipBasis
) -> Iterator[Measurement]:
    for name, path in models.items():
        model = load_trained(path)
        for shift, (amounts, make) in SHIFTS.items():
            for amount in amounts:
                moved = make(amount)
                with torch.inference_mode():
                    following = measure_following(model, people, basis, moved)
                    reconstruction = likeness(model, people, basis, moved)
                yield Measurement(name, shift, amount, following, reconstruction)


def one_of_each(tracks: Sequence[Track]) -> list[Track]:
    """Each person's first track that is long enough."""
    people: dict[str, Track] = {}
    for track in tracks:
        if len(track.crop_index) >= FRAMES:
            people.setdefault(track.identity, track)
    return list(people.values())


def write_comparison(found: Comparison, out: Path) -> None:
    """Write `ablation.json`, `ablation.csv`, and Fig. 8 as `shift.svg` and `shift.png`."""
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (("ablation.json", found.to_json()), ("ablation.csv", found.to_csv())):
        write_text(out / name, text)
    rcParams["svg.hashsalt"] = "talkernel"
    figure = draw_curves(found)
    figure.savefig(out / "shift.svg", metadata={"Date": None})
    figure.savefig(out / "shift.png", dpi=150)


def draw_curves(found: Comparison) -> Figure:
    """Fig. 8: how closely the mouth follows the target, against the face's shift, per model."""
    figure = Figure(figsize=(3.2 * len(SHIFTS), 3.0), layout="constrained")
    for axes, shift in zip(figure.subplots(1, len(SHIFTS), sharey=True), SHIFTS, strict=True):
        for model in dict.fromkeys(row.model for row in found.rows):
            own = [row for row in found.rows if (row.model, row.shift) == (model, shift)]
            axes.plot([r.amount for r in own], [r.following.follow for r in own], "o-", label=model)
        axes.set_xlabel(shift)
    figure.axes[0].set_ylabel("r of rendered and target opening")
    figure.axes[0].legend()
    return figure
