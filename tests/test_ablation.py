"""Comparing generators: rendered mouths against target lip codes, with shifted faces."""

from __future__ import annotations

import csv
import dataclasses
import io
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut

from talkernel.errors import CheckpointError, TrainingDataError
from talkernel.face.lips import lip_shape
from talkernel.face.track import FaceTracker
from talkernel.lab.ablation import compare as comparing
from talkernel.lab.ablation import following
from talkernel.lab.ablation import likeness as ablation_likeness
from talkernel.lab.ablation.compare import SHIFTS, compare, one_of_each, write_comparison
from talkernel.lab.ablation.following import FRAMES, Shift, appearance_of, measure_following, render
from talkernel.lab.ablation.likeness import likeness
from talkernel.lab.tracks.track import write_tracks
from talkernel.lab.train.run_config import GeneratorRun, load_run
from talkernel.lab.train.runs import fit_basis, load_basis, train_generator
from talkernel.media.sample import picture_of_rgb
from talkernel.model.lip_basis import LipBasis
from talkernel.model.talking_face import TalkingFace
from talkernel.mouth.neutral import target_lips
from talkernel.mouth.reference import Reference, place
from tests.test_training_run import config_of
from tests.tracks import TINY, drawn_track, fitted_basis

TRACKS = [drawn_track(number) for number in range(3)]


@pytest.fixture(scope="module")
def basis(tmp_path_factory: pytest.TempPathFactory) -> LipBasis:
    folder = tmp_path_factory.mktemp("basis")
    write_tracks(folder, "train", TRACKS)
    fit_basis(folder, folder / "basis.npz", 4)
    return load_basis(folder / "basis.npz")


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_shift_moves_the_face_by_what_it_says(share: float) -> None:
    """By shares of the whole crop; what is seen of it lies about the mouth, as in use."""
    config, track = dataclasses.replace(TINY, crop_share=share), TRACKS[0]
    whole, half = round(64 / share), 32
    middle = np.array([152.0, 152.0]) if share == 1.0 else track.crop_mouth
    expected = {
        Shift(): (half, half),
        Shift(up=0.25): (half, half - whole / 4),
        Shift(right=0.125): (half + whole / 8, half),
        Shift(turn=30, zoom=2): (half, half),
    }
    for shift, there in expected.items():
        view = shift.view(config, track)
        np.testing.assert_allclose(view.affine @ [*middle, 1.0], there, atol=1e-6)
        assert (view.size, view.scale) == (64, pytest.approx(whole * shift.zoom))
    turned, upright = (Shift(turn=degrees).view(config, track) for degrees in (30, 0))
    assert not np.allclose(turned.affine, upright.affine)


@cache
def portrait() -> Reference:
    """A face that the mesh can read, which a drawing is not."""
    view = np.ascontiguousarray(astronaut()[:440])
    face = FaceTracker().update(picture_of_rgb(view)).face
    assert face is not None
    return Reference(view, face.landmarks)


def portrait_with(points: np.ndarray, size: int) -> np.ndarray:
    """The portrait, its head and mouth as landmarks `[468, 3]` of a view have them."""
    return portrait().warped(points, size, target_lips(lip_shape(points), points)).image


def test_following_compares_the_rendered_mouth_with_the_target(
    basis: LipBasis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that draws every mouth as it was copies it and follows nothing."""
    model = TalkingFace(TINY).eval()
    monkeypatch.setattr(
        following,
        "render",
        lambda model, faces, points, *rest: [
            portrait_with(seen, len(face)) for face, seen in zip(faces, points, strict=True)
        ],
    )
    found = measure_following(model, TRACKS, basis, Shift())
    assert found.people == 3
    assert found.copy > 0.8 > found.follow + 0.3
    assert 0.1 < found.amplitude < 1.0  # of a mouth so small, seen in 64 pixels


def test_a_mouth_is_compared_with_the_one_that_was_there(
    basis: LipBasis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given back but for a grey level it is as sharp; blurred, less like and less sharp."""
    found = []
    for change in (lambda face: face ^ 1, lambda face: cv2.blur(face, (5, 5))):
        monkeypatch.setattr(ablation_likeness, "render", partial(_changed, change))
        found.append(likeness(TalkingFace(TINY).eval(), TRACKS, basis, Shift()))
    near, blurred = found
    assert near.psnr == pytest.approx(20 * np.log10(255), abs=0.01)
    assert near.sharpness == pytest.approx(1.0, abs=0.05)
    assert blurred.psnr < 40 and blurred.sharpness < 0.8


def _changed(change: Any, model: Any, faces: list[Any], *rest: Any) -> list[Any]:
    return [change(face) for face in faces]


@pytest.mark.parametrize("shown", [{}, {"reference": True}, {"reference": True, "warped": True}])
def test_only_what_may_change_is_drawn(shown: dict[str, bool]) -> None:
    model, track = TalkingFace(dataclasses.replace(TINY, **shown)).eval(), TRACKS[0]
    view = Shift().view(TINY, track)
    faces = [view.see(track.crop(number)) for number in range(4)]
    points = [place(track.crop_points[number], view.affine) for number in range(4)]
    basis = fitted_basis(TRACKS)
    drawn = render(
        model,
        faces,
        points,
        np.random.default_rng(0).normal(size=(4, 4)).astype("f4"),
        appearance_of(track, basis),
        basis,
    )
    for image, face, seen in zip(drawn, faces, points, strict=True):
        x, y = seen[[13, 14], :2].mean(0).astype(int)
        mouth = np.s_[y - 6 : y + 7, x - 6 : x + 7]
        assert (image[mouth] != face[mouth]).any() and image.shape == face.shape


def test_models_are_compared_under_every_shift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {name: (amounts[::2], make) for name, (amounts, make) in SHIFTS.items()}
    monkeypatch.setattr(comparing, "SHIFTS", few)
    write_tracks(tmp_path / "tracks", "train", TRACKS)
    fit_basis(tmp_path / "tracks", tmp_path / "basis.npz", 4)
    models = {}
    for name, change in (("ours", "model.fusion=dck"), ("without", "model.fusion=attention")):
        config = config_of(tmp_path, tmp_path / name)
        models[name] = train_generator(config, ["recipe.steps=1", change])
    found = compare(models, TRACKS[:2], load_basis(tmp_path / "basis.npz"))
    assert len(found.rows) == 2 * sum(len(amounts) for amounts, _ in few.values())
    write_comparison(found, tmp_path / "out")
    lines = list(csv.DictReader(io.StringIO((tmp_path / "out" / "ablation.csv").read_text())))
    assert {line["model"] for line in lines} == set(models)
    assert (tmp_path / "out" / "shift.png").stat().st_size > 5_000
    assert (tmp_path / "out" / "shift.svg").exists()


def test_what_cannot_be_compared_is_named(basis: LipBasis, tmp_path: Path) -> None:
    torch.save({"step": 3}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match=r"other\.pt"):
        compare({"a": tmp_path / "other.pt"}, TRACKS, basis)
    with pytest.raises(TrainingDataError, match="two people"):
        compare({}, TRACKS[:1], basis)
    assert [track.name for track in one_of_each([*TRACKS, TRACKS[0]])] == [
        "track0",
        "track1",
        "track2",
    ]
    assert len(TRACKS[0].crop_index) >= FRAMES


CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("ablation_*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem.removeprefix("ablation_"))
def test_ablations_are_trained_alike_but_for_the_model(path: Path) -> None:
    ours, run = (load_run(GeneratorRun, one) for one in (path.with_stem("ablation_ours"), path))
    assert run.out == Path("runs/ablation") / path.stem.removeprefix("ablation_")
    assert dataclasses.replace(run, model=ours.model, out=ours.out) == ours
    assert (run.model == ours.model) == (path.stem == "ablation_ours")
    small = dataclasses.replace(
        run.model,
        crop_size=64,
        audio_channels=32,
        channels=tuple(c // 8 for c in run.model.channels),
    )
    speech = torch.zeros(1, 1, *small.speech_shape)
    with torch.no_grad():
        answer = TalkingFace(small).eval()(torch.zeros(1, 3, 64, 64), speech)
    assert answer.motion.shape == (1, 3, 64, 64)
