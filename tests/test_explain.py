"""talkernel explain: figures from stored numbers, the same each time, of any model."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import types
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from talkernel.cli import app
from talkernel.errors import DataError, ModelError, NoFaceError, OptionError, OutputExistsError
from talkernel.lab.explain import sensitivity
from talkernel.lab.explain.faces import find_faces
from talkernel.lab.explain.kernel_map import by_lag, principal_components
from talkernel.lab.explain.phonemes import lip_class, spectral_class
from talkernel.lab.explain.run import PLOTS, explain, redraw
from talkernel.lab.explain.scene import load_explained
from talkernel.lab.explain.sensitivity import features_of, kernel_gradient, mel_around
from talkernel.lab.explain.utterance import analyse_speech
from talkernel.model.checkpoint import save_model
from talkernel.model.config import ModelConfig
from talkernel.model.talking_face import TalkingFace
from talkernel.speech.voices.espeak import speak
from tests.faces import blank, portrait_on_canvas, write_portrait
from tests.jobs import babble
from tests.test_media_support import write_sound

TINY = ModelConfig(
    crop_size=64,
    channels=(4, 6, 8, 10, 12),
    dck_rank=4,
    lip_code=3,
    encoder_layers=1,
    encoder_width=64,
)
TEXT = "My boat."


@pytest.fixture(scope="module", autouse=True)
def few_moments() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sensitivity, "MOMENTS", 2)  # each takes seconds
        yield


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_model(TalkingFace(TINY), path)
    return path


@pytest.fixture(scope="module")
def explained(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("explained")
    explain(out, text=TEXT, checkpoint=weights)
    return out


def test_every_figure_is_there_in_two_forms_with_its_numbers(explained: Path) -> None:
    for name, plot in PLOTS.items():
        assert (explained / f"{name}.npz").is_file()
        for drawing in plot.drawings:
            with Image.open(explained / f"{drawing}.png") as image:
                assert min(image.size) > 200
            assert "</svg>" in (explained / f"{drawing}.svg").read_text()
    assert not [path for path in explained.iterdir() if path.name.startswith(".")]


def test_redrawn_from_the_numbers_it_is_the_same_file(explained: Path, tmp_path: Path) -> None:
    for name in ("map", "theory"):
        shutil.copy(explained / f"{name}.npz", tmp_path)
    assert redraw(tmp_path) == ["map", "smoothness", "theory"]
    drawn = [path for path in tmp_path.iterdir() if path.suffix != ".npz"]
    assert len(drawn) == 6
    assert all(path.read_bytes() == (explained / path.name).read_bytes() for path in drawn)


def test_measured_again_the_numbers_are_the_same(
    explained: Path, weights: Path, tmp_path: Path
) -> None:
    only = ["map", "sensitivity"]
    explain(tmp_path, text=TEXT, checkpoint=weights, only=only)
    for name in only:
        assert (tmp_path / f"{name}.npz").read_bytes() == (explained / f"{name}.npz").read_bytes()
    assert not (tmp_path / "theory.npz").exists()


def test_what_is_there_is_not_overwritten_unasked(explained: Path, weights: Path) -> None:
    before = (explained / "map.npz").stat().st_mtime_ns
    with pytest.raises(OutputExistsError):
        explain(explained, checkpoint=weights, only=["map"])
    assert (explained / "map.npz").stat().st_mtime_ns == before


def test_the_theorems_check_holds_what_it_says(explained: Path) -> None:
    stored = np.load(explained / "theory.npz")
    ours = np.char.startswith(stored["bound"], "ours")
    assert ours.sum() == 3 * 2 * 3 * 36
    assert (stored["measured"][ours] <= stored["limit"][ours] * (1 + 1e-4)).all()
    assert (stored["measured"][ours] > 0).mean() > 0.9
    assert (stored["loss_limits"][..., 0] <= stored["loss_limits"][..., 1] * (1 + 1e-4)).all()
    assert (stored["loss_limits"][..., 1] <= stored["loss_limits"][..., 2] * (1 + 1e-4)).all()


def test_masks_add_up_to_the_result(explained: Path) -> None:
    stored = np.load(explained / "masks.npz")
    weight = stored["laid"][..., None]
    expected = stored["input"] + weight * (stored["motion"].astype(np.float64) - stored["input"])
    assert np.abs(expected - stored["result"]).mean() < 5.0  # colours are stored at half the size


def test_without_text_the_classes_come_from_the_spectrum(weights: Path, tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "babble.wav", babble(1.0, seed=0))
    face = write_portrait(tmp_path / "face.mp4", 12)
    found = explain(tmp_path / "out", [face], audio=sound, checkpoint=weights, only=["map", "word"])
    assert "phonemes unknown" in str(found.facts["speech"])
    assert len(np.load(tmp_path / "out" / "word.npz")["names"]) == 5  # frames of the one video
    assert set(np.load(tmp_path / "out" / "map.npz")["classes"]) & {
        "low spectrum",
        "middle spectrum",
    }


def test_classes_by_sound() -> None:
    assert [lip_class(ipa) for ipa in ("", "m", "ˈəʊ", "f", "ˌʌ", "ɪ", "s")] == [
        "silence",
        "lips closed: p b m",
        "rounded: w oo o",
        "lip to teeth: f v",
        "open: a",
        "other vowels",
        "other consonants",
    ]
    time = np.arange(640) / 16_000
    tones = np.stack([np.sin(2 * np.pi * hz * time) for hz in (300, 1500, 5000)] + [0 * time])
    assert spectral_class(tones, 16_000) == [
        "low spectrum",
        "middle spectrum",
        "high spectrum",
        "silence",
    ]


def test_phonemes_come_with_their_times(tmp_path: Path) -> None:
    phonemes = speak("Mama.", tmp_path / "a.wav")
    assert [phoneme.ipa.strip("ˈˌ")[:1] for phoneme in phonemes[:3]] in (list("mam"), list("mɑm"))
    assert all(a.end == b.start for a, b in pairwise(phonemes))
    assert phonemes[0].start < 0.1 and phonemes == speak("Mama.", tmp_path / "b.wav")


def test_a_maps_distances_and_shares() -> None:
    generator = np.random.default_rng(0)
    line = np.linspace(0, 1, 50)[:, None] * generator.normal(size=(1, 30))
    places, share = principal_components(line)
    assert share[0] == pytest.approx(1.0)
    assert np.ptp(places[:, 0]) == pytest.approx(np.linalg.norm(line[-1] - line[0]))
    smooth = by_lag(line)
    assert smooth[0] == pytest.approx(3 / 51)  # mean distance on a line of n points is (n + 1) / 3
    assert by_lag(generator.normal(size=(50, 400)))[0] == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        dataclasses.replace(TINY, lip_code=None, dck_rank=None, encoder_layers=0, speech_window=16),
    ],
)
def test_the_gradient_is_that_of_finite_differences(config: ModelConfig) -> None:
    torch.manual_seed(3)
    model = TalkingFace(config).eval().double()
    speech = 0.3 * torch.randn(80, 300, dtype=torch.float64)
    mel = torch.from_numpy(mel_around(speech.numpy(), 30, config)).double()
    gradient = kernel_gradient(model, mel.numpy())

    def kernels(mel: torch.Tensor) -> torch.Tensor:
        inferred: torch.Tensor = model.kernel_inference(model.lips(features_of(model, mel)))[0]
        return inferred

    for bin_, column in ((3, 2), (40, 8), (79, 15)):
        step = torch.zeros_like(mel)
        step[bin_, column] = 1e-5
        with torch.no_grad():
            moved = kernels(mel + step) - kernels(mel - step)
        expected = moved.flatten(1).norm(dim=1) / 2e-5
        np.testing.assert_allclose(gradient[:, bin_, column], expected, rtol=1e-4)


def test_moments_are_chosen_by_how_far_the_kernels_differ() -> None:
    torch.manual_seed(0)
    wave = babble(1.0, seed=4)[::3]
    speech = analyse_speech(TalkingFace(TINY).eval(), wave)
    first, second = speech.most_different_frames()
    flat = speech.kernels.reshape(len(speech), -1)
    apart = np.linalg.norm(flat[speech.audible][:, None] - flat[speech.audible], axis=2)
    assert np.linalg.norm(flat[first] - flat[second]) == pytest.approx(apart.max(), rel=1e-3)
    assert speech.at(0.5) == 12
    with pytest.raises(OptionError, match=r"1\.5"):
        speech.at(1.5)


def test_what_cannot_be_explained_is_named(weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_model(TalkingFace(dataclasses.replace(TINY, fusion="attention")), other)
    with pytest.raises(ModelError, match="attention"):
        load_explained(other)
    Image.fromarray(blank()).save(tmp_path / "blank.png")
    Image.fromarray(portrait_on_canvas()).save(tmp_path / "face.png")
    with pytest.raises(NoFaceError, match="blank"):
        find_faces([tmp_path / "face.png", tmp_path / "blank.png"], TINY)
    with pytest.raises(DataError):
        redraw(tmp_path)
    (tmp_path / "map.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"map\.npz"):
        redraw(tmp_path)


def test_a_second_map_is_drawn_where_it_is_asked_for(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """UMAP itself takes half a minute to be compiled; this one turns the components over."""

    class Turned:
        def __init__(self, random_state: int, **_: object) -> None:
            self.seed = random_state

        def fit_transform(self, places: np.ndarray) -> np.ndarray:
            return places[:, 1::-1] + self.seed

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Turned))
    write_sound(tmp_path / "babble.wav", babble(2.0, seed=0))
    explain(
        tmp_path / "out",
        audio=tmp_path / "babble.wav",
        checkpoint=weights,
        only=["map"],
        umap=True,
        seed=3,
    )
    stored = np.load(tmp_path / "out" / "map.npz")
    np.testing.assert_allclose(stored["umap"], stored["places"][:, 1::-1] + 3, rtol=1e-5)
    with Image.open(tmp_path / "out" / "map.png") as image:
        assert image.size[1] > 0.55 * image.size[0]  # two rows of maps


def test_umap_stands_beside_the_components_and_is_the_same_each_time(
    weights: Path, tmp_path: Path
) -> None:
    pytest.importorskip("umap")  # an extra of its own, not among the developers'
    write_sound(tmp_path / "babble.wav", babble(2.0, seed=0))
    found = []
    for name in ("one", "other"):
        explain(
            tmp_path / name,
            audio=tmp_path / "babble.wav",
            checkpoint=weights,
            only=["map"],
            umap=True,
        )
        found.append(np.load(tmp_path / name / "map.npz"))
    places = found[0]["umap"]
    assert places.shape == (50, 2) and np.isfinite(places).all() and np.ptp(places, 0).min() > 0.5
    np.testing.assert_array_equal(places, found[1]["umap"])
    near = np.linalg.norm(places[1:] - places[:-1], axis=1).mean()
    assert near < 0.7 * np.linalg.norm(places[:, None] - places[None], axis=2).mean()
    with Image.open(tmp_path / "one" / "map.png") as image:
        assert image.size[1] > 0.55 * image.size[0]  # two rows of maps
    redraw(tmp_path / "one")


def test_missing_umap_is_named_before_any_work(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    done = CliRunner().invoke(app, ["explain", "--umap", "--out", str(tmp_path / "out")])
    assert done.exit_code == 25 and "pip install '.[umap]'" in done.stderr
    assert not (tmp_path / "out").exists()
