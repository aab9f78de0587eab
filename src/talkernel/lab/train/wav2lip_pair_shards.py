"""All twins of a folder of tracks, shard by shard, on any number of processes or machines."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from talkernel.errors import PreparedOtherwiseError, TrainingDataError
from talkernel.face.mesh import FaceMesh
from talkernel.lab.tracks.shard import write_shard
from talkernel.lab.tracks.track import load_tracks, sample_of, write_list
from talkernel.lab.train.wav2lip_pairs import couples, make_twin
from talkernel.lab.wav2lip.network import load_wav2lip
from talkernel.workers.executor import Lost, executor

PER_SHARD = 64
NOTE = "twins.txt"  # says what the shards of a folder were made of


@dataclass(frozen=True)
class TwinShard:
    """One shard's work.

    Attributes:
        tracks: Folder of the tracks.
        weights: Wav2Lip's.
        path: The shard to write.
        couples: Names of the tracks: whose face, whose speech.
    """

    tracks: Path
    weights: Path
    path: Path
    couples: tuple[tuple[str, str], ...]


def write_twins(
    tracks: Path,
    weights: Path,
    out: Path,
    videos: int,
    audios: int,
    workers: int = 1,
    ray_address: str | None = None,
) -> int:
    """Make twins of every one of the first videos with every one of the first audios.

    Shards that are there already stay: run again, what was broken off goes on.

    Args:
        tracks: Folder of prepared tracks, of which the training split is taken.
        weights: Official Wav2Lip weights.
        out: Folder for the shards.
        videos: Faces to take.
        audios: Voices to take.
        workers: Processes.
        ray_address: A Ray cluster; see `talkernel.workers.executor.executor`.

    Returns:
        How many there are.

    Raises:
        CheckpointError: The weights are not Wav2Lip's.
        PreparedOtherwiseError: The folder holds twins made of other things.
        TrainingDataError: A shard's worker died again and again.
    """
    load_wav2lip(weights)
    _claim(out, f"{tracks.resolve()}\n{weights.resolve()}\n{videos} x {audios}\n")
    shards = _plan(tracks, weights, out, videos, audios)
    missing = [shard for shard in shards if not shard.path.exists()]
    for shard, result in executor(workers, ray_address).map(make_shard, missing):
        if isinstance(result, Lost):
            raise TrainingDataError(f"{shard.path} could not be made: {result.reason}.")
    write_list(out, {"train": [shard.path.name for shard in shards]})
    return sum(len(shard.couples) for shard in shards)


def make_shard(shard: TwinShard) -> None:
    """Write one shard, whole or not at all."""
    found = {track.name: track for track in load_tracks(shard.tracks, "train")}
    model, mesh = load_wav2lip(shard.weights), FaceMesh()
    twins = (make_twin(found[face], found[speech], model, mesh) for face, speech in shard.couples)
    write_shard(shard.path, (sample_of(twin) for twin in twins))


def _plan(tracks: Path, weights: Path, out: Path, videos: int, audios: int) -> list[TwinShard]:
    pairs = couples(load_tracks(tracks, "train"), videos, audios)
    names = ((face.name, speech.name) for face, speech in pairs)
    shards: list[TwinShard] = []
    while some := tuple(islice(names, PER_SHARD)):
        path = out / f"train-{len(shards):05d}.tar"
        shards.append(TwinShard(tracks, weights, path, some))
    if not shards:
        raise TrainingDataError(f"{tracks} holds no two tracks to make twins of.")
    return shards


def _claim(out: Path, note: str) -> None:
    """Note what the folder is for, or compare with what was noted."""
    out.mkdir(parents=True, exist_ok=True)
    noted = out / NOTE
    if noted.exists() and noted.read_text() != note:
        raise PreparedOtherwiseError(f"{out} holds twins made of other things: see {noted}.")
    if not noted.exists():
        if any(out.iterdir()):
            raise PreparedOtherwiseError(f"{out} is not empty and holds no twins.")
        noted.write_text(note)
