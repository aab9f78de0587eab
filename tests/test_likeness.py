"""The likeness of a published portrait, changed in ways that do and do not change the person."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from talkernel.face.likeness import ANCHORS, DARK, PLACES, SAME, SIZE, SURE, Likeness, similarity
from talkernel.face.lips import OUTER_LIP
from talkernel.face.track import FaceTracker
from talkernel.media import open_face
from talkernel.media.frame import Picture
from talkernel.media.sample import picture_of_rgb
from tests.faces import portrait_on_canvas
from tests.people import found, rebuilt

Image = NDArray[np.uint8]
Landmarks = NDArray[np.float32]


@pytest.fixture(scope="module")
def likeness() -> Likeness:
    return Likeness()


@pytest.fixture(scope="module")
def portrait() -> NDArray[np.float32]:
    """The portrait's own vector."""
    return Likeness().of(*found(astronaut()))


def shown(clip: Path) -> list[Picture]:
    """Pictures 0, 20 and 40 of a clip."""
    return list(islice(open_face(clip).frames(), 0, 41, 20))


def brighter(image: Image, by: float) -> Image:
    return np.clip(image * by, 0, 255).astype(np.uint8)


def mouth_painted(image: Image) -> Image:
    """The portrait with a wide open, dark mouth."""
    lips = found(image)[1][list(OUTER_LIP), :2]
    lips = (lips - lips.mean(0)) * [1.1, 2.0] + lips.mean(0)
    return np.asarray(
        cv2.fillPoly(image.copy(), [cv2.convexHull(lips.astype(np.int32))], (30,) * 3)
    )


def test_the_vector_has_length_one(portrait: NDArray[np.float32]) -> None:
    assert portrait.shape == (128,) and portrait.dtype == np.float32
    assert np.linalg.norm(portrait) == pytest.approx(1.0, abs=1e-5)
    assert similarity(portrait, portrait) == pytest.approx(1.0, abs=1e-5)


def test_a_stored_view_gives_the_same_vector(
    likeness: Likeness, portrait: NDArray[np.float32]
) -> None:
    view = likeness.view(*found(astronaut()))
    assert view.shape == (SIZE, SIZE, 3) and view.dtype == np.uint8
    np.testing.assert_array_equal(likeness.embed(view), portrait)


@pytest.mark.parametrize("step", [0.7, 2.0, 4.0, 8.0])
@pytest.mark.parametrize("turn", [0.0, 0.6])
def test_the_anchors_fall_on_their_places(likeness: Likeness, step: float, turn: float) -> None:
    """Landmarks lie on dots in the frame; the dots lie on `PLACES` in the view."""
    places = 500.0 + 300.0j + step * np.exp(1j * turn) * (PLACES - PLACES.mean())
    landmarks = np.zeros((468, 3), np.float32)
    landmarks[list(ANCHORS), :2] = np.stack([places.real, places.imag], 1)
    y, x = np.mgrid[:600, :1000]
    dots = sum(np.exp(-(np.abs(x + 1j * y - place) ** 2) / (2 * step) ** 2) for place in places)
    image = np.repeat((255 * np.clip(dots, 0, 1)).astype(np.uint8)[..., None], 3, 2)
    view = likeness.view(picture_of_rgb(image), landmarks)[..., 0].astype(np.float64)
    for place in PLACES:
        column, row = round(place.real), round(place.imag)
        around = view[row - 5 : row + 6, column - 5 : column + 6]
        offset = np.arange(-5, 6)
        weights = around / around.sum()
        assert column + (weights.sum(0) @ offset) == pytest.approx(place.real, abs=0.3)
        assert row + (weights.sum(1) @ offset) == pytest.approx(place.imag, abs=0.3)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(brighter(astronaut(), 0.7), id="darker"),
        pytest.param(brighter(astronaut(), 1.3), id="brighter"),
        pytest.param(portrait_on_canvas(scale=0.4), id="small"),
        pytest.param(cv2.resize(astronaut()[:300, 100:400], None, fx=4, fy=4), id="large"),
        pytest.param(portrait_on_canvas(at=(13.0, 41.0), scale=0.9), id="elsewhere"),
        pytest.param(portrait_on_canvas(scale=0.9, opened=14.0), id="jaw dropped"),
        pytest.param(cv2.blur(astronaut(), (9, 1)), id="blurred"),
    ],
)
def test_the_same_face_stays_the_same(
    likeness: Likeness, portrait: NDArray[np.float32], image: Image
) -> None:
    assert similarity(likeness.of(*found(image)), portrait) > SURE > SAME


def test_a_painted_mouth_changes_nobody(likeness: Likeness, portrait: NDArray[np.float32]) -> None:
    assert similarity(likeness.of(*found(mouth_painted(astronaut()))), portrait) > SURE


def test_other_features_make_somebody_else(
    likeness: Likeness, portrait: NDArray[np.float32]
) -> None:
    alike = [
        similarity(likeness.of(*found(rebuilt(astronaut(), strength))), portrait)
        for strength in (0.0, 0.25, 1.0, 2.0)
    ]
    assert alike[0] > 0.99 and alike[1] > SURE
    assert alike == sorted(alike, reverse=True) and alike[-1] < SAME


def test_a_place_without_a_face_is_nobody(
    likeness: Likeness, portrait: NDArray[np.float32]
) -> None:
    picture, points = found(astronaut())
    beside = points + np.array([0.0, 250.0, 0.0], np.float32)  # on the suit
    assert similarity(likeness.of(picture, beside), portrait) < SAME


def test_a_fade_keeps_the_face_down_to_the_dark(
    likeness: Likeness, portrait: NDArray[np.float32]
) -> None:
    picture, points = found(astronaut())
    view = likeness.view(picture, points)
    faded = brighter(view, (DARK + 1.0) / float(view.mean()))
    assert similarity(likeness.embed(faded), portrait) > SURE


def test_real_people_are_told_apart(likeness: Likeness, shared: Path) -> None:
    """One clip each of some people of the validation split, 20 frames apart."""
    people = ("id014", "id034", "id052", "id067", "id086", "id098")
    seen = []
    for person in people:
        clip, tracker = min((shared / "clips" / "val").glob(f"*_{person}.mp4")), FaceTracker()
        frames = [(picture, tracker.update(picture).face) for picture in shown(clip)]
        seen.append([likeness.of(picture, face.landmarks) for picture, face in frames if face])
    assert all(len(vectors) == 3 for vectors in seen)
    for i, vectors in enumerate(seen):
        assert min(similarity(vectors[0], other) for other in vectors) > SURE
        for others in seen[:i]:
            assert max(similarity(a, b) for a in vectors for b in others) < SAME
