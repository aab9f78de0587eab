"""Training, step by step: `python -m talkernel.train --help`.

prepare -> basis -> sync -> audio-net -> generator (one or more stages) -> assemble

`talkernel evaluate` then measures what came of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from talkernel.config import ModelConfig
from talkernel.export import export_checkpoint
from talkernel.face.lips import LipBasis, neutral_shape
from talkernel.model.checkpoint import save_model
from talkernel.model.talking_face import TalkingFace
from talkernel.train.assemble import assemble as join
from talkernel.train.audio_data import SpeechTable
from talkernel.train.audio_net import AudioNetRecipe, train_lip_reader
from talkernel.train.generator import GeneratorRecipe, GeneratorTrainer
from talkernel.train.pairs import PairRecipe
from talkernel.train.prepare import prepare as prepare_clips
from talkernel.train.sync import find_sync
from talkernel.train.tracks import Track, load_tracks

app = typer.Typer(help=__doc__, no_args_is_help=True)
Tracks = Annotated[Path, typer.Option(help="Folder of prepared tracks, train_* and val_*.")]
Basis = Annotated[Path, typer.Option(help="The lip basis, .npz.")]


@app.command()
def prepare(clips: list[Path], out: Tracks, workers: int = 2) -> None:
    """Make tracks of clips: landmarks, face crops, sound."""
    for clip, fate in prepare_clips(clips, out, workers):
        print(f"{clip.name}: {fate}", flush=True)


@app.command()
def basis(tracks: Tracks, out: Basis, size: int = 12) -> None:
    """Find the principal components of lip motion."""
    loaded = load_tracks(tracks, "train")
    deviations = np.concatenate([track.deviations[track.has_face] for track in loaded])
    neutral = np.mean([neutral_shape(track.shapes[track.has_face]) for track in loaded], axis=0)
    found = LipBasis.fit(neutral.astype(np.float32), deviations, size)
    np.savez(out, neutral=found.neutral, mean=found.mean, components=found.components,
             scale=found.scale)  # fmt: skip


@app.command()
def sync(
    tracks: Tracks,
    basis: Basis,
    out: Path,
    recordings: Annotated[
        Path | None, typer.Option(help="Lines of track, tab, recording it was cut from.")
    ] = None,
    steps: int = 600,
) -> None:
    """Find each track's offset between sound and picture; OUT is JSON."""
    loaded = _with_face(load_tracks(tracks, "train"))
    lines = recordings.read_text().splitlines() if recordings else []
    recording = dict(line.split("\t") for line in lines)
    found = find_sync(loaded, _load_basis(basis), ModelConfig(), AudioNetRecipe(steps), recording)
    out.write_text(json.dumps({name: asdict(sync) for name, sync in found.items()}, indent=1))


@app.command()
def audio_net(
    tracks: Tracks,
    basis: Basis,
    out: Path,
    synced: Annotated[Path | None, typer.Option(help="What `sync` wrote.")] = None,
    held_out: Annotated[
        str, typer.Option(help="People not to train on, by commas; every tenth if empty.")
    ] = "",
    steps: int = 1200,
) -> None:
    """Pre-train AudioNet to hear the lip code."""
    codes, config = _load_basis(basis), ModelConfig()
    offsets = None if synced is None else _offsets(synced)
    taught, judged = _split(_with_face(load_tracks(tracks, "train")), held_out)
    table = SpeechTable.build(taught, codes, config.mel_window, offsets)
    held = SpeechTable.build(judged, codes, config.mel_window, offsets)
    train_lip_reader(config, table, held, codes, AudioNetRecipe(steps)).save(out)


@app.command()
def generator(
    tracks: Tracks,
    basis: Basis,
    out: Path,
    start: Annotated[Path | None, typer.Option(help="last.pt of an earlier stage.")] = None,
    size: Annotated[int, typer.Option(help="Side of the training view.")] = 160,
    steps: int = 14_000,
    batch: int = 32,
    learning_rate: float = 5e-4,
    final_rate: float = 1.0,
    adversarial: Annotated[float, typer.Option(help="Weight of D; 0 leaves it out.")] = 0.1,
    reading: Annotated[float, typer.Option(help="Weight of the lip critic; 0: none.")] = 1.0,
    device: str = "cpu",
) -> None:
    """Train f and h2 on lip codes; resumes from OUT/last.pt."""
    recipe = GeneratorRecipe(
        pairs=PairRecipe(size=size), steps=steps, batch=batch, learning_rate=learning_rate,
        final_rate=final_rate, adversarial=adversarial, reading=reading,
    )  # fmt: skip
    loaded = load_tracks(tracks, "train")
    model, codes = TalkingFace(ModelConfig()), _load_basis(basis)
    trainer = GeneratorTrainer(model, loaded, codes, recipe, out, device)
    if start is not None:
        trainer.begin_from(start)
    trainer.run()


@app.command()
def assemble(generator: Path, audio_net: Path, out: Path, gain: float = 1.0) -> None:
    """Join both parts into a weight folder that every engine loads."""
    out.mkdir(parents=True, exist_ok=True)
    save_model(join(generator, audio_net, gain), out / "talkernel.safetensors")
    export_checkpoint(out, out)


def _split(tracks: Sequence[Track], held_out: str) -> tuple[list[Track], list[Track]]:
    """Tracks to train on, and tracks of other people to judge by."""
    people = held_out.split(",") if held_out else sorted({t.identity for t in tracks})[::10]
    taught = [track for track in tracks if track.identity not in people]
    return taught, [track for track in tracks if track.identity in people]


def _offsets(path: Path) -> dict[str, int]:
    found = json.loads(path.read_text())
    return {name: sync["offset"] for name, sync in found.items() if sync["offset"] is not None}


def _load_basis(path: Path) -> LipBasis:
    with np.load(path, allow_pickle=False) as file:
        return LipBasis(**{name: file[name] for name in file.files})


def _with_face(tracks: Sequence[Track], at_least: int = 30) -> list[Track]:
    return [track for track in tracks if track.has_face.sum() >= at_least]


if __name__ == "__main__":
    app()
