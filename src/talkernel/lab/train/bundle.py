"""One archive that trains on any machine with PyTorch and OpenCV, nothing to install.

It holds the run's config, this package's code, the pure-Python packages that the code needs,
the tracks (crops as video, the landmarks that matter, the mel where it is heard), the lip
basis and the checkpoint to go on from. `python bundle.zip` trains, and goes on from and gives
back an ordinary checkpoint.
"""

from __future__ import annotations

import importlib.util
import io
import json
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkernel.errors import TrainingDataError
from talkernel.files.atomic import whole
from talkernel.lab.tracks.track import FPS, STORED, Track
from talkernel.lab.train.bundle_format import TRACKS, mel_name, pack_mel, pack_points
from talkernel.lab.train.checkpoint import LAST, load_state
from talkernel.lab.train.run_config import GeneratorRun, to_yaml
from talkernel.speech.mel import MelKind
from talkernel.speech.tokens import mel_kind

VENDORED = ("lightning_fabric", "lightning_utilities", "packaging", "yaml")
TRIED, ROOM = 8, 0.75  # tracks packed on trial; share of the archive that is for tracks
CRF = 24  # of the crops' H.264
MAIN = """import sys, zipfile
from pathlib import Path
if len(sys.argv) < 2:
    sys.exit("usage: python bundle.zip OUT [recipe.steps=1000 ...]")
bundle, code = Path(sys.argv[0]).resolve(), Path(sys.argv[1]).resolve() / "code"
with zipfile.ZipFile(bundle) as archive:
    archive.extractall(code, [name for name in archive.namelist() if name.startswith("code/")])
sys.path[:0] = [str(code / "code"), str(code / "code" / "vendor")]
from talkernel.lab.train.unbundle import train_bundle
print(f"Wrote {train_bundle(bundle, Path(sys.argv[1]), sys.argv[2:])}.")
"""


def write_bundle(
    run: GeneratorRun, tracks: Sequence[Track], out: Path, megabytes: float, start: Path | None
) -> int:
    """Write the archive.

    Args:
        run: What is to be done there.
        tracks: What it learns from; evenly thinned out to fit.
        out: The archive, `.zip`.
        megabytes: Its largest size, in units of 2**20 bytes.
        start: `last.pt` to go on from; its weights go along in half precision, the
            optimiser's memory, twice their size, stays behind.

    Returns:
        How many crops it holds.

    Raises:
        TrainingDataError: Without any track it would be too large already.
    """
    limit = megabytes * 2**20
    share = _first_share(tracks, limit, _kind_heard(run))
    with whole(out) as partial:
        while True:
            fixed, count = _write(partial, run, tracks, share, start)
            size = partial.stat().st_size
            if size <= limit:
                return count
            if fixed >= limit or count <= len(tracks):
                message = f"{out} has no room for tracks in {megabytes} MiB."
                remedy = "Allow more, or begin without a checkpoint."
                raise TrainingDataError(message, remedy=remedy)
            share *= 0.95 * (limit - fixed) / (size - fixed)


def _kind_heard(run: GeneratorRun) -> MelKind | None:
    """Which mel spectrogram the run listens to, if it listens."""
    return mel_kind(run.model) if run.recipe.drive == "heard" else None


def _first_share(tracks: Sequence[Track], limit: float, heard: MelKind | None) -> float:
    """Share of the crops that is likely to fit, judged by a few tracks packed on trial."""
    trial = tracks[:: -(-len(tracks) // TRIED)]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        count = sum(_write_track(archive, track, 1.0, heard) for track in trial)
    crops = sum(len(track.crop_index) for track in tracks)
    return min(1.0, ROOM * limit / (crops * stream.tell() / count))


def _write(
    path: Path, run: GeneratorRun, tracks: Sequence[Track], share: float, start: Path | None
) -> tuple[int, int]:
    """Write an archive with a share of each track's crops; bytes of the rest, and crops."""
    heard = _kind_heard(run)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        _write_code(archive)
        archive.writestr("run.yaml", to_yaml(run))
        archive.write(run.data.basis, "basis.npz")
        if start is not None:
            archive.writestr(LAST, _slim(start))
        fixed = sum(entry.compress_size for entry in archive.infolist())
        count = sum(_write_track(archive, track, share, heard) for track in tracks)
    return fixed, count


def _slim(checkpoint: Path) -> bytes:
    state = load_state(checkpoint)
    critics = state["critics"] and {"networks": _halved(state["critics"]["networks"])}
    slim = {
        **state,
        "model": _halved(state["model"]),
        "average": _halved(state["average"]),
        "critics": critics,
        "optimiser": {},
    }
    stream = io.BytesIO()
    torch.save(slim, stream)
    return stream.getvalue()


def _halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: value.half() if value.is_floating_point() else value
        for name, value in weights.items()
    }


def _write_track(
    archive: zipfile.ZipFile, track: Track, share: float, heard: MelKind | None
) -> int:
    """A track with a share of its crops, evenly chosen; returns how many."""
    count = max(1, int(share * len(track.crop_index)))
    kept = np.linspace(0, len(track.crop_index) - 1, count).astype(np.int64)
    stem = f"{TRACKS}/{track.name}"
    facts = {
        "name": track.name,
        "identity": track.identity,
        "offset": track.offset,
        "frames": len(track.landmarks),
    }
    arrays: dict[str, NDArray[Any]] = {
        "points": pack_points(track.crop_points[kept]),
        "crop_index": track.crop_index[kept],
        "turn": track.crop_pose[kept, :3].astype(np.float16),
    }
    if heard is not None:
        arrays[mel_name(heard)] = pack_mel(track.mel_of(heard), heard)
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    archive.writestr(f"{stem}.json", json.dumps(facts))
    archive.writestr(f"{stem}.npz", stream.getvalue(), zipfile.ZIP_LZMA)
    video = _video([track.crop(int(number)) for number in kept])
    archive.writestr(f"{stem}.mp4", video, zipfile.ZIP_STORED)
    return len(kept)


def _video(crops: Sequence[NDArray[np.uint8]]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crops.mp4"
        with av.open(str(path), "w") as output:
            stream: Any = output.add_stream("libx264", rate=FPS)
            stream.width = stream.height = STORED
            stream.pix_fmt = "yuv420p"
            stream.options = {"crf": str(CRF), "preset": "veryfast"}
            for crop in crops:
                output.mux(stream.encode(av.VideoFrame.from_ndarray(crop, "rgb24")))
            output.mux(stream.encode(None))
        return path.read_bytes()


def _write_code(archive: zipfile.ZipFile) -> None:
    archive.writestr("__main__.py", MAIN)
    for package, prefix in [("talkernel", "code/"), *((name, "code/vendor/") for name in VENDORED)]:
        found = importlib.util.find_spec(package)
        assert found is not None and found.origin is not None
        root = Path(found.origin).parent
        for path in sorted(root.rglob("*")):
            inside = path.relative_to(root.parent)
            code = path.suffix in (".py", ".typed", ".info") or path.parent.name == "face"
            if path.is_file() and code and "__pycache__" not in path.parts:
                archive.write(path, f"{prefix}{inside}")
