"""Labelled sequences for shot boundary detection, made in memory from two shots.

Each kind is a function of two shots and a random generator. The kinds in `CUTS` have one cut, at
frame `EVENT`; the others have none, and are what a detector may mistake for one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from talkernel.lab.shots.effects import (
    HEIGHT,
    PIXEL,
    WIDTH,
    Image,
    Shot,
    as_image,
    backdrop,
    boxed,
    lit,
    pasted,
    resized,
    shaken,
    split,
    window,
    with_person,
    zoomed,
)

Kind = Callable[[Shot, Shot, np.random.Generator], Shot]

LENGTH, EVENT = 44, 12  # frames of a sequence; the first that differs from the first shot


def hard_cut(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """One shot follows the other."""
    return [*a[:EVENT], *b[EVENT:]]


def boxed_cut(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """A cut within black bars."""
    upright = bool(rng.random() < 0.5)
    return [boxed(image, upright) for image in hard_cut(a, b, rng)]


def shaken_cut(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """A cut between two handheld shots."""
    return shaken(hard_cut(a, b, rng), 12 * PIXEL, rng)


def same_set(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """A cut from one person to another before the same background, at nearly the same place."""
    scene, size, moved = backdrop(rng), rng.uniform(0.6, 1.0), rng.uniform(-0.03, 0.03, 2)
    places = [0.5 + moved[0 if n < EVENT else 1] for n in range(LENGTH)]
    people = zip(hard_cut(a, b, rng), places, strict=True)
    return [with_person(scene, person, size, x) for person, x in people]


def plain(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """One shot, unchanged."""
    return a


def flash(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """1 to 3 overexposed frames, as of a photographer's flash."""
    gain, lift = rng.uniform(1.3, 4.0), rng.uniform(30.0, 160.0)
    last = EVENT + int(rng.integers(1, 4))
    return [*a[:EVENT], *(lit(image, gain, lift) for image in a[EVENT:last]), *a[last:]]


def blank_frames(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """1 to 3 black or white frames within one shot."""
    count = int(rng.integers(1, 4))
    blank = np.full_like(a[0], rng.choice([0, 255]))
    return [*a[:EVENT], *[blank] * count, *a[EVENT + count :]]


def fade(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """Out to black or white and in again, within one shot."""
    colour, half = float(rng.choice([0, 255])), int(rng.integers(6, 15))
    weights = [min(1.0, abs(n - EVENT - half) / half) for n in range(LENGTH)]
    return [lit(image, w, (1 - w) * colour) for image, w in zip(a, weights, strict=True)]


def dissolve(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """One shot dissolves into the other in 8 to 25 frames."""
    return [as_image(cv2.addWeighted(x, 1 - w, y, w, 0.0)) for x, y, w in _both(a, b, rng, 8)]


def wipe(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """An edge passes over the picture in 10 to 25 frames and uncovers the other shot."""
    return [split(x, y, w) for x, y, w in _both(a, b, rng, 10)]


def pan(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """The camera turns to the view beside this one in 10 to 25 frames, slower at both ends."""
    turned = ((x, y, 0.5 - 0.5 * np.cos(np.pi * w)) for x, y, w in _both(a, b, rng, 10))
    return [window(np.hstack([x, y]), WIDTH * w) for x, y, w in turned]


def slow_pan(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """The same, interlaced: every second line is of the next frame. 24 pixels per frame."""
    frames = [window(image, 24 * PIXEL * n) for n, image in enumerate(a)]
    for frame, following in itertools.pairwise(frames):
        frame[1::2] = following[1::2]
    return frames


def zoom(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """In and out again, by up to 7 % per frame."""
    turn = 0.5 - 0.5 * np.cos(np.linspace(0, 4 * np.pi, LENGTH))
    factors = 1 + rng.uniform(0.3, 1.0) * turn
    return [zoomed(image, factor) for image, factor in zip(a, factors, strict=True)]


def shake_8px(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """Handheld: up to 8 pixels of a 720p picture from frame to frame."""
    return shaken(a, 8 * PIXEL, rng)


def shake_16px(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """Handheld: up to 16 pixels of a 720p picture from frame to frame."""
    return shaken(a, 16 * PIXEL, rng)


def cover(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """A plain board of 9 to 40 % of the picture appears at once and vanishes."""
    rows, columns = (int(rng.uniform(0.3, 0.63) * side) for side in (HEIGHT, WIDTH))
    top, left = int(rng.integers(0, HEIGHT - rows)), int(rng.integers(0, WIDTH - columns))
    last = EVENT + int(rng.integers(2, 25))
    covered, colour = [image.copy() for image in a], rng.integers(0, 256, 3)
    for image in covered[EVENT:last]:
        image[top : top + rows, left : left + columns] = colour
    return covered


def crossing(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """Somebody close to the camera walks through the picture in 15 to 30 frames."""
    width, tall = int(rng.uniform(0.2, 0.45) * WIDTH), int(rng.uniform(0.7, 1.0) * HEIGHT)
    frames = []
    for x, y, w in _both(a, b, rng, 15, 30):
        left = round(w * (WIDTH + width)) - width
        frames.append(pasted(x, resized(y, width, tall), left, HEIGHT - tall))
    return frames


def walk_out(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """The person leaves the picture in 20 to 30 frames; only the background stays."""
    scene, size = backdrop(rng), rng.uniform(0.6, 1.0)
    return [with_person(scene, x, size, 0.5 + 0.8 * w) for x, _, w in _both(a, b, rng, 20, 30)]


def lamp(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """A light on one side is switched on or off."""
    slope = np.linspace(rng.uniform(0.4, 0.8), rng.uniform(0.9, 1.4), WIDTH)[:, None]
    gain = slope if rng.random() < 0.5 else slope[::-1]
    return [*a[:EVENT], *(lit(image, gain) for image in a[EVENT:])]


def flicker(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """The exposure changes by up to 20 % in every frame."""
    return [lit(image, rng.uniform(0.8, 1.2)) for image in a]


def grain(a: Shot, b: Shot, rng: np.random.Generator) -> Shot:
    """Film grain or a noisy sensor, with a standard deviation of 10 to 25 of 255."""
    sigma = rng.uniform(10, 25)
    return [lit(image, 1.0, sigma * rng.standard_normal((HEIGHT, WIDTH, 1))) for image in a]


def _both(
    a: Shot, b: Shot, rng: np.random.Generator, shortest: int, longest: int = 25
) -> Iterator[tuple[Image, Image, float]]:
    """Frames of both, and the second's weight, which grows from 0 to 1."""
    count = int(rng.integers(shortest, longest + 1))
    weights = [min(1.0, max(0.0, (n - EVENT + 1) / count)) for n in range(LENGTH)]
    return zip(a, b, weights, strict=True)


CUTS: tuple[Kind, ...] = (hard_cut, boxed_cut, shaken_cut, same_set)
NEW_VIEWS: tuple[Kind, ...] = (dissolve, wipe, pan)  # without a cut; the last view is another
SAME_VIEW: tuple[Kind, ...] = (
    *(plain, flash, blank_frames, fade, lamp, flicker, grain, shake_8px, shake_16px),
    *(cover, crossing, walk_out),
)
KINDS: tuple[Kind, ...] = (*CUTS, *NEW_VIEWS, slow_pan, zoom, *SAME_VIEW)
