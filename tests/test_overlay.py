"""Captions stay readable and still in front of a face; parts of the face are no captions."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import talkernel
from talkernel.face.crop import Crop
from talkernel.face.overlay import Overlay
from talkernel.face.stabilise import stabilise
from talkernel.face.track import FaceTracker
from talkernel.media import open_face
from talkernel.media.sample import picture_of_rgb
from talkernel.mouth.find_overlay import find_overlays
from tests.faces import portrait_on_canvas
from tests.jobs import babble
from tests.people import HEIGHT, WIDTH, write_video
from tests.test_media_support import write_sound

Image = NDArray[np.uint8]
SECONDS = 1.2
CHIN = (176, 194)  # left end and base line of the caption, over the portrait's chin


def talking(number: int) -> Image:
    """The portrait on a canvas; its head sways and its jaw drops."""
    at = 110.0 + 9.0 * np.sin(number / 5), 10.0 + 4.0 * np.sin(number / 3)
    drop = 7.0 * max(0.0, np.sin(number / 2))
    return portrait_on_canvas(WIDTH, HEIGHT, at, 0.95, drop)


def captioned(image: Image, text: str = "CAPTION") -> Image:
    for colour, width in (((0, 0, 0), 9), ((255, 255, 255), 3)):
        cv2.putText(image, text, CHIN, cv2.FONT_HERSHEY_SIMPLEX, 1.2, colour, width, cv2.LINE_AA)
    return image


def text_mask(text: str = "CAPTION") -> NDArray[np.bool_]:
    """The white of the letters."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    cv2.putText(image, text, CHIN, cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255,) * 3, 3, cv2.LINE_AA)
    return np.asarray(image[..., 0] > 200)


def marked(images: list[Image]) -> list[NDArray[np.uint8] | None]:
    """The whole frame's overlay mask of each frame."""
    tracker = FaceTracker()
    observed = [(p, tracker.update(p)) for p in map(picture_of_rgb, images)]
    masks: list[NDArray[np.uint8] | None] = []
    for frame in find_overlays(stabilise(observed, 0.6)):
        overlay = frame.placements[0].overlay
        masks.append(None if overlay is None else whole(overlay))
    return masks


def whole(overlay: Overlay) -> NDArray[np.uint8]:
    crop, frame = overlay.crop, np.zeros((HEIGHT, WIDTH), np.uint8)
    affine = np.array([[1.0, 0.0, crop.left], [0.0, 1.0, crop.top]])
    return np.asarray(cv2.warpAffine(overlay.mask, affine, (WIDTH, HEIGHT), dst=frame), np.uint8)


def test_a_caption_is_found_while_it_is_shown() -> None:
    images = [captioned(talking(n)) if 10 <= n < 40 else talking(n) for n in range(50)]
    masks, letters = marked(images), text_mask()
    for number in range(12, 38):
        mask = masks[number]
        assert mask is not None
        face = letters[:, 238:300]  # those in front of the chin
        assert (mask[:, 238:300][face] > 0).mean() > 0.97
    assert all(mask is None for mask in (*masks[:8], *masks[44:]))


def test_a_talking_face_has_no_captions() -> None:
    """At most its collar stays in place while the jaw drops."""
    for number, mask in enumerate(marked([talking(n) for n in range(40)])):
        left, top = round(110 + 9 * np.sin(number / 5)), round(10 + 4 * np.sin(number / 3))
        chin = np.s_[top + 95 : top + 165, left + 120 : left + 190]
        assert mask is None or (mask[chin] > 0).mean() < 0.02


def test_what_is_lifted_off_is_filled_and_laid_back() -> None:
    slope = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) // 8
    plain = np.repeat(slope.astype(np.uint8)[..., None] + np.uint8(60), 3, 2)
    picture, clean = picture_of_rgb(captioned(plain.copy())), picture_of_rgb(plain)
    before = picture.copy()
    mask = cv2.dilate(text_mask().astype(np.uint8) * 255, np.ones((13, 13), np.uint8))
    overlay = Overlay(Crop(100, 60, 260), np.ascontiguousarray(mask[60:320, 100:360]))
    lifted = overlay.lift(picture)
    for now, then in zip(picture.planes, clean.planes, strict=True):
        assert np.abs(now.astype(int) - then).max() < 12
    lifted.lay_back(picture)
    for now, then in zip(picture.planes, before.planes, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    write_sound(path, babble(SECONDS, seed=2))
    return path


def test_captions_stay_as_they_are_while_the_mouth_speaks(tmp_path: Path, speech: Path) -> None:
    face = write_video(tmp_path / "face.mkv", [captioned(talking(n)) for n in range(30)])
    talkernel.generate(face, speech, tmp_path / "out.mkv", codec="ffv1")
    letters, changed = text_mask(), 0.0
    letters[:, :238] = letters[:, 300:] = False  # those in front of the chin
    before, after = (
        [picture.planes[0].copy() for picture in open_face(path).frames()]
        for path in (face, tmp_path / "out.mkv")
    )
    for old, new in zip(before, after, strict=True):
        assert (np.abs(new[letters].astype(int) - old[letters]) > 4).mean() < 0.04
        changed = max(changed, float(np.abs(new.astype(int) - old)[140:160].max()))
    assert changed > 20  # the mouth above the caption is edited
