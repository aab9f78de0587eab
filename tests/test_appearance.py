"""A person's appearance: the neutral shape, and references from frames ahead of the edit."""

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
from talkernel.mouth.person import FADE_RANGE, Appearance, Person, closedness
from tests.tracks import drawn_face, drawn_track, fitted_basis

Array = np.ndarray
TRACKS = [drawn_track(seed) for seed in range(4)]
CROP = Crop(0, 0, STORED)
CLOSED = -0.125  # shift that closes the mean face's mouth, which is slightly open


@pytest.fixture(scope="module")
def basis() -> LipBasis:
    return fitted_basis(TRACKS[1:])


def opening(shape: Array) -> float:
    return float(mouth_opening(shape[None])[0])


def talking() -> Array:
    """Lip shapes `[T, 165]` of a mouth that opens and closes four times."""
    openings = CLOSED + 0.3 * np.sin(np.linspace(0.0, 4 * np.pi, 200)) ** 2
    return np.stack([lip_shape(drawn_face(opening)[0]) for opening in openings])


def test_the_neutral_shape_improves_with_more_frames(basis: LipBasis) -> None:
    """For a person whose mouth is a fifth broader than any in the basis."""
    shapes = (talking().reshape(-1, 55, 3) * np.float32([1.2, 1.0, 1.0])).reshape(-1, 165)
    truth, start = neutral_shape(shapes), int(mouth_opening(shapes).argmax())
    errors = [
        np.abs(NeutralShape.of(shapes[start : start + count], basis) - truth).mean()
        for count in (1, 150)
    ]
    assert errors[1] < 0.5 * errors[0] < 0.5 * np.abs(shapes[start] - truth).mean()


def test_repeated_frames_do_not_change_the_neutral_shape(basis: LipBasis) -> None:
    still = lip_shape(drawn_face(0.3)[0])[None]
    once, often = NeutralShape.of(still, basis), NeutralShape.of(still.repeat(50, 0), basis)
    np.testing.assert_allclose(once, often, atol=1e-5)
    np.testing.assert_allclose(once, basis.at_rest(still)[0], atol=1e-5)


def test_a_closed_mouth_is_neutral(basis: LipBasis) -> None:
    closed = lip_shape(drawn_face(CLOSED)[0])[None]
    assert mouth_opening(closed)[0] < 0.01
    guess, known = basis.at_rest(closed)[0], NeutralShape.of(closed.repeat(50, 0), basis)
    assert np.abs(known - closed[0]).mean() < 0.2 * np.abs(guess - closed[0]).mean()


def test_frames_one_by_one_give_the_same_neutral_shape_as_all_at_once(basis: LipBasis) -> None:
    neutral = NeutralShape(basis)
    for shape in TRACKS[0].shapes:
        neutral.update(shape[None])
    np.testing.assert_allclose(neutral.shape, NeutralShape.of(TRACKS[0].shapes, basis), atol=1e-5)


def placed(openings: list[float | None], tracks: tuple[int, ...] = ()) -> Iterator[PlacedFrame]:
    """Drawn faces with these openings; None: no face. A new track starts at each of `tracks`."""
    for number, gap in enumerate(openings):
        landmarks, image = drawn_face(gap or 0.0)
        track = sum(number >= first for first in tracks)
        where = () if gap is None else (Placement(CROP, landmarks, 1.0, track),)
        yield PlacedFrame(picture_of_rgb(image), where, None)


def openings_of(items: Iterator[BufferedFrame]) -> list[float | None]:
    """The opening of the open reference, frame by frame."""
    return [
        round(opening(lip_shape(analysis.faces[0].appearance.open.points)), 2)
        if analysis.faces
        else None
        for _, analysis in items
    ]


def analysed(
    gaps: list[float | None], ahead: int, tracks: tuple[int, ...] = ()
) -> list[float | None]:
    return openings_of(analyse(placed(gaps, tracks), STORED, None, ahead))


def drawn(gap: float) -> float:
    return round(opening(lip_shape(drawn_face(gap)[0])), 2)


def test_buffered_frames_give_the_first_frame_the_open_reference_of_a_later_one() -> None:
    small, large = drawn(0.05), drawn(0.3)
    assert analysed([0.05, 0.05, 0.3, 0.05], ahead=0) == [small, small, large, large]
    assert analysed([0.05, 0.05, 0.3, 0.05], ahead=2) == [large] * 4
    assert analysed([0.05, 0.05, 0.3, 0.05], ahead=1) == [small, large, large, large]
    assert analysed([0.05], ahead=50) == [small]
    assert analysed([], ahead=50) == []


def with_a_hand(image: Array) -> Array:
    """A bright shape in front of the chin."""
    covered = image.copy()
    cv2.rectangle(covered, (140, 240), (200, 303), (250, 230, 220), -1)
    return covered


def person_of(frames: list[tuple[float, bool]]) -> Person:
    """A person from frames of these openings, with or without a hand in front of the chin."""
    person = Person(STORED, None)
    for gap, covered in frames:
        landmarks, image = drawn_face(gap)
        person.update(picture_of_rgb(with_a_hand(image) if covered else image), CROP, landmarks)
    return person


def test_a_frame_with_a_hand_in_front_of_the_face_is_no_reference() -> None:
    frames = [(0.05, True), (0.3, True), *[(0.05, False)] * 10, (0.25, False), (0.05, False)]
    for number, expected in ((1, 0.05), (2, 0.3), (len(frames), 0.25)):
        reference = person_of(frames[:number]).appearance.open
        assert round(opening(lip_shape(reference.points)), 2) == drawn(expected)
    clean = drawn_face(0.25)[1]
    assert np.abs(reference.view[200:].astype(int) - clean[200:]).mean() < 3.0


def test_a_hand_that_is_always_there_counts_as_usual() -> None:
    reference = person_of([(0.05, True), (0.3, True), *[(0.05, True)] * 20]).appearance.open
    assert round(opening(lip_shape(reference.points)), 2) == drawn(0.3)


def test_there_is_a_reference_for_the_closed_mouth_too() -> None:
    appearance = person_of([(gap, False) for gap in (0.0, 0.3, CLOSED, 0.2, -0.05)]).appearance
    assert round(opening(lip_shape(appearance.closed.points)), 2) == drawn(CLOSED)
    assert round(opening(lip_shape(appearance.open.points)), 2) == drawn(0.3)
    photo = person_of([(0.1, False)]).appearance
    assert photo.closed is photo.open


def test_a_blurred_frame_is_no_reference() -> None:
    person = Person(STORED, None)
    grain = np.random.default_rng(0).integers(-30, 30, (STORED, STORED, 1))
    for gap, blurred in [*[(0.0, False)] * 10, (0.3, True), (0.1, False), (0.0, False)]:
        landmarks, image = drawn_face(gap)
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
        image = cv2.GaussianBlur(image, (0, 0), 6.0) if blurred else image
        person.update(picture_of_rgb(image), CROP, landmarks)
    assert round(opening(lip_shape(person.appearance.open.points)), 2) == drawn(0.1)


@pytest.mark.parametrize(("gap", "brightness"), [(CLOSED, 255), (0.3, 0)])
def test_the_target_opening_selects_the_open_or_the_closed_reference(
    basis: LipBasis, gap: float, brightness: int
) -> None:
    """The closed reference is white, the open one black."""
    person = person_of([(0.3, False), (CLOSED, False)])
    white, black = (np.full((STORED, STORED, 3), value, np.uint8) for value in (255, 0))
    opened, closed = person.appearance[:2]
    neutral = lip_shape(drawn_face(CLOSED)[0])
    appearance = Appearance(opened._replace(view=black), closed._replace(view=white), neutral)
    points = drawn_face(0.1)[0]
    deviation = lip_shape(drawn_face(gap)[0]) - appearance.neutral
    warped = appearance.warped(points, STORED, basis.encode(deviation[None])[0], basis)
    lips = warped.image[230:260, 120:180]
    assert np.median(lips) == brightness
    half = closedness(lip_shape(drawn_face(CLOSED + sum(FADE_RANGE) / 2)[0]))
    assert 0.3 < half < 0.7


def test_a_reference_keeps_its_unedited_source_frame() -> None:
    landmarks, image = drawn_face(0.3)
    picture = picture_of_rgb(image)
    appearance = Person(STORED // 2, None).update(picture, CROP, landmarks).appearance
    picture.planes[0][:] = 0
    kept = appearance.open.source
    rgb = planes_to_rgb([kept.luma, *cv2.split(kept.chroma)], kept.layout)
    np.testing.assert_allclose(rgb, image, atol=2)
    corner = kept.affine @ np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(corner, 0.5, atol=1e-6)  # the centre of its first two by two pixels


def test_each_track_has_its_own_references() -> None:
    small, large, larger = drawn(0.05), drawn(0.3), drawn(0.4)
    assert analysed([0.05, 0.3, 0.05, 0.4], 50, tracks=(2,)) == [large, large, larger, larger]
    assert analysed([0.05, None, 0.3], ahead=50) == [small, None, large]
    assert analysed([None, None], ahead=50) == [None, None]


def test_frames_leave_in_order_and_unchanged() -> None:
    gaps: list[float | None] = [0.01 * number for number in range(7)]
    frames = analyse(placed(gaps), STORED, None, ahead=3)
    for (picture, analysis), (plain, where, _) in zip(frames, placed(gaps), strict=True):
        np.testing.assert_array_equal(picture.planes[0], plain.planes[0])
        placements = [face.placement for face in analysis.faces]
        np.testing.assert_array_equal(placements[0].landmarks, where[0].landmarks)


def test_fewer_large_frames_are_buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn_bytes = sum(plane.nbytes for plane in picture_of_rgb(drawn_face(0.0)[1]).planes)
    assert BUFFER_BYTES > 50 * 1280 * 720 * 1.5  # 720p fits completely
    monkeypatch.setattr("talkernel.mouth.analysis.BUFFER_BYTES", 2 * drawn_bytes)
    small, large = drawn(0.05), drawn(0.3)
    assert analysed([0.05, 0.05, 0.05, 0.3], ahead=50) == [small, large, large, large]
    monkeypatch.setattr("talkernel.mouth.analysis.BUFFER_BYTES", 1)
    assert analysed([0.05, 0.3], ahead=50) == [small, large]
