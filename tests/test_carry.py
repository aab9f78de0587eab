"""What M takes from the warped reference: fetched from its own frame, where landmarks say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from talkernel.carry import Carried
from talkernel.config import ModelConfig
from talkernel.cover import cover, cut, to_network
from talkernel.engine import load_engine
from talkernel.engine.weights import read_basis
from talkernel.errors import RunConfigError, TrainingDataError
from talkernel.face.crop import Crop
from talkernel.face.lip_flow import lip_flow, plate_flow
from talkernel.face.lips import SHAPE, LipBasis, lip_shape, mouth_opening
from talkernel.face.reference import Origin, Recalled, Reference, place
from talkernel.face.rest import Rest, told_lips
from talkernel.face.veil import laid_alpha
from talkernel.media import Picture, PixelLayout
from talkernel.media.sample import picture_of_rgb
from talkernel.model.checkpoint import save_model
from talkernel.model.synthesis import Synthesis
from talkernel.model.talking_face import TalkingFace
from talkernel.train.assemble import mean_generator
from talkernel.train.batch import Batch, collate
from talkernel.train.checkpoint import take_weights
from talkernel.train.generator import GeneratorTrainer
from talkernel.train.pairs import Pairs
from talkernel.train.recipes import GeneratorRecipe, PairRecipe
from talkernel.train.run_config import Data, GeneratorRun
from talkernel.train.runs import load_basis
from talkernel.train.tracks import STORED, Track
from tests.test_cover import LAYOUTS, flat_picture, random_picture
from tests.test_train import cpu, tiny_run
from tests.tracks import TINY, drawn_face, drawn_track, fitted_basis

SIDE = 64
WARPED = dataclasses.replace(TINY, reference=True, warped=True)
RNG = np.random.default_rng(0)
Array = np.ndarray
ONES = np.ones((SIDE, SIDE), np.float32)
NOWHERE = 0.0 * ONES
EVERYWHERE = SIDE * np.array([[0, 0], [1, 0], [1, 1], [0, 1]] * 10, np.float32)  # lips


def here(dx: float = 0.0, dy: float = 0.0) -> Array:
    """Places so far beside each pixel's own."""
    own = np.indices((SIDE, SIDE), np.float32)[::-1].transpose(1, 2, 0)
    return np.ascontiguousarray(own + np.array([dx, dy], np.float32))


def lay(frame: Picture, crop: Crop, places: Array, origin: Origin, share: float = 1.0) -> None:
    """Cover a frame with a grey M that is the reference up to a share."""
    grey, ones = np.zeros((3, SIDE, SIDE), np.float32), np.ones((SIDE, SIDE), np.float32)
    recalled = Recalled(np.zeros((SIDE, SIDE, 3), np.uint8), places, EVERYWHERE, NOWHERE)
    carried = Carried.of(share * ones[None], recalled, origin, SIDE)
    cover(frame, crop, ones, grey, carried=carried)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.format)
@pytest.mark.parametrize("crop", [Crop(20, 10, 96), Crop(-30, -20, 90)])
def test_a_frame_carried_onto_itself_stays_as_it_is(layout: PixelLayout, crop: Crop) -> None:
    """In all its detail, which is finer than f sees it."""
    frame = random_picture(layout)
    before = frame.copy()
    lay(frame, crop, here(), Origin(frame, crop.from_view(SIDE)).kept())
    for after, plane in zip(frame.planes, before.planes, strict=True):
        wrong = np.abs(after.astype(int) - plane)
        assert wrong.max() <= 1 << (layout.depth - 8) and (wrong == 0).mean() > 0.95


def test_pixels_come_from_where_the_places_say() -> None:
    frame, crop = random_picture(LAYOUTS[3]), Crop(20, 10, 64)
    origin = Origin(frame, crop.from_view(SIDE)).kept()
    lay(frame, crop, here(dx=3.0, dy=-2.0), origin)
    there, moved = frame.planes[0][30:60, 40:70], origin.picture.planes[0][28:58, 43:73]
    assert np.abs(there.astype(int) - moved).max() <= 1


def test_what_is_painted_shows_as_far_as_the_share_leaves_it() -> None:
    frame, crop = random_picture(LAYOUTS[3]), Crop(20, 10, 64)
    origin = Origin(frame, crop.from_view(SIDE)).kept()
    painted = frame.copy()
    lay(painted, crop, here(), origin, share=0.0)
    lay(frame, crop, here(), origin, share=0.25)
    inside = np.s_[30:60, 40:70]
    carried, grey, mixed = (x.planes[0][inside].astype(float)
                            for x in (origin.picture, painted, frame))  # fmt: skip
    assert np.abs(mixed - (0.75 * grey + 0.25 * carried)).max() <= 1.0


def test_what_is_kept_of_a_reference_no_edit_reaches() -> None:
    frame = random_picture(LAYOUTS[0])
    kept = Origin(frame, Crop(0, 0, SIDE).from_view(SIDE)).kept()
    before = kept.picture.planes[0].copy()
    frame.planes[0][:] = 0
    np.testing.assert_array_equal(kept.picture.planes[0], before)


def test_training_and_use_make_the_same_of_an_answer() -> None:
    smooth = RNG.uniform(0, 255, (4, 4, 3)).repeat(16, 0).repeat(16, 1).astype(np.uint8)
    shades = np.array([1.0, *RNG.uniform(-0.8, 0.8, 3), 0.7], np.float32)
    answer = np.tile(shades[:, None, None], (1, SIDE, SIDE))
    frame, crop = picture_of_rgb(smooth), Crop(0, 0, SIDE)
    origin = Origin(frame, crop.from_view(SIDE)).kept()
    recalled = Recalled(smooth, here(), EVERYWHERE, NOWHERE)
    seen = torch.from_numpy(np.concatenate([to_network(smooth), to_network(recalled.image)]))[None]
    trained = Synthesis.of(torch.from_numpy(answer)[None], seen).motion[0].numpy()
    carried = Carried.of(answer[4:], recalled, origin, SIDE)
    cover(frame, crop, answer[0], answer[1:4], carried=carried)
    used = to_network(cut(frame, crop, SIDE))
    wrong = np.abs(used - trained)[:, 8:-8, 8:-8]
    assert np.median(wrong) < 0.02 and wrong.max() < 0.25  # colours' edges lose resolution


def test_skin_and_lips_are_the_references_whatever_f_says() -> None:
    lips = SIDE * np.array([[0.4, 0.5], [0.6, 0.5], [0.6, 0.6], [0.4, 0.6]] * 10, np.float32)
    origin = Origin(random_picture(LAYOUTS[0]), np.eye(2, 3))
    recalled = Recalled(np.zeros((SIDE, SIDE, 3), np.uint8), here(), lips, NOWHERE)
    carried = Carried.of(np.full((1, SIDE, SIDE), 0.3, np.float32), recalled, origin, SIDE)
    assert carried is not None
    np.testing.assert_allclose(carried.share[35, 32], 0.3, atol=1e-6)
    assert carried.share[10, 32] == carried.share[35, 5] == 1.0


def test_beyond_the_veil_and_what_is_told_nothing_is_laid_of_a_warped_reference() -> None:
    hidden, attention = np.zeros((2, SIDE, SIDE), np.float32)
    hidden[20:60, 20:40], attention[:, :10] = 0.5, 0.9
    told = SIDE * np.array([[0.4, 0.5], [0.6, 0.5], [0.6, 0.8], [0.4, 0.8]], np.float32)
    face = SIDE * np.array([[0.2, 0.1], [0.8, 0.1], [0.8, 0.8], [0.2, 0.8]], np.float32)
    recalled = Recalled(np.zeros((SIDE, SIDE, 3), np.uint8), here(), told, NOWHERE)
    for unwarped in (None, recalled._replace(told=None)):
        laid = laid_alpha(attention, hidden, unwarped, face, SIDE)
        np.testing.assert_array_equal(laid, np.maximum(attention, hidden))
    laid = laid_alpha(attention, hidden, recalled, face, SIDE)
    assert (laid[:, :10] == 0).all() and laid[22, 22] == 0.5 and laid[45, 32] > 0.9
    assert (laid[55:] == 0).all()  # beyond the chin, though the veil lies there


@pytest.mark.parametrize("layout", LAYOUTS[:2], ids=lambda layout: layout.format)
def test_enlarged_edges_are_steepened_within_limits(layout: PixelLayout) -> None:
    unit, motion = 1 << (layout.depth - 8), np.full((3, 32, 32), -0.4, np.float32)
    motion[:, :, 16:] = 0.4
    ones, edges = np.ones((32, 32), np.float32), []
    recalled = Recalled(
        np.zeros((32, 32, 3), np.uint8), here()[:32, :32], EVERYWHERE, NOWHERE[:32, :32]
    )
    for side in (32, 96):
        picture = flat_picture(layout, (0.5, 0.5, 0.5))
        origin = Origin(picture, np.eye(2, 3))
        painted = Carried.of(0.0 * ones[None], recalled, origin, 32)
        cover(picture, Crop(20, 10, side), ones, motion, carried=painted)
        row = picture.planes[0][10 + side // 2].astype(float)[20 + side // 8 : 20 + side * 7 // 8]
        edges.append((np.diff(row).max() / unit, row.min() / unit, row.max() / unit))
    (own, dark, light), (enlarged, darkest, lightest) = edges
    assert own == light - dark  # in its own size the edge is as sharp as M's
    assert enlarged > 1.15 * own / 3  # which is what enlarging three times alone leaves
    assert 2 < dark - darkest < 12 and 2 < lightest - light < 12  # no rim of light around it


def test_without_a_share_nothing_is_carried() -> None:
    origin = Origin(random_picture(LAYOUTS[0]), np.eye(2, 3))
    recalled = Recalled(np.zeros((SIDE, SIDE, 3), np.uint8), here(), EVERYWHERE, NOWHERE)
    share = np.ones((1, SIDE, SIDE), np.float32)
    assert Carried.of(share, recalled, origin, SIDE) is not None
    assert Carried.of(share[:0], recalled, origin, SIDE) is None
    assert Carried.of(share, None, origin, SIDE) is None
    assert Carried.of(share, recalled._replace(told=None), origin, SIDE) is None


def test_the_flow_passes_the_landmarks_and_leaves_the_rest() -> None:
    target = RNG.uniform(70, 120, (20, 2))
    moved = target + np.array([3.0, -6.0])
    still = RNG.uniform(10, 180, (6, 2)) * np.array([1.0, 0.15])
    flow = plate_flow(target, moved, still, 192)
    assert flow.shape == (192, 192, 2)
    rows, columns = target.round().astype(int).T[::-1]
    np.testing.assert_allclose(flow[rows, columns].mean(0), [3.0, -6.0], atol=0.5)
    assert np.abs(flow[[0, 0, -1, -1], [0, -1, 0, -1]]).max() < 0.3
    assert np.abs(plate_flow(target, target, still, 192)).max() < 1e-6


def lips_shape(gap: float, middle: float = 100.0) -> Array:
    """`[55, 2]` of a mouth whose lips are 8 pixels thick and leave such a gap; no jaw."""
    angle = np.linspace(np.pi, 3 * np.pi, 20, endpoint=False)  # from the left corner, downwards
    ring = np.stack([100 + 30 * np.cos(angle), -np.sin(angle)], 1)
    ring = ring[[*range(11), *range(19, 10, -1)]]  # as listed: both lips from the left
    outer, inner = (np.stack([ring[:, 0], middle + ring[:, 1] * half], 1)
                    for half in (gap / 2 + 8, gap / 2))  # fmt: skip
    jaw = np.stack([np.linspace(70, 130, 15), np.full(15, 150.0)], 1)
    return np.concatenate([outer, inner, jaw])


STILL = np.array([[60.0, 40.0], [100.0, 30.0], [140.0, 40.0], [100.0, 60.0]])


def test_teeth_stay_where_they_are_while_lips_close_over_them() -> None:
    flow, shown = lip_flow(lips_shape(10.0), lips_shape(30.0), STILL, 192)
    within, lip = flow[98:102, 90:110], flow[106:110, 98:102]
    assert np.abs(within).max() < 1e-6
    assert lip[..., 1].mean() > 5.0  # the lower lip came up to here
    assert shown[99:101, 95:105].min() == 1.0 and shown[:96].max() == shown[105:].max() == 0.0
    flow, _ = lip_flow(lips_shape(10.0, middle=104.0), lips_shape(30.0), STILL, 192)
    assert np.abs(flow[103:106, 90:110]).max() < 1e-6


@pytest.mark.parametrize(("told", "own"), [(40.0, 12.0), (30.0, 30.0), (10.0, 0.5), (0.0, 20.0)])
def test_within_the_lips_nothing_is_taken_from_beyond_the_references(
    told: float, own: float
) -> None:
    flow, shown = lip_flow(lips_shape(told), lips_shape(own, middle=100.2), STILL, 192)
    row = np.arange(192)[:, None] + flow[:, 95:105, 1]
    within = row[int(101 - told / 2) : int(100 + told / 2)]
    assert (np.abs(within - 100.2) <= own / 2 + 0.5).all()
    assert np.isfinite(flow).all()
    inside = np.abs(np.arange(192) - 100.2) < min(told, own) / 2
    assert not shown[~inside].any()  # beyond its own mouth the reference shows nothing
    assert (shown.max() > 0.9) == (min(told, own) > 6)


@pytest.mark.parametrize("turned", [False, True])
def test_lips_beyond_the_view_or_folded_over_give_a_flow(turned: bool) -> None:
    away = lips_shape(20.0) + np.array([300.0, -250.0])
    folded = lips_shape(20.0) * np.array([-1.0, 1.0]) + np.array([200.0, 0.0])
    flow, shown = lip_flow(folded if turned else away, lips_shape(20.0), STILL, 192)
    assert flow.shape == (192, 192, 2) and np.isfinite(flow).all()
    assert turned or not shown.any()


@pytest.fixture(scope="module")
def tracks() -> list[Track]:
    return [drawn_track(seed) for seed in range(4)]


@pytest.fixture(scope="module")
def basis(tracks: list[Track]) -> LipBasis:
    return fitted_basis(tracks)


def test_a_mouth_told_to_open_opens_as_far(basis: LipBasis) -> None:
    """The dark inside of the drawn mouth, as high as in a face drawn open."""
    points, image = drawn_face(0.1)
    rest = Rest.of(lip_shape(points)[None], basis)

    def dark(view: Array) -> int:
        return int((view[:, :, 0] < 100).sum())

    def told(code: Array) -> Array:
        lips = told_lips(rest, code, basis, points)
        return Reference(image, points).recalled(points, STORED, lips).image

    for opening in (0.0, 0.25, 0.4):
        wanted, drawn = drawn_face(opening)
        seen = told(basis.encode(lip_shape(wanted)[None] - rest)[0])
        assert abs(dark(seen) - dark(drawn)) < 0.35 * max(dark(drawn), dark(image))
    same = told(basis.encode(lip_shape(points)[None] - rest)[0])
    assert np.abs(same.astype(int) - image).mean() < 0.5  # told what it says already


def test_depth_is_placed_with_the_face() -> None:
    points, _ = drawn_face(0.2)
    placed = place(points, np.array([[0.0, -1.5, 4.0], [1.5, 0.0, 9.0]]))
    before, after = (mouth_opening(lip_shape(x)[None])[0] for x in (points, placed))
    np.testing.assert_allclose(after, before, atol=1e-4)  # turned and enlarged, the same mouth


def test_pairs_are_shown_the_reference_as_their_target_says(
    tracks: list[Track], basis: LipBasis
) -> None:
    recipe = PairRecipe(size=160, identity=0.0)
    kinds = [ModelConfig(reference=True), ModelConfig(reference=True, warped=True)]
    still, warped = (Pairs(tracks, basis, recipe, seed=3, model=kind) for kind in kinds)
    apart = []
    for number in range(12):
        one, other = still[number], warped[number]
        np.testing.assert_array_equal(one.seen[:3], other.seen[:3])
        np.testing.assert_array_equal(one.target, other.target)
        inside = one.lips[0] > 0
        apart.append([np.abs(x.seen[3:].astype(int) - x.target)[:, inside].mean()
                      for x in (one, other)])  # fmt: skip
    unmoved, moved = np.mean(apart, axis=0)
    assert moved < 0.7 * unmoved


def test_weights_that_painted_everything_begin_as_they_were(basis: LipBasis) -> None:
    done, warped = TalkingFace(dataclasses.replace(TINY, reference=True)), TalkingFace(WARPED)
    take_weights(warped, done.state_dict())
    face = torch.rand(1, 6, 64, 64) * 2 - 1
    kernels = done.kernels_of(torch.rand(1, *TINY.heard_shape))
    with torch.no_grad():
        answer = warped.eval().unet.answer(face, kernels)
        torch.testing.assert_close(answer[:, :4], done.eval().unet.answer(face, kernels))
    assert answer.shape == (1, 5, 64, 64) and 0.6 < answer[:, 4:].min() < 0.9


def test_a_model_keeps_what_its_lip_codes_mean(basis: LipBasis) -> None:
    model = TalkingFace(WARPED)
    model.lips.basis.keep(basis)  # type: ignore[union-attr,operator]
    kept = model.basis
    assert kept is not None and TalkingFace(TINY).basis is None
    for field in dataclasses.fields(basis):
        np.testing.assert_array_equal(getattr(kept, field.name), getattr(basis, field.name))
    assert basis.guess.shape == (4, 3 * len(SHAPE) + 1)


def test_a_basis_of_an_earlier_version_is_refused(basis: LipBasis, tmp_path: Path) -> None:
    arrays = {name: value for name, value in vars(basis).items() if name != "guess"}
    np.savez(tmp_path / "basis.npz", **arrays)
    with pytest.raises(TrainingDataError, match="guess"):
        load_basis(tmp_path / "basis.npz")
    np.savez(tmp_path / "basis.npz", **vars(basis))
    np.testing.assert_array_equal(load_basis(tmp_path / "basis.npz").guess, basis.guess)


@pytest.mark.parametrize(
    ("model", "recipe"),
    [({"reference": False}, {}), ({"lip_code": None}, {}), ({}, {"drive": "heard"})],
)
def test_a_reference_is_not_warped_by_what_is_not_there(
    model: dict[str, Any], recipe: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(RunConfigError, match="warped"):
        GeneratorRun(Data(tmp_path, tmp_path), tmp_path, recipe=GeneratorRecipe(**recipe),
                     model=dataclasses.replace(WARPED, **model))  # fmt: skip


def test_a_run_with_a_warped_reference_trains_and_keeps_the_basis(
    tracks: list[Track], basis: LipBasis, tmp_path: Path
) -> None:
    run = dataclasses.replace(tiny_run(tmp_path, steps=2), model=WARPED)
    trainer = GeneratorTrainer(run, tracks, basis, cpu())
    batch = Batch.of(collate([trainer.pairs[number] for number in range(2)]), "cpu")
    figures = trainer.train_step(batch)
    assert 0.0 < figures["painting"] < 0.3  # a quarter of M, to begin with, but for the skin
    taken = trainer._answer(batch, batch.told)[:, 4:][batch.taken == 1]
    assert len(taken) and (taken == 1).all()
    assert len(trainer.show(batch)) == 6  # seen, reference, result, target, alpha, share
    trainer.train()
    config, weights = mean_generator([tmp_path / "last.pt"])
    assert config.warped
    np.testing.assert_array_equal(weights["lips.basis.guess"].numpy(), basis.guess)


def test_weights_on_disk_hold_the_basis_to_the_last_digit(basis: LipBasis, tmp_path: Path) -> None:
    model = TalkingFace(WARPED)
    model.lips.basis.keep(basis)  # type: ignore[union-attr,operator]
    save_model(model, tmp_path / "talkernel.safetensors")
    for kept in (read_basis(tmp_path / "talkernel.safetensors"),
                 load_engine("torch", checkpoint=tmp_path).basis):  # fmt: skip
        assert kept is not None
        np.testing.assert_array_equal(kept.guess, basis.guess)
