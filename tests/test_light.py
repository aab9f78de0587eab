"""The light on a face: a reference takes the light of the frame it is drawn in."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from talkernel.media.frame import Picture
from talkernel.media.sample import picture_of_rgb
from talkernel.mouth.light import CHIN, SKIN, UPPER, fit_light, sample_skin, steadied
from tests.people import Landmarks, found

Array = NDArray[np.float32]
LAYOUT = picture_of_rgb(astronaut()).layout


@pytest.fixture(scope="module")
def face() -> tuple[Picture, Landmarks]:
    return found(astronaut())


@pytest.fixture(scope="module")
def skin(face: tuple[Picture, Landmarks]) -> Array:
    return sample_skin(*face)


def in_light(skin: Array, gain: float, offsets: tuple[float, float, float] = (0, 0, 0)) -> Array:
    """Samples in another light; chroma is 128 where there is no colour."""
    grey = np.array([0.0, 128.0, 128.0], np.float32)
    return np.asarray(gain * (skin - grey) + grey + np.float32(offsets), np.float32)


def test_skin_is_sampled_where_the_landmarks_are(face: tuple[Picture, Landmarks]) -> None:
    picture, landmarks = face
    skin = sample_skin(picture, landmarks)
    assert skin.shape == (len(SKIN), 3)
    x, y = landmarks[SKIN[0], :2].astype(int)
    around = picture.planes[0][y - 4 : y + 5, x - 4 : x + 5].mean()
    assert skin[0, 0] == pytest.approx(around, abs=4.0)


@pytest.mark.parametrize("gain", [0.1, 0.5, 0.93, 1.0, 1.07, 1.6])
@pytest.mark.parametrize("colour", [(0.0, 0.0), (4.0, -6.0)])
def test_exposure_and_white_balance_are_found(
    skin: Array, gain: float, colour: tuple[float, float]
) -> None:
    light = fit_light(skin, in_light(skin, gain, (0.0, *colour)), LAYOUT)
    assert light.gain[0] == pytest.approx(gain, rel=0.03)
    lit = np.stack([light.applied(i, skin[:, i]) for i in range(3)], 1)
    np.testing.assert_allclose(lit, in_light(skin, gain, (0.0, *colour)), atol=1.5)
    assert light.trust == pytest.approx(1.0)


def test_a_lifted_black_level_is_found(skin: Array) -> None:
    target = in_light(skin, 0.8, (25.0, 0.0, 0.0))
    light = fit_light(skin, target, LAYOUT)
    dark = light.applied(0, np.array([60.0], np.float32))[0]
    assert dark == pytest.approx(0.8 * 60 + 25, abs=5.0)


def test_a_hand_on_a_cheek_does_not_mislead(skin: Array) -> None:
    target = in_light(skin, 0.9)
    target[:8] = (60.0, 110.0, 150.0)
    assert fit_light(skin, target, LAYOUT).gain[0] == pytest.approx(0.9, abs=0.05)


def test_shading_is_not_taken_for_contrast(skin: Array) -> None:
    """A turned head is brighter on one side. Lips must not turn black because of it."""
    target = skin.copy()
    target[:, 0] += np.random.default_rng(0).normal(0.0, 20.0, len(skin))
    light = fit_light(skin, target, LAYOUT)
    assert light.applied(0, np.array([70.0], np.float32))[0] == pytest.approx(70.0, abs=15.0)


def test_the_edit_fades_in_the_dark_and_behind_a_hand(skin: Array) -> None:
    assert fit_light(skin, in_light(skin, 0.005), LAYOUT).trust == 0.0
    hidden = skin.copy()
    hidden[UPPER : UPPER + round(0.8 * len(CHIN))] = (40.0, 128.0, 128.0)
    assert fit_light(skin, hidden, LAYOUT).trust < 0.1
    beard = skin.copy()
    beard[UPPER:, 0] -= 15.0
    assert fit_light(skin, beard, LAYOUT).trust == pytest.approx(1.0)


def test_rgb_images_take_the_same_light(face: tuple[Picture, Landmarks], skin: Array) -> None:
    light = fit_light(skin, in_light(skin, 0.7, (0.0, 3.0, -3.0)), LAYOUT)
    image = astronaut()[100:140, 200:240]
    picture = picture_of_rgb(np.ascontiguousarray(image))
    planes = [light.applied(i, plane.astype(np.float32)) for i, plane in enumerate(picture.planes)]
    lit = Picture(
        tuple(np.clip(np.rint(p), 0, 255).astype(np.uint8) for p in planes),  # type: ignore[arg-type]
        picture.layout,
    )
    difference = light.applied_to_rgb(image).astype(int) - lit.to_rgb()
    assert np.abs(difference).mean() < 1.5


def test_noise_is_steadied_and_a_flash_is_followed_at_once(skin: Array) -> None:
    rng, before, noisy = np.random.default_rng(0), None, []
    for _ in range(40):
        before = steadied(before, skin + np.float32(rng.normal(0, 0.5)))
        noisy.append(float(before.mean()))
    assert np.std(noisy[5:]) < 0.35
    flash = in_light(skin, 1.4)
    np.testing.assert_allclose(steadied(before, flash), flash, atol=1e-3)
