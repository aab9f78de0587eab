"""Entry points of the `talkernel train` commands: from config files to result files."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.errors import MissingFileError, TrainingDataError
from talkernel.lab.tracks.track import Track, load_tracks
from talkernel.lab.train.assemble import assemble
from talkernel.lab.train.audio_data import SpeechTable
from talkernel.lab.train.audio_net import train_lip_reader
from talkernel.lab.train.checkpoint import LAST
from talkernel.lab.train.distributed import launch
from talkernel.lab.train.front_end import SpeechFrontEnd
from talkernel.lab.train.generator import GeneratorTrainer
from talkernel.lab.train.generator_parts import make_pairs
from talkernel.lab.train.run_config import AudioNetRun, Data, GeneratorRun, load_run, to_yaml
from talkernel.lab.train.whisper import load_speech_encoder
from talkernel.model.checkpoint import MANTISSA, save_model
from talkernel.model.export import export_checkpoint
from talkernel.model.lip_basis import LipBasis

AT_LEAST = 30  # frames with a face that a track must have
NAMED = 10  # people in an error message


def train_generator(config: Path, changes: Sequence[str]) -> Path:
    """Start or resume a generator's training; returns its `last.pt`.

    Args:
        config: A `GeneratorRun` as YAML.
        changes: Changes to it; see `load_run`.
    """
    run = load_run(GeneratorRun, config, changes)
    fabric = launch(run.hardware)
    _save_config(run, run.out)
    tracks, basis = _tracks(run.data)[0], load_basis(run.data.basis)
    GeneratorTrainer(run, tracks, basis, fabric, _wav2lip_pairs(run.data)).train()
    return run.out / LAST


def train_audio_net(config: Path, changes: Sequence[str]) -> Path:
    """Start or resume AudioNet's pre-training; returns its `audio_net.pt`.

    Args:
        config: An `AudioNetRun` as YAML.
        changes: Changes to it; see `load_run`.
    """
    run = load_run(AudioNetRun, config, changes)
    fabric = launch(run.hardware)
    _save_config(run, run.out)
    basis = load_basis(run.data.basis)
    training, other_people = _tracks(run.data)
    encoder = load_speech_encoder(run.model, run.whisper)
    front_end, recipe = SpeechFrontEnd.of(run.model, encoder), run.recipe
    table = SpeechTable.build(training, basis, front_end, recipe.versions, recipe.seed)
    held_out = SpeechTable.build(other_people, basis, front_end)
    reader = train_lip_reader(run.model, encoder, table, held_out, basis, recipe, fabric, run.out)
    reader.save(run.out / "audio_net.pt")
    return run.out / "audio_net.pt"


def fit_basis(tracks: Path, out: Path, size: int) -> None:
    """Fit the lip basis to the training tracks of a folder.

    Args:
        tracks: Folder of prepared tracks.
        out: The `.npz` to write.
        size: Length of the lip code.

    Raises:
        TrainingDataError: There are no usable tracks.
    """
    loaded = _with_face(load_tracks(tracks, "train"))
    if not loaded:
        raise TrainingDataError(f"There are no training tracks in {tracks}.")
    found = LipBasis.fit([track.shapes[track.has_face] for track in loaded], size)
    np.savez(out, **dataclasses.asdict(found))


def draw_pairs(config: Path, changes: Sequence[str], out: Path, count: int) -> str:
    """Write a sheet of random pairs, one per column; returns a description of its rows."""
    run = load_run(GeneratorRun, config, changes)
    tracks, basis = _tracks(run.data)[0], load_basis(run.data.basis)
    pairs = make_pairs(run, tracks, basis, _wav2lip_pairs(run.data))
    samples = [pairs[number] for number in range(count)]
    columns = [_pictures(np.concatenate(sample[:3])) for sample in samples]
    cv2.imwrite(str(out), np.hstack(columns)[:, :, ::-1])
    reference = ", reference" if run.model.reference else ""
    return f"{count} pairs; rows: network input{reference}, unmasked input, target."


def _pictures(channels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Stack channels `[3 N, S, S]` as N RGB pictures, `[N * S, S, 3]`."""
    pictures = np.split(channels, len(channels) // 3)
    return np.vstack([picture.transpose(1, 2, 0) for picture in pictures])


def assemble_model(
    generators: Sequence[Path],
    audio_net: Path,
    out: Path,
    gain: float,
    weights: Sequence[float] = (),
    mantissa: int = MANTISSA,
) -> Path:
    """Join both parts into a weight folder; returns its weight file.

    Args:
        generators: See `assemble`.
        audio_net: Its `lip_reader`.
        out: The folder, created if missing.
        gain: See `assemble`.
        weights: See `assemble`.
        mantissa: Bits of each weight's mantissa that are kept; fewer compress better.
    """
    model = assemble(generators, audio_net, gain, weights)
    out.mkdir(parents=True, exist_ok=True)
    save_model(model, out / "talkernel.safetensors", mantissa=mantissa)
    return export_checkpoint(out, out)


def load_basis(path: Path) -> LipBasis:
    """Read a lip basis written by `fit_basis`.

    Raises:
        MissingFileError: The file does not exist.
        TrainingDataError: It is something else, or of an earlier version.
    """
    remedy = "Make it with `talkernel train basis`."
    if not path.is_file():
        raise MissingFileError(f"There is no lip basis {path}.", remedy=remedy)
    try:
        return LipBasis.load(path)
    except (TypeError, ValueError, OSError) as error:
        message = f"{path} is no lip basis of this version: {error}"
        raise TrainingDataError(message, remedy=remedy) from error


def _save_config(run: GeneratorRun | AudioNetRun, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.yaml").write_text(to_yaml(run))


def _tracks(data: Data) -> tuple[list[Track], list[Track]]:
    """Tracks for training, and tracks of held-out people."""
    tracks = _with_face(load_tracks(data.tracks, "train"))
    people = _held_out(data, sorted({track.identity for track in tracks}))
    training = [track for track in tracks if track.identity not in people]
    if not training:
        message = f"{data.tracks} has no usable training track of anyone who is not held out."
        raise TrainingDataError(message)
    return training, [track for track in tracks if track.identity in people]


def _held_out(data: Data, known: Sequence[str]) -> Sequence[str]:
    """People to validate on."""
    if missing := ", ".join(name for name in data.held_out if name not in known):
        raise TrainingDataError(
            f"data.held_out names {missing}, of whom {data.tracks} has no training track with "
            f"{AT_LEAST} frames that show the face.",
            remedy=f"It has such tracks of: {', '.join(known[:NAMED])}"
            f"{', ...' if len(known) > NAMED else ''}.",
        )
    return data.held_out or known[::10]


def _wav2lip_pairs(data: Data) -> list[Track]:
    return load_tracks(data.wav2lip_pairs, "train") if data.wav2lip_pairs else []


def _with_face(tracks: Sequence[Track]) -> list[Track]:
    return [track for track in tracks if track.has_face.sum() >= AT_LEAST]
