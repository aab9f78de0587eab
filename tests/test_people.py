"""The right mouth on the right face: who is followed through cuts, dissolves, pans and covers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import talkernel
from talkernel.errors import FaceChoiceError, OptionError
from talkernel.face.choose import Chooser, FaceByIndex, FaceInBox, FaceLikeReference
from talkernel.face.confirm import confirm
from talkernel.face.track import FaceTracker, Observation
from talkernel.media import open_face
from talkernel.media.sample import picture_of_rgb
from tests.jobs import babble
from tests.people import (
    HEIGHT,
    WIDTH,
    Image,
    blacked_out,
    covered,
    dissolve,
    interview,
    pan,
    people,
    same_set,
    two_shot,
    walkout,
    wipe,
    write_video,
)
from tests.test_media_support import write_sound

ANN, BOB, NOBODY = "a", "b", "-"


def observe(images: list[Image], tracker: FaceTracker) -> list[Observation]:
    pictures = map(picture_of_rgb, images)
    observed = ((picture, tracker.update(picture)) for picture in pictures)
    return [seen for _, seen in confirm(observed, tracker.likeness)]


def ann() -> Chooser:
    return FaceLikeReference(picture_of_rgb(people()[0]))


def shown(seen: list[Observation], tracker: FaceTracker) -> str:
    """Who is followed in each frame, by their looks and not by the tracker's numbers."""
    looks = {who: FaceLikeReference(picture_of_rgb(people()[i])).likeness for i, who in names()}
    views = {p: tracker._people._views[p] for one in seen for p in (f.person for f in one.faces)}
    who = {p: max(looks, key=lambda name: float(views[p] @ looks[name])) for p in views}
    return "".join(who[one.face.person] if one.face else NOBODY for one in seen)


def names() -> list[tuple[int, str]]:
    return [(0, ANN), (1, BOB)]


def follow(images: list[Image], chooser: Chooser | None = None) -> str:
    tracker = FaceTracker(chooser)
    return shown(observe(images, tracker), tracker)


@pytest.mark.parametrize(
    "chooser",
    [ann, lambda: FaceByIndex(0), lambda: FaceInBox((0, HEIGHT, 0, WIDTH), WIDTH, HEIGHT)],
)
def test_a_chosen_person_is_edited_in_their_shots_only(chooser: Callable[[], Chooser]) -> None:
    assert follow(interview(), chooser()) == ANN * 20 + NOBODY * 20 + ANN * 20


def test_the_largest_face_is_chosen_anew_in_each_shot() -> None:
    assert follow(interview()) == ANN * 20 + BOB * 20 + ANN * 20


@pytest.mark.parametrize("chooser", [ann, lambda: FaceByIndex(0)])
def test_nobody_takes_the_place_of_a_person_who_walks_out(chooser: Callable[[], Chooser]) -> None:
    found = follow(walkout(), chooser())
    assert found[:20] == ANN * 20 and found[40:] == NOBODY * 20 and BOB not in found


def test_a_covered_person_returns() -> None:
    found = follow(covered(), FaceByIndex(0))
    assert found[:20] == ANN * 20 and found[20:30] == NOBODY * 10 and found[36:] == ANN * 14


@pytest.mark.parametrize("images", [dissolve, wipe, pan])
def test_between_two_people_nobody_is_edited(images: Callable[[], list[Image]]) -> None:
    """And afterwards the other person has a track, and so an appearance, of their own."""
    tracker = FaceTracker()
    seen = observe(images(), tracker)
    found = shown(seen, tracker)
    assert found[:22] == ANN * 22 and found[-16:] == BOB * 16
    middle = found.strip(ANN).strip(BOB)
    assert middle and set(middle) == {NOBODY}
    tracks = {one.face.track for one in seen[:22] if one.face}
    assert tracks.isdisjoint(one.face.track for one in seen[-16:] if one.face)


def test_another_person_in_the_same_set_is_noticed_at_the_frame() -> None:
    """Whether or not it counts as a cut."""
    found = follow(same_set(), ann())
    assert found == ANN * 40 + NOBODY * 40


def test_a_dark_moment_changes_nobody() -> None:
    tracker = FaceTracker()
    found = shown(observe(blacked_out(), tracker), tracker)
    assert found[:20] == ANN * 20 and found[-10:] == ANN * 10 and BOB not in found


def test_everybody_is_followed_apart() -> None:
    tracker = FaceTracker(everybody=True)
    seen = observe([two_shot(0.5 * (n % 5)) for n in range(30)], tracker)
    assert [len(one.faces) for one in seen] == [2] * 30
    assert len({face.track for one in seen for face in one.faces}) == 2
    places = [sorted(face.geometry[0] for face in one.faces) for one in seen]
    assert all(left < 320 < right for left, right in places)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    write_sound(path, babble(1.2, seed=3))
    return path


def frames_of(path: Path) -> list[np.ndarray]:
    return [picture.planes[0].copy() for picture in open_face(path).frames()]


def test_shots_of_other_people_stay_as_they_are(tmp_path: Path, speech: Path) -> None:
    face = write_video(tmp_path / "interview.mkv", interview(10))
    reference = tmp_path / "ann.png"
    write_ann(reference)
    report = talkernel.generate(
        face, speech, tmp_path / "out.mkv", codec="ffv1", reference_face=reference
    )
    before, after = frames_of(face), frames_of(tmp_path / "out.mkv")
    same = [bool((old == new).all()) for old, new in zip(before, after, strict=True)]
    assert same == [False] * 10 + [True] * 10 + [False] * 10
    assert [(one.person, one.first, one.last) for one in report.edited] == [(1, 0, 9), (1, 20, 29)]
    assert report.untouched == 10 and report.passed_through[0].reason == "another person"
    assert report.people == 1 and not any("people" in line for line in report.warnings)


def write_ann(path: Path) -> None:
    from PIL import Image as Pillow

    Pillow.fromarray(people()[0]).save(path)


def test_the_report_lists_the_people_and_warns(tmp_path: Path, speech: Path) -> None:
    face = write_video(tmp_path / "interview.mkv", interview(10))
    report = talkernel.generate(face, speech, tmp_path / "out.mp4")
    edited = [(one.person, one.first, one.last) for one in report.edited]
    assert edited == [(1, 0, 9), (2, 10, 19), (1, 20, 29)] and report.people == 2
    assert any("2 people" in warning for warning in report.warnings)
    assert talkernel.Report.from_json(report.to_json()) == report
    assert "person 2" in str(report.summary().rows)


def test_everybody_speaks(tmp_path: Path, speech: Path) -> None:
    face = write_video(tmp_path / "two.mkv", [two_shot() for _ in range(30)])
    report = talkernel.generate(
        face, speech, tmp_path / "out.mkv", codec="ffv1", people="all", overwrite=True
    )
    assert {(one.person, one.first, one.last) for one in report.edited} == {(1, 0, 29), (2, 0, 29)}
    before, after = frames_of(face), frames_of(tmp_path / "out.mkv")
    for half in (slice(0, 320), slice(320, 640)):
        changed = [(a[:, half] != b[:, half]).any() for a, b in zip(before, after, strict=True)]
        assert all(changed)


def test_a_choice_and_everybody_exclude_each_other(tmp_path: Path, speech: Path) -> None:
    face = write_video(tmp_path / "two.mkv", [two_shot()] * 3)
    with pytest.raises(OptionError, match="--people all"):
        talkernel.generate(face, speech, tmp_path / "out.mp4", people="all", face_index=0)


def test_a_person_who_never_appears_is_an_error(tmp_path: Path, speech: Path) -> None:
    face = write_video(tmp_path / "bob.mkv", interview(10)[10:20])
    write_ann(tmp_path / "ann.png")
    with pytest.raises(FaceChoiceError, match="never the chosen one"):
        talkernel.generate(face, speech, tmp_path / "out.mp4", reference_face=tmp_path / "ann.png")
