"""Degraded pairs: objects in front of the mouth, compression."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from talkernel.lab.tracks.track import STORED, Track
from talkernel.lab.train import pairs as pairs_module
from talkernel.lab.train.batch import Batch, collate
from talkernel.lab.train.degradation import (
    BLOCK,
    QUALITY,
    SMALLEST,
    Compression,
    Shot,
    compress,
    occlude,
)
from talkernel.lab.train.losses import mask_loss
from talkernel.lab.train.occluder import MOST, random_occluder
from talkernel.lab.train.pairs import Pairs
from talkernel.lab.train.recipes import PairRecipe
from talkernel.lab.train.sample import Sample
from talkernel.lab.train.transplant import lips_mask
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from tests.tracks import drawn_face

PLAIN = PairRecipe(size=160, identity=0.0)
COUNT = 24


@pytest.fixture
def drawn(tracks: list[Track], basis: LipBasis) -> Drawn:
    return Drawn(tracks, basis)


class Drawn:
    """The first samples by a recipe."""

    def __init__(self, tracks: list[Track], basis: LipBasis) -> None:
        self.tracks, self.basis = tracks, basis

    def __call__(self, masked: bool = True, **changes: object) -> list[Sample]:
        recipe = dataclasses.replace(PLAIN, **changes)  # type: ignore[arg-type]
        model = ModelConfig(masked=masked)
        pairs = Pairs(self.tracks, self.basis, recipe, seed=4, model=model)
        return [pairs[number] for number in range(COUNT)]


def differ(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Largest difference of the colours, `[S, S]`."""
    return np.asarray(np.abs(one.astype(int) - other).max(0))


def face() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture with some texture, its landmarks, its lips."""
    points, image = drawn_face(0.2)
    noise = np.random.default_rng(1).normal(0, 12, image.shape)
    textured = np.clip(image + noise, 0, 255).astype(np.uint8)
    return textured, points[:, :2], lips_mask([points], STORED, 256)


def test_degradation_can_be_off(drawn: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> Shot:
        raise AssertionError

    monkeypatch.setattr(pairs_module, "occlude", forbidden)
    monkeypatch.setattr(pairs_module, "compress", forbidden)
    assert len(drawn()) == COUNT
    with pytest.raises(AssertionError):
        drawn(occluded=1.0)


def test_degradation_does_not_change_which_pairs_are_drawn(drawn: Drawn) -> None:
    for plain, filmed in zip(drawn(), drawn(occluded=1.0, compressed=1.0), strict=True):
        for name in ("lips", "lower", "mouth_mask", "corner", "code", "speech"):
            np.testing.assert_array_equal(getattr(plain, name), getattr(filmed, name))
        assert (plain.face != filmed.face).any() and (plain.target != filmed.target).any()


def test_degradation_affects_its_fraction_of_pairs(drawn: Drawn) -> None:
    both = zip(drawn(), drawn(occluded=0.5), drawn(compressed=0.5), strict=True)
    same = [[(plain.face == filmed.face).all() for filmed in others] for plain, *others in both]
    untouched = np.mean(same, axis=0)
    assert (untouched > 0.2).all() and (untouched < 0.8).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"occluded": 1.0},
        {"compressed": 1.0},
        {"occluded": 1.0, "compressed": 1.0},
        {"occluded": 1.0, "masked": False},
    ],
)
def test_input_and_target_agree_outside_the_mouth(drawn: Drawn, changes: dict[str, object]) -> None:
    for plain, sample in zip(
        drawn(**{**changes, "occluded": 0.0, "compressed": 0.0}), drawn(**changes), strict=True
    ):
        changed = differ(sample.face, sample.target)
        assert changed[sample.outside[0] == 255].max() == 0
        assert changed[sample.lips[0] == 255].max() > 12  # and within there is enough to learn
        assert (sample.outside >= plain.outside).all()
        np.testing.assert_array_equal(np.unique(sample.outside), [0, 255])


def test_nothing_may_change_on_an_object_outside_the_mask(drawn: Drawn) -> None:
    places = []
    for plain, sample in zip(drawn(), drawn(occluded=1.0), strict=True):
        added = (sample.outside > plain.outside)[0]
        assert (sample.mouth_mask[0][added] == 0).all()
        places.append(differ(sample.face, plain.face)[added] > 0)
    assert np.concatenate(places).mean() > 0.8  # elsewhere it happens to have the same colour
    assert sum(map(len, places)) > 20 * COUNT
    open_to_see = drawn(occluded=1.0, masked=False)
    on_lips = [((sample.outside == 255) & (sample.lips == 255)).sum() for sample in open_to_see]
    assert np.mean(np.array(on_lips) > 0) > 0.7  # there the generator must leave the object alone


def test_the_mask_covers_the_object_too_as_in_use(drawn: Drawn) -> None:
    for sample in drawn(occluded=1.0):
        clear, masked = sample.mouth_mask[0] == 0, sample.mouth_mask[0] == 255
        assert differ(sample.network_input, sample.face)[clear].max() <= 1  # a blend with weight 0
        rough = [
            np.abs(np.diff(x.astype(int), axis=2))[:, masked[:, 1:]].mean()
            for x in (sample.network_input, sample.face)
        ]
        assert rough[0] < rough[1]


def test_degraded_batches_have_useful_weights_and_masks(drawn: Drawn) -> None:
    batch = Batch.of(collate(drawn(occluded=1.0, compressed=1.0)), "cpu")
    weight = batch.weight(8.0)
    assert weight.shape == (COUNT, 1, 160, 160) and weight[batch.lips == 1].min() == 8.0
    assert (batch.lips.sum((1, 2, 3)) > 200).all()
    to_learn = (batch.face - batch.target).abs() * batch.lips * (1 - batch.outside)
    assert (to_learn.sum((1, 2, 3)) > 0).all()
    assert mask_loss(batch.mouth_mask, batch.outside) < 0.02  # the mask costs no attention loss


def test_objects_reach_in_from_outside_and_leave_some_of_the_lips_visible() -> None:
    image, points, lips = face()
    fractions, kinds = [], set()
    for seed in range(60):
        occluder = random_occluder(image, points, lips, 256, np.random.default_rng(seed))
        solid = occluder.weight == 1.0
        assert solid[[0, -1]].any() or solid[:, [0, -1]].any()
        fractions.append(float(solid[lips == 255].mean()))
        kinds.add(int(occluder.texture[solid].mean()) // 40)
        assert 0.0 <= occluder.weight.min() and occluder.weight.max() <= 1.0
        assert occluder.texture.dtype == np.uint8 and occluder.texture[solid].std() > 1.0
    assert max(fractions) <= MOST and np.mean(np.array(fractions) > 0.02) > 0.9
    assert np.ptp(fractions) > 0.3 and len(kinds) > 2


def test_an_object_is_the_same_in_both_pictures() -> None:
    image, points, lips = face()
    other = np.full_like(image, 90)
    outside = np.zeros(lips.shape, np.uint8)
    mask = np.zeros_like(outside)
    rng = np.random.default_rng(2)
    shot = occlude(Shot(image, other, outside), points, lips, mask, 256, rng)
    there = shot.outside == 255
    np.testing.assert_array_equal(shot.source[there], shot.target[there])
    clear = (shot.source == image).all(2) & (shot.target == other).all(2)
    assert 0.3 < clear.mean() < 0.95 and 0.03 < there.mean() < 0.6


def test_compression_stays_in_its_ranges() -> None:
    drawn = [Compression.random(160, np.random.default_rng(seed)) for seed in range(200)]
    qualities, sides, grids = zip(*drawn, strict=True)
    assert min(qualities) >= QUALITY[0] and max(qualities) <= QUALITY[1]
    assert 160 * SMALLEST - 1 <= min(sides) < 80 and max(sides) == 160
    assert np.min(grids) == 0 and np.max(grids) == BLOCK - 1
    assert 0.3 < np.mean(np.array(sides) == 160) < 0.7


def test_compressed_pictures_are_coarser_and_not_shifted() -> None:
    image, *_ = face()
    errors = []
    for quality in (50, 10):
        shown = Compression(quality, STORED, (5, 11)).apply(image)
        assert shown.shape == image.shape and shown.dtype == np.uint8
        errors.append(np.abs(shown.astype(int) - image).mean())
        assert np.abs(shown.mean((0, 1)) - image.mean((0, 1))).max() < 3.0  # red is still red
    assert 1.0 < errors[0] < errors[1]
    smooth = drawn_face(0.2)[1]
    small = Compression(50, STORED // 2, (3, 0)).apply(smooth)
    shifts = [np.abs(np.roll(small, by, axis=1).astype(int) - smooth).mean() for by in (-2, 0, 2)]
    assert shifts[1] < min(shifts[0], shifts[2])


def test_both_sides_are_compressed_alike() -> None:
    image, _, lips = face()
    outside = np.where(lips > 0, 0, 255).astype(np.uint8)
    same = compress(Shot(image, image, outside), np.random.default_rng(0))
    np.testing.assert_array_equal(same.source, same.target)
    clean = drawn_face(0.5)[1]
    shot = compress(Shot(image, clean, outside), np.random.default_rng(0))
    np.testing.assert_array_equal(shot.source, same.source)  # the target has no influence on it
    assert (shot.target[lips > 0] != clean[lips > 0]).any()
