"""Getting to know the person of a shot: the mouth at rest, and before the first frame is edited."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from talkernel.acquaint import HELD_BYTES, acquainted
from talkernel.face.crop import Crop
from talkernel.face.lips import LipBasis, lip_shape, mouth_opening, neutral_shape
from talkernel.face.person import Known, Person
from talkernel.face.rest import Rest
from talkernel.face.stabilise import Placement
from talkernel.media import Picture
from talkernel.media.sample import picture_of_rgb, planes_to_rgb
from talkernel.train.tracks import STORED
from tests.tracks import drawn_face, drawn_track, fitted_basis

Array = np.ndarray
TRACKS = [drawn_track(seed) for seed in range(4)]
CROP = Crop(0, 0, STORED)


@pytest.fixture(scope="module")
def basis() -> LipBasis:
    return fitted_basis(TRACKS[1:])


def opening(shape: Array) -> float:
    return float(mouth_opening(shape[None])[0])


def test_the_more_of_a_person_is_seen_the_better_their_mouth_at_rest_is_known(
    basis: LipBasis,
) -> None:
    """Of somebody whose closed mouth looks like everybody else's a little open."""
    shapes = TRACKS[0].shapes + 0.5 * basis.scale[0] * basis.components[0]
    truth = opening(neutral_shape(shapes))
    wide = int(mouth_opening(shapes).argmax())
    off = [abs(opening(Rest.of(shapes[wide : wide + count], basis)) - truth) for count in (1, 30)]
    assert off[1] < 0.5 * off[0] < 0.5 * (opening(shapes[wide]) - truth)


def test_a_mouth_that_does_not_move_tells_no_more_the_longer_it_is_seen(basis: LipBasis) -> None:
    still = lip_shape(drawn_face(0.3)[0])[None]
    once, often = Rest.of(still, basis), Rest.of(still.repeat(50, 0), basis)
    np.testing.assert_allclose(once, often, atol=1e-5)
    np.testing.assert_allclose(once, basis.at_rest(still)[0], atol=1e-5)


def test_frames_taken_one_by_one_or_all_at_once_tell_the_same(basis: LipBasis) -> None:
    rest = Rest(basis)
    for shape in TRACKS[0].shapes:
        rest.see(shape[None])
    np.testing.assert_allclose(rest.shape, Rest.of(TRACKS[0].shapes, basis), atol=1e-5)


def placed(openings: list[float | None], cuts: tuple[int, ...] = ()) -> Iterator[
    tuple[Picture, Placement]
]:  # fmt: skip
    """Drawn faces that far open; None: a frame without a face."""
    for number, gap in enumerate(openings):
        landmarks, image = drawn_face(gap or 0.0)
        where = (None, None) if gap is None else (CROP, landmarks)
        yield picture_of_rgb(image), Placement(*where, 1.0, None, number in cuts)


def known_openings(items: Iterator[tuple[Picture, Placement, Known | None]]) -> list[float | None]:
    """How wide the reference's mouth is, frame by frame."""
    return [None if known is None else round(opening(lip_shape(known.reference.points)), 2)
            for _, _, known in items]  # fmt: skip


def seen(gaps: list[float | None], ahead: int, cuts: tuple[int, ...] = ()) -> list[float | None]:
    return known_openings(acquainted(placed(gaps, cuts), STORED, None, ahead))


def drawn(gap: float) -> float:
    return round(opening(lip_shape(drawn_face(gap)[0])), 2)


def test_with_frames_held_back_the_wide_mouth_is_there_from_the_first_one_on() -> None:
    small, wide = drawn(0.05), drawn(0.3)
    assert seen([0.05, 0.05, 0.3, 0.05], ahead=0) == [small, small, wide, wide]
    assert seen([0.05, 0.05, 0.3, 0.05], ahead=2) == [wide] * 4
    assert seen([0.05, 0.05, 0.3, 0.05], ahead=1) == [small, wide, wide, wide]
    assert seen([0.05], ahead=50) == [small]
    assert seen([], ahead=50) == []


def with_a_hand(image: Array) -> Array:
    """Something bright before the chin."""
    held = image.copy()
    cv2.rectangle(held, (140, 240), (200, 303), (250, 230, 220), -1)
    return held


def met(frames: list[tuple[float, bool]]) -> Person:
    """Somebody whose mouth opens so far, with or without a hand before the chin."""
    person = Person(STORED, None)
    for gap, hidden in frames:
        landmarks, image = drawn_face(gap)
        person.see(picture_of_rgb(with_a_hand(image) if hidden else image), CROP, landmarks)
    return person


def test_a_frame_with_a_hand_before_the_face_is_no_reference() -> None:
    frames = [(0.05, True), (0.3, True), *[(0.05, False)] * 10, (0.25, False), (0.05, False)]
    for number, wide in ((1, 0.05), (2, 0.3), (len(frames), 0.25)):
        reference = met(frames[:number]).known.reference
        assert round(opening(lip_shape(reference.points)), 2) == drawn(wide)
    clean = drawn_face(0.25)[1]
    assert np.abs(reference.view[200:].astype(int) - clean[200:]).mean() < 3.0


def test_a_hand_that_is_always_there_is_the_face_as_usual() -> None:
    reference = met([(0.05, True), (0.3, True), *[(0.05, True)] * 20]).known.reference
    assert round(opening(lip_shape(reference.points)), 2) == drawn(0.3)


def test_a_reference_is_kept_from_the_frame_it_was_seen_in_and_no_edit_reaches_it() -> None:
    landmarks, image = drawn_face(0.3)
    picture = picture_of_rgb(image)
    known = Person(STORED // 2, None).see(picture, CROP, landmarks).known
    picture.planes[0][:] = 0
    kept = known.origin.picture
    rgb = planes_to_rgb(list(kept.planes), kept.layout)
    np.testing.assert_allclose(rgb, image, atol=2)
    corner = known.origin.affine @ np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(corner, 0.5, atol=1e-6)  # the middle of its first two by two


def test_nobody_is_taken_for_the_person_of_another_shot() -> None:
    small, wide, wider = drawn(0.05), drawn(0.3), drawn(0.4)
    assert seen([0.05, 0.3, 0.05, 0.4], 50, cuts=(2,)) == [wide, wide, wider, wider]
    assert seen([0.05, None, 0.3], ahead=50) == [small, None, wide]
    assert seen([None, None], ahead=50) == [None, None]


def test_every_frame_leaves_in_order_and_as_it_came() -> None:
    gaps: list[float | None] = [0.01 * number for number in range(7)]
    frames = acquainted(placed(gaps), STORED, None, ahead=3)
    for (picture, placement, _), (plain, where) in zip(frames, placed(gaps), strict=True):
        np.testing.assert_array_equal(picture.planes[0], plain.planes[0])
        np.testing.assert_array_equal(placement.landmarks, where.landmarks)


def test_of_large_frames_fewer_are_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn_bytes = sum(plane.nbytes for plane in picture_of_rgb(drawn_face(0.0)[1]).planes)
    assert HELD_BYTES > 50 * 1280 * 720 * 1.5  # what is usual is held back whole
    monkeypatch.setattr("talkernel.acquaint.HELD_BYTES", 2 * drawn_bytes)
    small, wide = drawn(0.05), drawn(0.3)
    assert seen([0.05, 0.05, 0.05, 0.3], ahead=50) == [small, wide, wide, wide]
    monkeypatch.setattr("talkernel.acquaint.HELD_BYTES", 1)
    assert seen([0.05, 0.3], ahead=50) == [small, wide]
