"""Sampling grids: layers, transforms and any size."""

from __future__ import annotations

import numpy as np
import pytest

from talkernel.mouth.lip_flow import pixel_grid
from talkernel.mouth.sampling_grid import Box, GridLayers, SamplingGrid

SIDE = 48
RNG = np.random.default_rng(0)
BOX = (slice(10, 30), slice(16, 44))
PICTURE = np.repeat(np.repeat(RNG.integers(0, 255, (12, 12, 3)), 8, 0), 8, 1).astype(np.uint8)
Array = np.ndarray


def layered(*shifts: tuple[float, float], alpha: Array) -> SamplingGrid:
    """Layers that are each shifted from the pixels' own coordinates."""
    own = pixel_grid(SIDE)
    coords = tuple(own[BOX] + np.array(shift, np.float32) for shift in shifts)
    return SamplingGrid(own.copy(), GridLayers(BOX, coords, (alpha,) * (len(shifts) - 1)))


@pytest.mark.parametrize(
    ("shape", "part"),
    [
        ((SIDE, SIDE), (slice(0, SIDE), slice(0, SIDE))),
        ((131, 117), (slice(0, 117), slice(0, 131))),
        ((131, 117), (slice(40, 90), slice(20, 70))),
        ((30, 33), (slice(3, 33), slice(0, 30))),
    ],
)
def test_identical_layers_change_nothing_at_any_size(shape: tuple[int, int], part: Box) -> None:
    alpha = RNG.uniform(0, 1, (20, 28)).astype(np.float32)
    grid = layered((0, 0), (0, 0), (0, 0), alpha=alpha)
    to_picture = np.array([[1.7, 0.2, 3.0], [-0.1, 1.5, 6.0]])
    with_layers, plain = (
        one.transformed(to_picture).resized(shape, part).sample(PICTURE)
        for one in (grid, SamplingGrid(grid.coords))
    )
    assert with_layers.shape == (part[0].stop - part[0].start, part[1].stop - part[1].start, 3)
    error = np.abs(with_layers.astype(int) - plain)
    assert np.percentile(error, 99) <= 6 and error.mean() < 1  # OpenCV counts 32nds of a pixel


def test_a_layer_covers_those_below_it_by_its_opacity() -> None:
    alpha = np.zeros((20, 28), np.float32)
    alpha[:, 14:], alpha[:, 7:14] = 1.0, 0.5
    sampled = layered((2, 0), (0, 3), alpha=alpha).sample(PICTURE[..., 0])
    rows, left = np.arange(10, 30), PICTURE[10:30, :, 0].astype(float)
    below = PICTURE[rows + 3, :, 0].astype(float)
    np.testing.assert_array_equal(sampled[10:30, 16:23], left[:, 18:25])
    np.testing.assert_array_equal(sampled[10:30, 30:44], below[:, 30:44])
    half = (left[:, 25:32] + below[:, 23:30]) / 2
    assert np.abs(sampled[10:30, 23:30] - half).max() <= 0.5
    outside = np.ones((SIDE, SIDE), bool)
    outside[BOX] = False
    np.testing.assert_array_equal(sampled[outside], PICTURE[:SIDE, :SIDE, 0][outside])


def test_layers_outside_the_part_are_dropped() -> None:
    grid = layered((5, 5), (5, 5), alpha=np.ones((20, 28), np.float32))
    other = grid.resized((2 * SIDE, 2 * SIDE), (slice(64, 96), slice(0, 96)))
    assert other.layers is None
    np.testing.assert_array_equal(other.sample(PICTURE).shape, (32, 96, 3))
