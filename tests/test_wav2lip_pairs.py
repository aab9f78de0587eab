"""Wav2Lip pairs: its architecture, synthesised tracks, and samples drawn from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from talkernel.errors import CheckpointError, PreparedOtherwiseError
from talkernel.face.mesh import FaceMesh
from talkernel.lab.tracks.track import load_tracks, write_tracks
from talkernel.lab.train.front_end import wav2lip_front_end
from talkernel.lab.train.makers import by_face
from talkernel.lab.train.pairs import Pairs
from talkernel.lab.train.recipes import PairRecipe
from talkernel.lab.train.runs import fit_basis, load_basis
from talkernel.lab.train.wav2lip_pair_shards import write_wav2lip_pairs
from talkernel.lab.train.wav2lip_pairs import synthesise
from talkernel.lab.wav2lip.network import SIDE, Wav2Lip, load_wav2lip
from talkernel.model.lip_basis import LipBasis
from tests.tracks import drawn_track


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tracks, and weights as the official files hold them, but never trained."""
    folder = tmp_path_factory.mktemp("pairs")
    write_tracks(folder / "tracks", "train", [drawn_track(n, frames=30) for n in range(2)])
    torch.manual_seed(0)
    state = {f"module.{name}": value for name, value in Wav2Lip().state_dict().items()}
    torch.save({"state_dict": state}, folder / "wav2lip.pth")
    fit_basis(folder / "tracks", folder / "basis.npz", 4)
    return folder


def test_the_network_has_the_published_size() -> None:
    model = Wav2Lip().eval()
    assert sum(parameter.numel() for parameter in model.parameters()) == 36_298_035
    faces = torch.rand(2, 3, SIDE, SIDE)
    with torch.no_grad():
        mel = torch.randn(2, 1, 80, 16)
        output = model.speak(mel, faces, faces)
        below = faces.clone()
        below[:, :, SIDE // 2 :] = 0.5
        assert torch.equal(output, model.speak(mel, below, faces))  # the lower half is masked
        assert not torch.equal(output, model.speak(-mel, faces, faces))
    assert output.shape == faces.shape and 0 <= output.min() and output.max() <= 1


def test_other_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {"module.conv.weight": torch.zeros(3)}}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="not Wav2Lip's"):
        load_wav2lip(tmp_path / "x.pth")


def test_a_synthesised_track_has_one_tracks_face_and_anothers_speech(folder: Path) -> None:
    face, speech = load_tracks(folder / "tracks", "train")
    pair = synthesise(face, speech, load_wav2lip(folder / "wav2lip.pth"), FaceMesh())
    assert pair.identity == face.identity and len(pair.crop_index) == len(face.crop_index)
    np.testing.assert_array_equal(pair.wave, speech.wave[: len(pair.wave)])
    real, made = (track.crop(3).astype(int) for track in (face, pair))
    changed = np.abs(real - made).max(2) > 25
    points = face.crop_points[3][:, :2]
    lips = points[[13, 14]].mean(0).astype(int)
    assert changed[lips[1], lips[0]]
    middle = int(points[:, 1].min() + 0.54 * np.ptp(points[:, 1]))  # of the box, chin and below
    assert not changed[:middle].any() and changed[middle:].any()  # eyes stay as sharp as they were
    assert pair.has_face.sum() == len(pair.crop_index)


def test_all_pairs_are_written_once_and_give_samples(folder: Path) -> None:
    def make(videos: int) -> int:
        return write_wav2lip_pairs(
            folder / "tracks", folder / "wav2lip.pth", folder / "out", videos, 2
        )

    assert make(2) == 2
    shard = folder / "out" / "train-00000.tar"
    before = shard.stat().st_mtime_ns
    assert make(2) == 2 and shard.stat().st_mtime_ns == before
    with pytest.raises(PreparedOtherwiseError):
        make(1)
    tracks, synthesised = (load_tracks(folder / name, "train") for name in ("tracks", "out"))
    basis: LipBasis = load_basis(folder / "basis.npz")
    recipe = PairRecipe(size=160, wav2lip_pairs=1.0, identity=0.0)
    pairs = Pairs(tracks, basis, recipe, wav2lip_front_end(), wav2lip_pairs=by_face(synthesised))
    sample = pairs[0]
    changed = np.abs(sample.face.astype(int) - sample.target).max(0)
    assert changed[sample.lips[0] == 255].max() > 25
    assert sample.speech.shape == (1, 80, 16) and sample.speech.max() > -4.0
