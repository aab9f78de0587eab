"""A bundle: small, and trains where nothing but PyTorch and OpenCV is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from talkernel.errors import TrainingDataError
from talkernel.lab.tracks.track import load_tracks, write_tracks
from talkernel.lab.train.bundle_format import pack_mel, read_tracks, unpack_mel
from talkernel.lab.train.checkpoint import load_state
from talkernel.lab.train.runs import bundle_run, fit_basis, train_generator
from talkernel.speech.mel import WAV2LIP, WHISPER
from tests.test_training_run import config_of
from tests.tracks import drawn_track

# Of what stands in site-packages, only these and what they need may be found.
BARE = """
import runpy, sys
for name in ("av", "openvino", "onnxruntime", "pyarrow", "ray", "rich", "safetensors", "scipy",
             "tensorboard", "typer", "webdataset"):
    sys.modules[name] = None  # as if it were not installed
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
import talkernel, lightning_fabric
assert "there" in talkernel.__file__ and "there" in lightning_fabric.__file__
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    write_tracks(folder / "tracks", "train", [drawn_track(number) for number in range(2)])
    fit_basis(folder / "tracks", folder / "basis.npz", 4)
    return folder


def test_it_trains_elsewhere_and_comes_back_as_an_ordinary_checkpoint(
    folder: Path, tmp_path: Path
) -> None:
    config, bundle = config_of(folder, tmp_path / "run"), tmp_path / "bundle.zip"
    changes = ["recipe.steps=2", "recipe.drive=heard", "recipe.save_minutes=9"]
    train_generator(config, changes)
    assert bundle_run(config, ["recipe.steps=4", *changes[1:]], bundle, 60.0) == 60
    command = [sys.executable, "-c", BARE, str(bundle), str(tmp_path / "there")]
    elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        env=elsewhere | {"OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "at step 2" in done.stdout and "step 4" in done.stdout
    os.replace(tmp_path / "there" / "last.pt", tmp_path / "run" / "last.pt")
    train_generator(config, ["recipe.steps=5", *changes[1:]])
    assert load_state(tmp_path / "run" / "last.pt")["step"] == 5


def test_its_tracks_are_those_that_went_in(folder: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.zip"
    bundle_run(config_of(folder, tmp_path / "run"), [], bundle, 60.0)
    before = load_tracks(folder / "tracks", "train")[0]
    with zipfile.ZipFile(bundle) as archive:
        after = next(read_tracks(archive))
    assert (after.name, after.identity) == (before.name, before.identity)
    lips = [13, 14, 61, 291]
    np.testing.assert_allclose(after.crop_points[:, lips], before.crop_points[:, lips], atol=0.07)
    np.testing.assert_allclose(after.deviations, before.deviations, atol=0.02)
    apart = [np.abs(after.crop(n).astype(int) - before.crop(n)).mean() for n in (0, 30, 59)]
    assert max(apart) < 3.0
    for kind, highest in ((WAV2LIP, 4.0), (WHISPER, 1.9)):
        mel = np.random.default_rng(0).uniform(kind.silence, highest, (80, 50)).astype(np.float32)
        half_a_decibel = 0.5 / kind.unit
        np.testing.assert_allclose(unpack_mel(pack_mel(mel, kind), kind), mel, atol=half_a_decibel)


def test_it_is_thinned_out_to_fit(folder: Path, tmp_path: Path) -> None:
    bundle, config = tmp_path / "bundle.zip", config_of(folder, tmp_path / "run")
    whole = bundle_run(config, [], bundle, 60.0)
    size = bundle.stat().st_size / 2**20
    with zipfile.ZipFile(bundle) as archive:
        tracks = sum(i.compress_size for i in archive.infolist() if i.filename.startswith("tracks"))
    limit = size - 0.5 * tracks / 2**20
    fewer = bundle_run(config, [], bundle, limit)
    assert fewer < whole and bundle.stat().st_size < limit * 2**20
    with pytest.raises(TrainingDataError, match="no room"):
        bundle_run(config, [], tmp_path / "other.zip", 0.5)
    assert not (tmp_path / "other.zip").exists() and not list(tmp_path.glob("*.part*"))
