"""Shot boundaries: cuts are found; light, motion, transitions and covers are not taken for one."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from talkernel.cli import app
from talkernel.errors import DataError
from talkernel.face.shots import NEW_VIEW, Scene, ShotCutter
from talkernel.lab.shots.effects import HEIGHT, WIDTH, Image, Shot, backdrop, with_person, zoomed
from talkernel.lab.shots.measure import measure_cuts
from talkernel.lab.shots.scores import CutScores, KindScore
from talkernel.lab.shots.sequences import (
    CUTS,
    EVENT,
    KINDS,
    LENGTH,
    NEW_VIEWS,
    SAME_VIEW,
    Kind,
    cover,
    hard_cut,
)
from talkernel.media import Picture
from talkernel.media.frame import PixelLayout
from talkernel.media.sample import picture_of_rgb
from tests.videos import portrait, write_video


@pytest.fixture(scope="module")
def shots() -> tuple[Shot, Shot]:
    """The portrait in one room, a drawn person in another; both move a little."""
    rooms = [backdrop(np.random.default_rng(seed)) for seed in (1, 2)]
    people = portrait(1)[0][20:340, 60:380], drawn_person()
    places = [0.5 + 0.01 * np.sin(number / 4) for number in range(LENGTH)]
    first, second = (
        [with_person(room, person, 0.95, x) for x in places]
        for room, person in zip(rooms, people, strict=True)
    )
    return first, second


def drawn_person() -> Image:
    """A bald man in a striped shirt."""
    image = np.full((HEIGHT, HEIGHT, 3), 120, np.uint8)
    for x in range(60, 300, 24):
        cv2.rectangle(image, (x, 250), (x + 11, HEIGHT), (30, 60, 160), -1)
    cv2.ellipse(image, (180, 150), (75, 105), 0, 0, 360, (225, 180, 150), -1)
    for x in (150, 210):
        cv2.circle(image, (x, 130), 9, (40, 30, 30), -1)
    cv2.ellipse(image, (180, 205), (30, 9), 0, 0, 360, (150, 60, 60), -1)
    return image


def cuts_of(shot: Shot) -> list[int]:
    cutter = ShotCutter()
    return [n for n, image in enumerate(shot) if cutter.update(picture_of_rgb(image))]


def scene(image: Image) -> Scene:
    return Scene.of(picture_of_rgb(image))


@pytest.mark.parametrize("kind", KINDS)
def test_only_cuts_are_found(kind: Kind, shots: tuple[Shot, Shot]) -> None:
    shot = kind(*shots, np.random.default_rng(1))
    assert len(shot) == LENGTH
    assert cuts_of(shot) == ([EVENT] if kind in CUTS else [])


@pytest.mark.parametrize("kind", [*NEW_VIEWS, *SAME_VIEW])
def test_a_new_view_is_told_from_the_same_view(kind: Kind, shots: tuple[Shot, Shot]) -> None:
    shot = kind(*shots, np.random.default_rng(0))
    at_once, finally_ = (scene(shot[0]).change(scene(shot[n])) for n in (EVENT + 1, -1))
    assert finally_ > NEW_VIEW if kind in NEW_VIEWS else max(at_once, finally_) < NEW_VIEW


def test_a_fade_in_from_black_is_no_cut(shots: tuple[Shot, Shot]) -> None:
    weights = [min(1.0, n / 12) for n in range(30)]
    faded = [(image * w).astype(np.uint8) for image, w in zip(shots[0], weights, strict=False)]
    assert cuts_of([*faded, *faded[::-1]]) == []


def test_a_board_before_one_of_two_people_is_no_cut(shots: tuple[Shot, Shot]) -> None:
    two = [np.hstack([a[:, 140:460], b[:, 140:460]]) for a, b in zip(*shots, strict=True)]
    for image in two[12:32]:
        image[20:350, 60:300] = 255
    assert cuts_of(two) == []


def test_cuts_are_found_in_quick_succession(shots: tuple[Shot, Shot]) -> None:
    a, b = shots
    assert cuts_of([*a[:20], *b[:2], *a[:2], *b[:20]]) == [20, 22, 24]


def test_another_person_after_black_is_one_cut(shots: tuple[Shot, Shot]) -> None:
    a, b = shots
    black = [np.zeros_like(a[0])] * 3
    assert cuts_of([*a[:10], *black, *b[:10]]) == [13]
    assert cuts_of([*black, *a[:10], *black]) == []


def test_fading_to_another_person_is_at_most_one_cut(shots: tuple[Shot, Shot]) -> None:
    weights = [*np.linspace(1, 0, 10), *np.linspace(0, 1, 10)]
    people = [*shots[0][:10], *shots[1][:10]]
    faded = [(image * w).astype(np.uint8) for image, w in zip(people, weights, strict=True)]
    assert len(cuts_of([*shots[0][:10], *faded, *shots[1][10:20]])) == 1


def test_depth_and_size_of_the_picture_do_not_matter(shots: tuple[Shot, Shot]) -> None:
    small = picture_of_rgb(shots[0][0])
    luma = cv2.resize(small.planes[0], (1920, 1080)).astype(np.uint16) * 4
    chroma = np.full((540, 960), 512, np.uint16)
    large = Picture((luma, chroma, chroma), PixelLayout("yuv420p10le", 10))
    assert Scene.of(small).change(Scene.of(large)) < 0.1
    tiny = picture_of_rgb(np.full((2, 2, 3), 90, np.uint8))
    assert Scene.of(tiny).blank


def test_upright_pictures(shots: tuple[Shot, Shot]) -> None:
    a, b = ([np.rot90(image).copy() for image in shot] for shot in shots)
    assert cuts_of(hard_cut(a, b, np.random.default_rng(0))) == [EVENT]
    assert cuts_of(cover(shots[0], b, np.random.default_rng(0))) == []
    assert scene(a[0]).change(scene(shots[0][0])) == 1.0


def test_a_change_is_symmetric_and_does_not_depend_on_brightness(shots: tuple[Shot, Shot]) -> None:
    a, b = scene(shots[0][0]), scene(shots[1][0])
    assert a.change(b) == pytest.approx(b.change(a), abs=0.1)
    darker = scene((0.5 * shots[0][0]).astype(np.uint8))
    assert a.change(darker) < 0.1 and darker.change(b) > NEW_VIEW


def test_nothing_is_seen_in_a_blank_picture(shots: tuple[Shot, Shot]) -> None:
    for grey in (0, 128, 255):
        blank = scene(np.full((HEIGHT, WIDTH, 3), grey, np.uint8))
        assert blank.blank and blank.change(scene(shots[0][0])) == 0.0
    assert not scene(shots[0][0]).blank
    assert not scene(zoomed(shots[0][0], 2.0)).blank


def test_the_cutter_holds_the_last_frames_view(shots: tuple[Shot, Shot]) -> None:
    cutter = ShotCutter()
    assert cutter.scene is None
    cutter.update(picture_of_rgb(shots[0][0]))
    cutter.update(picture_of_rgb(np.zeros_like(shots[0][0])))
    assert cutter.scene is not None and cutter.scene.blank


@pytest.mark.parametrize("size", [(1280, 720), (3840, 2160), (1080, 1920)])
def test_few_samples_are_read(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture is resized once, without averaging: four samples for each of 128 x 72."""
    resized, resize = [], cv2.resize

    def counted(image: np.ndarray, to: tuple[int, int], interpolation: int) -> np.ndarray:
        resized.append((image.shape[::-1], to, interpolation))
        return np.asarray(resize(image, to, interpolation=interpolation))

    monkeypatch.setattr(cv2, "resize", counted)
    Scene.of(picture_of_rgb(np.zeros((size[1], size[0], 3), np.uint8)))
    large = [entry for entry in resized if entry[0] == size]
    assert [(max(to), way) for _, to, way in large] == [(128, cv2.INTER_LINEAR)]


class EveryFrame:
    """Calls every frame a cut."""

    def update(self, picture: Picture) -> bool:
        return True


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory, shots: tuple[Shot, Shot]) -> list[Path]:
    folder = tmp_path_factory.mktemp("shots")
    narrow = [image[:, 140:500] for image in shots[1][:20]]
    return [
        write_video(folder / "a.mp4", shots[0], None),
        write_video(folder / "b.mp4", narrow, None),
    ]


def test_any_detector_can_be_scored(videos: list[Path]) -> None:
    scores = measure_cuts(videos, cutter=EveryFrame)
    assert scores.recall == 1.0
    assert scores.precision == pytest.approx(len(CUTS) / (len(KINDS) * LENGTH))
    assert scores.kinds["flash"].false == LENGTH
    with pytest.raises(DataError, match="Two videos are needed"):
        measure_cuts(videos[:1])


def test_the_command_scores_ours(videos: list[Path]) -> None:
    result = CliRunner().invoke(app, ["cuts", str(videos[0].parent), "--json"])
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)
    assert scores["recall"] == scores["precision"] == 1.0
    assert KindScore(**scores["kinds"]["hard_cut"]) == KindScore(sequences=1, cuts=1, found=1)
    assert KindScore(**scores["kinds"]["pan"]) == KindScore(sequences=1, views=1)


def test_scores_are_shown_by_kind() -> None:
    kinds = {"hard_cut": KindScore(4, cuts=4, found=3, false=1, with_false=1)}
    shown = CutScores(kinds, 0.25).summary()
    assert shown.rows == [["hard cut", "4", "3 of 4", "1", "1", ""]]
    assert "Recall 75.0%, precision 75.0%, 0.25 ms" in shown.caption
    assert CutScores({"plain": KindScore(2)}, 0.25).precision == 1.0


def test_a_slow_fade_to_black_and_a_cut_to_another_person(shots: tuple[Shot, Shot]) -> None:
    """Neighbouring frames of the fade are equal, so it is compared with an earlier frame."""
    weights = np.linspace(1, 0, 75)
    faded = [(shots[0][0] * weight).astype(np.uint8) for weight in weights]
    assert cuts_of([*faded, *shots[1][:3]]) == [75]
