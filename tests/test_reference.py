"""The reference: the person's own mouth from another frame."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from talkernel.errors import CheckpointError
from talkernel.lab.tracks.track import STORED, Track
from talkernel.lab.train.checkpoint import load_start, take_weights
from talkernel.lab.train.losses import discriminator_loss
from talkernel.lab.train.pairs import Pairs
from talkernel.lab.train.recipes import PairRecipe
from talkernel.model.checkpoint import save_model
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from talkernel.model.talking_face import TalkingFace
from talkernel.mouth.mask import FrameInput, blur_mouth, mouth_mask
from talkernel.mouth.reference import Reference
from tests.tracks import TINY, drawn_face

SHOWN = dataclasses.replace(TINY, reference=True)


def test_a_reference_is_aligned_with_the_face() -> None:
    points, image = drawn_face(0.3)
    turn = cv2.getRotationMatrix2D((150, 140), 12, 0.8)
    moved = cv2.warpAffine(image, turn, (STORED, STORED), borderMode=cv2.BORDER_REPLICATE)
    there = points[:, :2] @ turn[:, :2].T + turn[:, 2]
    warped = Reference(image, points).warped(there, STORED).image
    assert np.abs(warped.astype(int) - moved).mean() < 0.5


def test_the_generator_sees_the_masked_face_and_the_reference() -> None:
    points, image = drawn_face(0.3)
    weight = mouth_mask(points, STORED, 256)
    shown = FrameInput.of(image, points, 256, Reference(image, points).warped(points, STORED))
    np.testing.assert_array_equal(shown.mask, weight)
    np.testing.assert_array_equal(shown.picture[:, :, :3], blur_mouth(image, weight, 256))
    np.testing.assert_array_equal(shown.picture[:, :, 3:], image)
    open_face = FrameInput.of(image, points, 256, None, masked=False)
    assert not open_face.mask.any()
    np.testing.assert_array_equal(open_face.picture, image)
    attention = np.random.default_rng(0).random((STORED, STORED), np.float32)
    np.testing.assert_array_equal(open_face.blend_alpha(attention), attention)
    alone = FrameInput.of(image, points, 256, None).picture
    np.testing.assert_array_equal(alone, shown.picture[:, :, :3])


@pytest.mark.parametrize("worse", [{}, {"compressed": 1.0, "occluded": 1.0}])
def test_pairs_with_a_reference_are_the_same_pairs(
    worse: dict[str, float], tracks: list[Track], basis: LipBasis
) -> None:
    recipe = PairRecipe(size=160, **worse)
    without = Pairs(tracks, basis, recipe, seed=3)
    with_one = Pairs(tracks, basis, recipe, seed=3, model=ModelConfig(reference=True))
    for number in range(4):
        plain, shown = without[number], with_one[number]
        assert shown.network_input.shape == (6, 160, 160)
        np.testing.assert_array_equal(shown.network_input[:3], plain.network_input)
        np.testing.assert_array_equal(shown.target, plain.target)
        assert shown.genuine == plain.genuine


def test_the_reference_is_aligned_with_the_input_face(tracks: list[Track], basis: LipBasis) -> None:
    pairs = Pairs(tracks, basis, PairRecipe(size=160), seed=3, model=ModelConfig(reference=True))
    for number in range(6):
        sample = pairs[number]
        beyond = (sample.outside[0] == 255) & (sample.mouth_mask[0] == 0)
        wrong = np.abs(sample.network_input[3:].astype(int) - sample.face)[:, beyond]
        assert np.median(wrong) < 6 < np.abs(sample.face.astype(int) - 128).mean()


def test_an_input_may_be_its_own_reference_as_for_a_photo(
    tracks: list[Track], basis: LipBasis
) -> None:
    recipe = PairRecipe(size=160, own_reference=0.5)
    pairs = Pairs(tracks, basis, recipe, seed=3, model=ModelConfig(reference=True))
    others = Pairs(tracks, basis, PairRecipe(size=160), seed=3, model=ModelConfig(reference=True))
    own = []
    for number in range(12):
        sample, other = pairs[number], others[number]
        own.append(bool((sample.network_input[3:] == sample.face).all()))
        np.testing.assert_array_equal(sample.network_input[:3], other.network_input[:3])
        np.testing.assert_array_equal(sample.target, other.target)
        assert own[-1] or (sample.network_input == other.network_input).all()
    assert 2 <= sum(own) <= 10


def test_composites_are_not_marked_as_genuine(tracks: list[Track], basis: LipBasis) -> None:
    for real in (0.0, 1.0):
        recipe = PairRecipe(size=160, real_input=real, identity=0.0)
        pairs = Pairs(tracks, basis, recipe)
        assert {bool(pairs[number].genuine) for number in range(4)} == {real == 0.0}


def test_the_discriminator_ignores_composites() -> None:
    real = torch.tensor([1.0, 0.0]).reshape(2, 1, 1, 1)  # the second looks generated to D, rightly
    fake, everywhere = torch.zeros(2, 1, 1, 1), torch.ones(2, 1, 1, 1)
    for genuine, loss in (([True, False], 0.0), ([True, True], 0.5), ([False, False], 0.0)):
        assert discriminator_loss(real, fake, torch.tensor(genuine), everywhere) == loss


def test_a_finished_model_with_a_new_input_starts_with_the_same_output(tmp_path: Path) -> None:
    torch.manual_seed(1)
    done = TalkingFace(TINY).eval()
    save_model(done, tmp_path / "talkernel.safetensors")
    further = TalkingFace(SHOWN).eval()
    for path in (tmp_path, tmp_path / "talkernel.safetensors"):
        take_weights(further, load_start(path)["model"])
    face, reference = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    kernels = done.kernel_inference(torch.rand(1, TINY.audio_channels))
    with torch.no_grad():
        before = done.unet.raw_output(face, kernels)
        after = further.unet.raw_output(torch.cat([face, reference], 1), kernels)
    torch.testing.assert_close(after, before, atol=0.02, rtol=0)  # kept in half precision


def test_a_file_that_is_no_checkpoint_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "talkernel.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(CheckpointError, match="not a Talkernel checkpoint"):
        load_start(path)
