"""The flow that moves lips to a target, and the mouth interior that a reference does not show."""

from __future__ import annotations

import numpy as np
import pytest

from talkernel.face.lips import LOWER_EDGE, UPPER_EDGE, lip_shape, mouth_opening
from talkernel.lab.tracks.track import STORED
from talkernel.mouth.lip_flow import SEAM, lip_flows, pixel_grid
from talkernel.mouth.neutral import TOUCHING, NeutralShape, close_touching_lips, target_lips
from talkernel.mouth.reference import Reference
from talkernel.mouth.thin_plate import plate_flows, upsample, upsample_part
from tests.tracks import drawn_face, drawn_track, fitted_basis

Array = np.ndarray
RNG = np.random.default_rng(0)


def test_the_flow_passes_through_the_landmarks() -> None:
    target = lips_shape(20.0)
    moved, nothing = np.tile([[3.0, -6.0]], (len(target), 1)), slice(0, 0)
    still = np.array([[20.0, 10.0], [60, 20], [100, 12], [150, 25]])
    places, moves = np.concatenate([target, still]), np.concatenate([moved, 0 * still])
    [cells] = plate_flows(places, [moves], [nothing, slice(0, len(target))], 192)
    flow, some = (upsample(one, 192) for one in cells)
    assert flow.shape == some.shape == (192, 192, 2)
    rows, columns = target.round().astype(int).T[::-1]
    np.testing.assert_allclose(flow[rows, columns].mean(0), [3.0, -6.0], atol=0.5)
    assert np.abs(flow[[0, 0, -1, -1], [0, -1, 0, -1]]).max() < 0.3
    assert np.abs(some).max() < 1e-5  # it ignores the landmarks that move


def test_several_splines_at_once_agree_with_one_by_one() -> None:
    places, moves = RNG.uniform(20, 170, (30, 2)), RNG.normal(0, 3, (2, 30, 2))
    excluded = [slice(0, 5), slice(20, 30)]
    together = plate_flows(places, list(moves), excluded, 192)
    alone = [plate_flows(places, [one], excluded, 192)[0] for one in moves]
    np.testing.assert_allclose(together, alone, atol=1e-3)


@pytest.mark.parametrize("box", [np.s_[70:101, 33:95], np.s_[0:9, 180:192], np.s_[3:4, 0:192]])
def test_a_part_is_upsampled_like_the_whole(box: tuple[slice, slice]) -> None:
    cells = RNG.normal(size=(48, 48, 2)).astype(np.float32)
    np.testing.assert_allclose(upsample_part(cells, box), upsample(cells, 192)[box], atol=1e-5)


def lips_shape(gap: float, middle: float = 100.0) -> Array:
    """`[55, 2]` of a mouth with a gap between lips that are 8 pixels thick; the jaw is a line."""
    angle = np.linspace(np.pi, 3 * np.pi, 20, endpoint=False)  # from the left corner, downwards
    ring = np.stack([100 + 30 * np.cos(angle), -np.sin(angle)], 1)
    ring = ring[[*range(11), *range(19, 10, -1)]]  # as listed: both lips from the left
    outer, inner = (
        np.stack([ring[:, 0], middle + ring[:, 1] * half], 1) for half in (gap / 2 + 8, gap / 2)
    )
    jaw = np.stack([np.linspace(70, 130, 15), np.full(15, 150.0)], 1)
    return np.concatenate([outer, inner, jaw])


def flow_of(target: Array, source: Array) -> tuple[Array, Array]:
    """The flow of the most visible layer at each pixel, and the disoccluded pixels."""
    found = lip_flows(target, [source], STILL, 192)[0]
    flow = found.grid.coords.copy()
    if found.grid.layers is not None:
        box, (upper, lower, interior), (below, inside) = found.grid.layers
        mixed = np.where(below[..., None] > 0.5, lower, upper)
        flow[box] = np.where(inside[..., None] > 0.5, interior, mixed)
    return flow - pixel_grid(192), found.disoccluded


STILL = np.array([[60.0, 40.0], [100.0, 30.0], [140.0, 40.0], [100.0, 60.0]])


def test_teeth_stay_in_place_while_lips_close_over_them() -> None:
    flow, disoccluded = flow_of(lips_shape(10.0), lips_shape(30.0))
    within, lip = flow[98:102, 90:110], flow[106:110, 98:102]
    assert np.abs(within).max() < 1e-6
    assert lip[..., 1].mean() > 5.0  # the lower lip came up to here
    assert disoccluded[:, 75:125].max() == 0.0  # the reference shows all of it
    flow, _ = flow_of(lips_shape(10.0, middle=104.0), lips_shape(30.0))
    assert np.abs(flow[103:106, 90:110]).max() < 1e-6


@pytest.mark.parametrize(("wanted", "own"), [(40.0, 12.0), (30.0, 30.0), (10.0, 0.5), (0.0, 20.0)])
def test_the_mouth_interior_is_sampled_within_the_references_lips(
    wanted: float, own: float
) -> None:
    flow, disoccluded = flow_of(lips_shape(wanted), lips_shape(own, middle=100.2))
    row = np.arange(192)[:, None] + flow[:, 95:105, 1]
    interior = row[int(101 - wanted / 2) : int(100 + wanted / 2)]
    assert (np.abs(interior - 100.2) <= own / 2 + 0.5).all()
    assert np.isfinite(flow).all()
    away, column = np.abs(np.arange(192) - 100.2), disoccluded[:, 100]
    between = away < wanted / 2 - 2
    assert (column[between & (away > own / 2 + 2)] == 1).all()  # missing in the reference
    assert (
        not column[away < min(own, wanted) / 2 - 4].any()
        and not column[away > wanted / 2 + 3].any()
    )


def test_closing_lips_meet_and_hide_the_mouth_interior() -> None:
    """A gap of 30 pixels closes without a row left."""
    closed = lips_shape(0.0)
    flow, disoccluded = flow_of(closed, lips_shape(30.0))
    rows = np.arange(192)[:, None] + flow[..., 1]
    upper, lower = rows[97, 95:105], rows[103, 95:105]
    assert (np.abs(upper - 82.0) < 2.5).all() and (np.abs(lower - 118.0) < 2.5).all()
    assert disoccluded.max() < 0.5
    across = np.abs(np.diff(flow[..., 1], axis=0)).max(0)
    assert across[100] > 20 and across[:60].max() < 3 and across[140:].max() < 3  # a split


def test_closed_lips_lose_their_seam_when_they_open() -> None:
    """The lips meet in row 100; neither keeps anything nearer to it than half a seam."""
    flow, _ = flow_of(lips_shape(12.0), lips_shape(0.0))
    rows = np.arange(192)[:, None] + flow[..., 1]
    upper, lower = rows[92, 95:105], rows[108, 95:105]
    assert (upper < 100.0 - SEAM * 192 / 2 + 0.3).all() and (upper > 92.0).all()
    assert (lower > 100.0 + SEAM * 192 / 2 - 0.3).all() and (lower < 108.0).all()
    still, _ = flow_of(lips_shape(0.0), lips_shape(0.0))
    assert np.abs(still).max() < 0.2  # closed lips keep it


def test_small_gaps_that_the_mesh_reports_for_touching_lips_are_closed() -> None:
    opened = lip_shape(drawn_face(0.3)[0]).reshape(-1, 3)
    middle = opened.copy()
    middle[UPPER_EDGE] = middle[LOWER_EDGE] = (opened[UPPER_EDGE] + opened[LOWER_EDGE]) / 2
    shapes = (middle + np.linspace(0.0, 1.0, 80)[:, None, None] * (opened - middle)).astype(
        np.float32
    )
    shapes = shapes.reshape(80, -1)
    reported, closed = (
        mouth_opening(shapes),
        mouth_opening(np.stack([close_touching_lips(one) for one in shapes])),
    )
    assert (closed <= reported + 1e-6).all() and reported.min() < 0.02 < 0.3 < reported.max()
    assert closed[reported < TOUCHING].max() < 1e-6
    np.testing.assert_allclose(
        closed[reported > 3 * TOUCHING], reported[reported > 3 * TOUCHING], atol=1e-6
    )
    assert (np.diff(closed[np.argsort(reported)]) > -1e-6).all()  # monotonic


def test_crossing_lips_are_made_to_meet() -> None:
    opened = lip_shape(drawn_face(0.3)[0]).reshape(-1, 3)
    crossed = opened.copy()
    crossed[UPPER_EDGE], crossed[LOWER_EDGE] = opened[LOWER_EDGE], opened[UPPER_EDGE]
    middle = (opened[UPPER_EDGE] + opened[LOWER_EDGE]) / 2
    assert mouth_opening(crossed.reshape(1, -1))[0] == 0.0
    for edge in (UPPER_EDGE, LOWER_EDGE):
        np.testing.assert_allclose(
            close_touching_lips(crossed.ravel()).reshape(-1, 3)[edge], middle, atol=1e-6
        )
    half = opened.copy()  # they cross beside the middle only
    half[UPPER_EDGE][0], half[LOWER_EDGE][0] = opened[LOWER_EDGE][0], opened[UPPER_EDGE][0]
    drawn = close_touching_lips(half.ravel()).reshape(-1, 3)
    np.testing.assert_allclose(drawn[UPPER_EDGE][1:], opened[UPPER_EDGE][1:], atol=1e-6)
    np.testing.assert_allclose(drawn[UPPER_EDGE][0], middle[0], atol=1e-6)


@pytest.mark.parametrize("turned", [False, True])
def test_lips_outside_the_view_or_folded_over_give_a_finite_flow(turned: bool) -> None:
    outside = lips_shape(20.0) + np.array([300.0, -250.0])
    folded = lips_shape(20.0) * np.array([-1.0, 1.0]) + np.array([200.0, 0.0])
    flow, disoccluded = flow_of(folded if turned else outside, lips_shape(20.0))
    assert flow.shape == (192, 192, 2) and np.isfinite(flow).all()
    assert turned or not disoccluded.any()


def test_a_mouth_opens_as_far_as_its_target() -> None:
    """Its dark inside is as large as in a face that is drawn that far open."""
    basis = fitted_basis([drawn_track(seed) for seed in range(4)])
    points, image = drawn_face(0.1)
    neutral = NeutralShape.of(lip_shape(points)[None], basis)

    def dark(view: Array) -> int:
        return int((view[:, :, 0] < 100).sum())

    def moved(code: Array) -> Array:
        lips = target_lips(neutral + basis.decode(code), points)
        return Reference(image, points).warped(points, STORED, lips).image

    for opening in (0.0, 0.25, 0.4):
        points_then, drawn = drawn_face(opening)
        warped = moved(basis.encode(lip_shape(points_then)[None] - neutral)[0])
        assert abs(dark(warped) - dark(drawn)) < 0.35 * max(dark(drawn), dark(image))
    same = moved(basis.encode(lip_shape(points)[None] - neutral)[0])
    assert np.abs(same.astype(int) - image).mean() < 0.5  # the target is what it already shows
