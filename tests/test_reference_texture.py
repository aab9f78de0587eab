"""Texture of the warped reference, sampled from its source frame and blended."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from talkernel.face.crop import Crop
from talkernel.face.lips import OUTER_LIP, SHAPE, lip_shape, mouth_opening
from talkernel.face.view import crop_view
from talkernel.lab.tracks.track import STORED
from talkernel.media import Picture, PixelLayout
from talkernel.media.sample import picture_of_rgb
from talkernel.mouth.blend import blend_onto_frame, to_network, with_reference
from talkernel.mouth.mask import FrameInput
from talkernel.mouth.reference import SourceFrame, WarpedReference, place
from talkernel.mouth.sampling_grid import SamplingGrid
from tests.test_cover import LAYOUTS, flat_picture, random_picture
from tests.tracks import TINY, drawn_face

SIDE = 64
WARPED = dataclasses.replace(TINY, reference=True, warped=True)
RNG = np.random.default_rng(0)
Array = np.ndarray
ONES = np.ones((SIDE, SIDE), np.float32)
NOWHERE = 0.0 * ONES
EVERYWHERE = SIDE * np.array([[0, 0], [1, 0], [1, 1], [0, 1]] * 10, np.float32)  # lips


def here(dx: float = 0.0, dy: float = 0.0) -> SamplingGrid:
    """A grid shifted from each pixel's own coordinates."""
    own = np.indices((SIDE, SIDE), np.float32)[::-1].transpose(1, 2, 0)
    return SamplingGrid(own + np.array([dx, dy], np.float32))


def blend(
    frame: Picture, crop: Crop, grid: SamplingGrid, source: SourceFrame, weight: float = 1.0
) -> None:
    """Blend a grey motion image onto a frame, with the reference at some weight."""
    grey, ones = np.zeros((3, SIDE, SIDE), np.float32), np.ones((SIDE, SIDE), np.float32)
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    warped = WarpedReference(black, grid, EVERYWHERE, (1 - weight) * ones)
    blend_onto_frame(frame, crop, ones, grey, reference=warped._replace(source=source))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.format)
@pytest.mark.parametrize("crop", [Crop(20, 10, 96), Crop(-30, -20, 90)])
def test_a_frame_sampled_onto_itself_is_unchanged(layout: PixelLayout, crop: Crop) -> None:
    """In full detail, which is finer than the generator's input."""
    frame = random_picture(layout)
    before = frame.copy()
    blend(frame, crop, here(), SourceFrame.of(frame, crop.from_view(SIDE)))
    for after, plane in zip(frame.planes, before.planes, strict=True):
        error = np.abs(after.astype(int) - plane)
        assert error.max() <= 1 << (layout.depth - 8) and (error == 0).mean() > 0.95


def test_pixels_are_sampled_at_the_grids_coordinates() -> None:
    frame, crop = random_picture(LAYOUTS[3]), Crop(20, 10, 64)
    source = SourceFrame.of(frame, crop.from_view(SIDE))
    blend(frame, crop, here(dx=3.0, dy=-2.0), source)
    there, moved = frame.planes[0][30:60, 40:70], source.luma[28:58, 43:73]
    assert np.abs(there.astype(int) - moved).max() <= 1


def test_the_motion_image_fills_the_remaining_weight() -> None:
    frame, crop = random_picture(LAYOUTS[3]), Crop(20, 10, 64)
    source = SourceFrame.of(frame, crop.from_view(SIDE))
    drawn = frame.copy()
    blend(drawn, crop, here(), source, weight=0.0)
    blend(frame, crop, here(), source, weight=0.25)
    inside = np.s_[30:60, 40:70]
    lumas = source.luma, drawn.planes[0], frame.planes[0]
    shown, grey, mixed = (luma[inside].astype(float) for luma in lumas)
    assert np.abs(mixed - (0.75 * grey + 0.25 * shown)).max() <= 1.0


def test_an_overlay_covers_the_first_reference_where_it_is_not_disoccluded() -> None:
    frame, crop = random_picture(LAYOUTS[3]), Crop(20, 10, 64)
    sources = [
        SourceFrame.of(frame, crop.from_view(SIDE)),
        SourceFrame.of(random_picture(LAYOUTS[3]), crop.from_view(SIDE)),
    ]
    disoccluded = NOWHERE.copy()
    disoccluded[:, 32:] = 1.0
    images = [np.full((SIDE, SIDE, 3), value, np.uint8) for value in (40, 200)]
    opened = WarpedReference(images[0], here(), EVERYWHERE, NOWHERE, sources[0])
    closed = WarpedReference(images[1], here(), EVERYWHERE, disoccluded, sources[1])
    both = opened.overlaid_by(closed, 0.75)
    assert (both.image[:, :32] == 160).all() and (both.image[:, 32:] == 40).all()
    blend_onto_frame(
        frame, crop, ONES.copy(), np.zeros((3, SIDE, SIDE), np.float32), reference=both
    )
    first, second = (source.luma.astype(float) for source in sources)
    error = np.abs(frame.planes[0] - (0.25 * first + 0.75 * second))[30:60, 40:48]
    assert error.max() <= 1.0 and (frame.planes[0] == first)[30:60, 56:70].all()


def test_a_source_frame_is_a_copy() -> None:
    frame = random_picture(LAYOUTS[0])
    kept = SourceFrame.of(frame, Crop(0, 0, SIDE).from_view(SIDE))
    before = kept.luma.copy()
    frame.planes[0][:] = 0
    np.testing.assert_array_equal(kept.luma, before)


def test_training_and_inference_composite_alike() -> None:
    smooth = RNG.uniform(0, 255, (4, 4, 3)).repeat(16, 0).repeat(16, 1).astype(np.uint8)
    motion = np.tile(RNG.uniform(-0.8, 0.8, (3, 1, 1)).astype(np.float32), (1, SIDE, SIDE))
    frame, crop = picture_of_rgb(smooth), Crop(0, 0, SIDE)
    source = SourceFrame.of(frame, crop.from_view(SIDE))
    warped = WarpedReference(smooth, here(), EVERYWHERE, 0.3 * ONES)
    in_training = with_reference(motion, warped)
    reference = to_network(smooth)
    np.testing.assert_allclose(in_training, reference + 0.3 * (motion - reference), atol=1e-6)
    assert with_reference(motion, warped._replace(disoccluded=None)) is motion
    blend_onto_frame(frame, crop, ONES.copy(), motion, reference=warped._replace(source=source))
    in_use = to_network(crop_view(frame, crop, SIDE))
    error = np.abs(in_use - in_training)[:, 8:-8, 8:-8]
    assert np.median(error) < 0.02 and error.max() < 0.25  # chroma loses resolution at edges


def test_disoccluded_pixels_are_black_in_the_generators_input() -> None:
    disoccluded = NOWHERE.copy()
    disoccluded[30:40, 20:44] = 1.0
    face, view = drawn_face(0.1)[0][:, :2] * SIDE / STORED, RNG.integers(90, 200, (SIDE, SIDE, 3))
    warped = WarpedReference(np.full((SIDE, SIDE, 3), 7, np.uint8), here(), EVERYWHERE, disoccluded)
    marked, plain = (
        FrameInput.of(view.astype(np.uint8), face, SIDE, one).picture
        for one in (warped, warped._replace(disoccluded=None))
    )
    assert (marked[disoccluded == 1, :3] == 0).all() and (plain[disoccluded == 1, :3] > 20).all()
    np.testing.assert_array_equal(marked[disoccluded == 0], plain[disoccluded == 0])
    assert (marked[..., 3:] == 7).all()


def test_a_warped_reference_is_blended_only_around_the_target_lips() -> None:
    mask, attention = np.zeros((2, SIDE, SIDE), np.float32)
    mask[20:60, 20:40], attention[:, :10] = 0.5, 0.9
    face = drawn_face(0.1)[0][:, :2] * SIDE / STORED
    target = face[list(SHAPE)]
    warped = WarpedReference(np.zeros((SIDE, SIDE, 3), np.uint8), here(), target, NOWHERE)
    shown = FrameInput(warped.image, mask, face, SIDE, warped)
    for unwarped in (None, warped._replace(target=None)):
        alpha = shown._replace(reference=unwarped).blend_alpha(attention)
        np.testing.assert_array_equal(alpha, np.maximum(attention, mask))
    alpha = shown.blend_alpha(attention)
    x, y = face[list(OUTER_LIP)].mean(0).astype(int)
    chin = int(face[152, 1])
    assert alpha[y, x] > 0.99 and (alpha[:, :10] == 0).all() and (alpha[chin - 2 :] == 0).all()


@pytest.mark.parametrize("layout", LAYOUTS[:2], ids=lambda layout: layout.format)
def test_enlarged_edges_are_sharpened_within_limits(layout: PixelLayout) -> None:
    unit, motion = 1 << (layout.depth - 8), np.full((3, 32, 32), -0.4, np.float32)
    motion[:, :, 16:] = 0.4
    ones, edges = np.ones((32, 32), np.float32), []
    warped = WarpedReference(
        np.zeros((32, 32, 3), np.uint8),
        SamplingGrid(here().coords[:32, :32]),
        EVERYWHERE,
        ONES[:32, :32],
    )
    for side in (32, 96):
        picture = flat_picture(layout, (0.5, 0.5, 0.5))
        source = SourceFrame.of(picture, np.eye(2, 3))
        blend_onto_frame(
            picture, Crop(20, 10, side), ones, motion, reference=warped._replace(source=source)
        )
        row = picture.planes[0][10 + side // 2].astype(float)[20 + side // 8 : 20 + side * 7 // 8]
        edges.append((np.diff(row).max() / unit, row.min() / unit, row.max() / unit))
    (own, dark, light), (enlarged, darkest, lightest) = edges
    assert own == light - dark  # without enlargement the edge stays as sharp as it is
    assert enlarged > 1.15 * own / 3  # which is what threefold enlargement alone leaves
    assert 2 < dark - darkest < 12 and 2 < lightest - light < 12  # no bright halo


def test_only_a_warped_reference_has_texture() -> None:
    source = SourceFrame.of(random_picture(LAYOUTS[0]), np.eye(2, 3))
    warped = WarpedReference(np.zeros((SIDE, SIDE, 3), np.uint8), here(), EVERYWHERE, NOWHERE)
    assert warped._replace(source=source).has_texture and not warped.has_texture
    assert not WarpedReference(warped.image, here(), source=source).has_texture


def test_depth_is_scaled_with_the_face() -> None:
    points, _ = drawn_face(0.2)
    placed = place(points, np.array([[0.0, -1.5, 4.0], [1.5, 0.0, 9.0]]))
    before, after = (mouth_opening(lip_shape(x)[None])[0] for x in (points, placed))
    np.testing.assert_allclose(after, before, atol=1e-4)  # rotated and enlarged, the same mouth
