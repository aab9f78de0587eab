"""Synthesises all Wav2Lip pairs of a folder of tracks, shard by shard, on many workers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from talkernel.errors import PreparedOtherwiseError, TrainingDataError
from talkernel.face.mesh import FaceMesh
from talkernel.lab.tracks.shard import write_shard
from talkernel.lab.tracks.track import load_tracks, sample_of, write_list
from talkernel.lab.train.wav2lip_pairs import combinations, synthesise
from talkernel.lab.wav2lip.network import load_wav2lip
from talkernel.workers.choose import executor
from talkernel.workers.local import Lost

PER_SHARD = 64
NOTE = "wav2lip_pairs.txt"  # in the output folder: what its shards were made from


@dataclass(frozen=True)
class ShardTask:
    """One shard to make.

    Attributes:
        tracks: Folder of the real tracks.
        weights: Wav2Lip's weights.
        path: The shard to write.
        combinations: Names of the tracks that supply the face and the speech of each pair.
    """

    tracks: Path
    weights: Path
    path: Path
    combinations: tuple[tuple[str, str], ...]


def write_wav2lip_pairs(
    tracks: Path,
    weights: Path,
    out: Path,
    videos: int,
    audios: int,
    workers: int = 1,
    ray_address: str | None = None,
) -> int:
    """Combine each of the first `videos` faces with each of the first `audios` voices.

    Existing shards are kept: an interrupted run continues when it is started again.

    Args:
        tracks: Folder of prepared tracks, of which the training split is used.
        weights: Official Wav2Lip weights.
        out: Folder for the shards, created if missing.
        videos: Number of faces.
        audios: Number of voices.
        workers: Processes.
        ray_address: A Ray cluster; see `talkernel.workers.local.executor`.

    Returns:
        The number of synthesised tracks.

    Raises:
        CheckpointError: The weights are not Wav2Lip's.
        PreparedOtherwiseError: The folder holds something else.
        TrainingDataError: A worker died each time on the same shard, or there are too few tracks.
    """
    load_wav2lip(weights)
    _claim(out, f"{tracks.resolve()}\n{weights.resolve()}\n{videos} x {audios}\n")
    shards = _tasks(tracks, weights, out, videos, audios)
    missing = [shard for shard in shards if not shard.path.exists()]
    for shard, result in executor(workers, ray_address).map(make_shard, missing):
        if isinstance(result, Lost):
            raise TrainingDataError(f"{shard.path} could not be made: {result.reason}.")
    write_list(out, {"train": [shard.path.name for shard in shards]})
    return sum(len(shard.combinations) for shard in shards)


def make_shard(shard: ShardTask) -> None:
    """Write one shard, atomically."""
    found = {track.name: track for track in load_tracks(shard.tracks, "train")}
    model, mesh = load_wav2lip(shard.weights), FaceMesh()
    synthesised = (
        synthesise(found[face], found[speech], model, mesh) for face, speech in shard.combinations
    )
    write_shard(shard.path, (sample_of(track) for track in synthesised))


def _tasks(tracks: Path, weights: Path, out: Path, videos: int, audios: int) -> list[ShardTask]:
    pairs = combinations(load_tracks(tracks, "train"), videos, audios)
    names = ((face.name, speech.name) for face, speech in pairs)
    shards: list[ShardTask] = []
    while some := tuple(islice(names, PER_SHARD)):
        path = out / f"train-{len(shards):05d}.tar"
        shards.append(ShardTask(tracks, weights, path, some))
    if not shards:
        message = f"{tracks} needs at least two training tracks to make Wav2Lip pairs."
        raise TrainingDataError(message)
    return shards


def _claim(out: Path, note: str) -> None:
    """Write from what the folder is made, or raise if it was made from something else."""
    out.mkdir(parents=True, exist_ok=True)
    noted = out / NOTE
    if noted.exists() and noted.read_text() != note:
        message = f"{out} holds Wav2Lip pairs made from other tracks or weights (see {noted})."
        raise PreparedOtherwiseError(message)
    if not noted.exists():
        if any(out.iterdir()):
            raise PreparedOtherwiseError(f"{out} is not empty and holds no Wav2Lip pairs.")
        noted.write_text(note)
