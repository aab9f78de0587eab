"""Getting to know the person of a shot: the mouth at rest, and before the first frame is edited."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from talkernel.face.crop import Crop
from talkernel.face.lips import lip_shape, mouth_opening, neutral_shape
from talkernel.face.stabilise import PlacedFrame, Placement
from talkernel.lab.tracks.track import STORED
from talkernel.media.sample import picture_of_rgb, planes_to_rgb
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.analysis import BUFFER_BYTES, BufferedFrame, analyse
from talkernel.mouth.neutral import NeutralShape
from talkernel.mouth.person import MIXED, Appearance, Person, closedness
from tests.tracks import drawn_face, drawn_track, fitted_basis

Array = np.ndarray
TRACKS = [drawn_track(seed) for seed in range(4)]
CROP = Crop(0, 0, STORED)
SHUT = -0.125  # by which the mean face's mouth is open


@pytest.fixture(scope="module")
def basis() -> LipBasis:
    return fitted_basis(TRACKS[1:])


def opening(shape: Array) -> float:
    return float(mouth_opening(shape[None])[0])


def talking() -> Array:
    """Lip shapes `[T, 165]` of a mouth that opens and shuts four times."""
    openings = SHUT + 0.3 * np.sin(np.linspace(0.0, 4 * np.pi, 200)) ** 2
    return np.stack([lip_shape(drawn_face(opening)[0]) for opening in openings])


def test_the_more_of_a_person_is_seen_the_better_their_mouth_at_rest_is_known(
    basis: LipBasis,
) -> None:
    """Of somebody whose mouth is a fifth wider than anybody else's."""
    shapes = (talking().reshape(-1, 55, 3) * np.float32([1.2, 1.0, 1.0])).reshape(-1, 165)
    truth, wide = neutral_shape(shapes), int(mouth_opening(shapes).argmax())
    off = [
        np.abs(NeutralShape.of(shapes[wide : wide + count], basis) - truth).mean()
        for count in (1, 150)
    ]
    assert off[1] < 0.5 * off[0] < 0.5 * np.abs(shapes[wide] - truth).mean()


def test_a_mouth_that_does_not_move_tells_no_more_the_longer_it_is_seen(basis: LipBasis) -> None:
    still = lip_shape(drawn_face(0.3)[0])[None]
    once, often = NeutralShape.of(still, basis), NeutralShape.of(still.repeat(50, 0), basis)
    np.testing.assert_allclose(once, often, atol=1e-5)
    np.testing.assert_allclose(once, basis.at_rest(still)[0], atol=1e-5)


def test_a_shut_mouth_is_at_rest(basis: LipBasis) -> None:
    shut = lip_shape(drawn_face(SHUT)[0])[None]
    assert mouth_opening(shut)[0] < 0.01
    guess, known = basis.at_rest(shut)[0], NeutralShape.of(shut.repeat(50, 0), basis)
    assert np.abs(known - shut[0]).mean() < 0.2 * np.abs(guess - shut[0]).mean()


def test_frames_taken_one_by_one_or_all_at_once_tell_the_same(basis: LipBasis) -> None:
    rest = NeutralShape(basis)
    for shape in TRACKS[0].shapes:
        rest.update(shape[None])
    np.testing.assert_allclose(rest.shape, NeutralShape.of(TRACKS[0].shapes, basis), atol=1e-5)


def placed(openings: list[float | None], tracks: tuple[int, ...] = ()) -> Iterator[PlacedFrame]:
    """Drawn faces that far open; None: a frame without a face. `tracks` begin at these frames."""
    for number, gap in enumerate(openings):
        landmarks, image = drawn_face(gap or 0.0)
        track = sum(number >= first for first in tracks)
        where = None if gap is None else Placement(CROP, landmarks, 1.0, track)
        yield PlacedFrame(picture_of_rgb(image), where, None)


def openings_of(items: Iterator[BufferedFrame]) -> list[float | None]:
    """How wide the reference's mouth is, frame by frame."""
    looks = (analysis.appearance for _, analysis in items)
    return [look and round(opening(lip_shape(look.wide.points)), 2) for look in looks]


def seen(gaps: list[float | None], ahead: int, tracks: tuple[int, ...] = ()) -> list[float | None]:
    return openings_of(analyse(placed(gaps, tracks), STORED, None, ahead))


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
        person.update(picture_of_rgb(with_a_hand(image) if hidden else image), CROP, landmarks)
    return person


def test_a_frame_with_a_hand_before_the_face_is_no_reference() -> None:
    frames = [(0.05, True), (0.3, True), *[(0.05, False)] * 10, (0.25, False), (0.05, False)]
    for number, wide in ((1, 0.05), (2, 0.3), (len(frames), 0.25)):
        reference = met(frames[:number]).appearance.wide
        assert round(opening(lip_shape(reference.points)), 2) == drawn(wide)
    clean = drawn_face(0.25)[1]
    assert np.abs(reference.view[200:].astype(int) - clean[200:]).mean() < 3.0


def test_a_hand_that_is_always_there_is_the_face_as_usual() -> None:
    reference = met([(0.05, True), (0.3, True), *[(0.05, True)] * 20]).appearance.wide
    assert round(opening(lip_shape(reference.points)), 2) == drawn(0.3)


def test_a_shut_mouth_is_a_reference_too() -> None:
    appearance = met([(gap, False) for gap in (0.0, 0.3, SHUT, 0.2, -0.05)]).appearance
    assert round(opening(lip_shape(appearance.shut.points)), 2) == drawn(SHUT)
    assert round(opening(lip_shape(appearance.wide.points)), 2) == drawn(0.3)
    alone = met([(0.1, False)]).appearance
    assert alone.shut is alone.wide  # a photo's


def test_a_blurred_frame_is_no_reference() -> None:
    person = Person(STORED, None)
    grain = np.random.default_rng(0).integers(-30, 30, (STORED, STORED, 1))
    for gap, blurred in [*[(0.0, False)] * 10, (0.3, True), (0.1, False), (0.0, False)]:
        landmarks, image = drawn_face(gap)
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
        image = cv2.GaussianBlur(image, (0, 0), 6.0) if blurred else image
        person.update(picture_of_rgb(image), CROP, landmarks)
    assert round(opening(lip_shape(person.appearance.wide.points)), 2) == drawn(0.1)


@pytest.mark.parametrize(("gap", "first"), [(SHUT, 1.0), (0.3, 0.0)])
def test_lips_look_shut_when_they_are_told_to_meet_and_else_wide(
    basis: LipBasis, gap: float, first: float
) -> None:
    """The shut mouth's frame is white, the wide one's black."""
    person = met([(0.3, False), (SHUT, False)])
    white, black = (np.full((STORED, STORED, 3), value, np.uint8) for value in (255, 0))
    wide, shut, _ = person.appearance
    neutral = lip_shape(drawn_face(SHUT)[0])
    appearance = Appearance(wide._replace(view=black), shut._replace(view=white), neutral)
    points = drawn_face(0.1)[0]
    deviation = lip_shape(drawn_face(gap)[0]) - appearance.neutral
    warped = appearance.warped(points, STORED, basis.encode(deviation[None])[0], basis)
    lips = warped.image[230:260, 120:180]
    assert np.median(lips) == 255 * first
    half = closedness(lip_shape(drawn_face(SHUT + sum(MIXED) / 2)[0]))
    assert 0.3 < half < 0.7


def test_a_reference_is_kept_from_the_frame_it_was_seen_in_and_no_edit_reaches_it() -> None:
    landmarks, image = drawn_face(0.3)
    picture = picture_of_rgb(image)
    appearance = Person(STORED // 2, None).update(picture, CROP, landmarks).appearance
    picture.planes[0][:] = 0
    kept = appearance.wide.source
    rgb = planes_to_rgb([kept.luma, *cv2.split(kept.chroma)], kept.layout)
    np.testing.assert_allclose(rgb, image, atol=2)
    corner = kept.affine @ np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(corner, 0.5, atol=1e-6)  # the middle of its first two by two


def test_nobody_is_taken_for_the_person_of_another_shot() -> None:
    small, wide, wider = drawn(0.05), drawn(0.3), drawn(0.4)
    assert seen([0.05, 0.3, 0.05, 0.4], 50, tracks=(2,)) == [wide, wide, wider, wider]
    assert seen([0.05, None, 0.3], ahead=50) == [small, None, wide]
    assert seen([None, None], ahead=50) == [None, None]


def test_every_frame_leaves_in_order_and_as_it_came() -> None:
    gaps: list[float | None] = [0.01 * number for number in range(7)]
    frames = analyse(placed(gaps), STORED, None, ahead=3)
    for (picture, analysis), (plain, where, _) in zip(frames, placed(gaps), strict=True):
        np.testing.assert_array_equal(picture.planes[0], plain.planes[0])
        assert analysis.placement is not None and where is not None
        np.testing.assert_array_equal(analysis.placement.landmarks, where.landmarks)


def test_of_large_frames_fewer_are_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn_bytes = sum(plane.nbytes for plane in picture_of_rgb(drawn_face(0.0)[1]).planes)
    assert BUFFER_BYTES > 50 * 1280 * 720 * 1.5  # what is usual is held back whole
    monkeypatch.setattr("talkernel.mouth.analysis.BUFFER_BYTES", 2 * drawn_bytes)
    small, wide = drawn(0.05), drawn(0.3)
    assert seen([0.05, 0.05, 0.05, 0.3], ahead=50) == [small, wide, wide, wide]
    monkeypatch.setattr("talkernel.mouth.analysis.BUFFER_BYTES", 1)
    assert seen([0.05, 0.3], ahead=50) == [small, wide]
