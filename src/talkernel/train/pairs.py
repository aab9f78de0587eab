"""Training samples: an input face, a target face, the target's lip code, regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info

from talkernel.face.lips import OUTER_LIP, LipBasis, mirrored
from talkernel.face.veil import hidden, veil
from talkernel.train.tracks import STORED, Track, share_of_people
from talkernel.train.transplant import (
    Image,
    Points,
    align,
    lower_face_mask,
    mouth_mask,
    transform,
    transplant,
)

Array = NDArray[np.float32]
CROP = 256  # pixels of the network's crop at the stored crops' scale
MOUTH = 96  # side in pixels of the box around the mouth that the critics look at


@dataclass(frozen=True)
class PairRecipe:
    """How samples are drawn.

    Attributes:
        size: Side of the view, a multiple of 32; smaller than 256 looks at the mouth only.
        candidates: Frames looked at to find a mouth to transplant.
        max_turn: Largest difference of head pose within a pair, radians.
        real_input: Share of pairs whose input, not target, is the real frame.
        identity: Share of pairs with the same mouth on both sides.
    """

    size: int = 160
    candidates: int = 24
    max_turn: float = 0.1
    real_input: float = 0.5
    identity: float = 0.04


class Sample(NamedTuple):
    """One pair, bytes throughout: pictures `[3, S, S]` RGB, planes `[1, S, S]` 0 to 255.

    Attributes:
        seen: What the network is shown: `face`, veiled.
        face: What its answer is blended with.
        target: What the blend should be.
        lips: The lips of both, and a margin.
        lower: The lower faces of both, and a margin.
        outside: Where nothing may change.
        hidden: Where the veil lies.
        corner: `[2]` row and column where the mouth's box of `MOUTH` pixels begins.
        code: `[K]` lip code of the target.
    """

    seen: Image
    face: Image
    target: Image
    lips: Image
    lower: Image
    outside: Image
    hidden: Image
    corner: NDArray[np.int64]
    code: Array


class Pairs(IterableDataset[Sample]):
    """Endless samples, made on the fly from prepared tracks.

    Args:
        tracks: Prepared tracks.
        basis: Turns lip shapes into lip codes.
        recipe: How samples are drawn.
        seed: Of everything random; each loader worker derives its own.
    """

    def __init__(
        self, tracks: Sequence[Track], basis: LipBasis, recipe: PairRecipe, seed: int
    ) -> None:
        self.tracks = [track for track in tracks if len(track.crop_index) > 20]
        self.recipe, self.seed = recipe, seed
        picked = [track.deviations[track.crop_index] for track in self.tracks]
        self.codes = [basis.encode(deviations) for deviations in picked]
        self.mirror_codes = [basis.encode(mirrored(deviations)) for deviations in picked]
        self.chance = share_of_people([track.identity for track in self.tracks],
                                      [len(track.crop_index) for track in self.tracks])  # fmt: skip

    def __iter__(self) -> Iterator[Sample]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        cv2.setNumThreads(1)
        while True:
            number = int(rng.choice(len(self.tracks), p=self.chance))
            yield self.sample(number, rng)

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """Draw a pair from one track."""
        t, s = self._choose(number, rng)
        size = self.recipe.size
        view = _random_view(size, rng)
        scale = CROP * view.zoom
        frame, points = _see(self.tracks[number], t, view, size)
        other, other_points = self._aligned(number, s, view, points)
        mask = lower_face_mask([points, other_points], size, scale)
        composite = transplant(frame, other, mask, feather=0.015 * scale)
        code_t, code_s = (self.codes[number][i] for i in (t, s))
        if rng.random() < self.recipe.real_input:
            face, target, code = frame, composite, code_s
        else:
            face, target, code = composite, frame, code_t
        if rng.random() < self.recipe.identity:
            face = target
        lips = mouth_mask([points, other_points], size, scale)
        shown = points if face is frame else other_points
        soft = hidden(shown, size, scale)
        seen = veil(face, soft, scale)
        planes = [lips, mask, _beyond(mask), np.rint(255 * soft).astype(np.uint8)]
        middle = points[list(OUTER_LIP)].mean(0)
        pictures = [seen, face, target]
        if rng.random() < 0.5:
            mirror = self.mirror_codes[number]
            code = mirror[s] if code is code_s else mirror[t]
            pictures, planes = ([x[:, ::-1] for x in group] for group in (pictures, planes))
            middle[0] = size - 1 - middle[0]
        pictures = [x.transpose(2, 0, 1) for x in _recolour(pictures, rng)]
        seen, face, target = (np.ascontiguousarray(x) for x in pictures)
        lips, lower, outside, cover = (np.ascontiguousarray(plane[None]) for plane in planes)
        corner = _corner(middle, size)
        return Sample(seen, face, target, lips, lower, outside, cover, corner, code)

    def _choose(self, number: int, rng: np.random.Generator) -> tuple[int, int]:
        """Frame t and a frame s of nearly the same pose, its mouth as different as can be."""
        track, codes = self.tracks[number], self.codes[number]
        t = int(rng.integers(len(codes)))
        others = rng.integers(0, len(codes), self.recipe.candidates)
        turn = np.abs(track.crop_pose[others, :3] - track.crop_pose[t, :3]).max(1)
        difference = np.linalg.norm(codes[others, :4] - codes[t, :4], axis=1)
        score = np.minimum(difference, 2.5) - 20.0 * np.maximum(0.0, turn - self.recipe.max_turn)
        score += rng.gumbel(0.0, 0.3, len(others))
        return t, int(others[np.argmax(score)])

    def _aligned(self, number: int, s: int, view: View, points: Points) -> tuple[Image, Points]:
        """Frame s seen so that its head lies where frame t's does."""
        track = self.tracks[number]
        to_view = align(track.crop_points[s], points)
        size = (self.recipe.size, self.recipe.size)
        image = cv2.warpAffine(track.crop(s), to_view, size, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(image, np.uint8), transform(track.crop_points[s], to_view)


class View(NamedTuple):
    """A square window on a stored crop: affine `[2, 3]` from crop to view pixels, its zoom."""

    affine: NDArray[np.float64]
    zoom: float


def _random_view(size: int, rng: np.random.Generator) -> View:
    """A shifted, scaled, slightly turned view; a small one is centred near the mouth."""
    share = (CROP - size) / CROP  # 0: the whole crop; the smaller, the lower
    middle = np.array([STORED / 2, STORED / 2 + 0.45 * share * CROP])
    middle += rng.uniform(-0.06, 0.06, 2) * CROP
    zoom = float(np.exp(rng.uniform(-0.14, 0.1)))
    centre = (float(middle[0]), float(middle[1]))
    affine = np.asarray(cv2.getRotationMatrix2D(centre, rng.normal(0, 4), zoom), np.float64)
    affine[:, 2] += size / 2 - middle
    return View(affine, zoom)


def _see(track: Track, number: int, view: View, size: int) -> tuple[Image, Points]:
    image = cv2.warpAffine(track.crop(number), view.affine, (size, size),
                           borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return np.asarray(image, np.uint8), transform(track.crop_points[number], view.affine)


def _recolour(images: list[Image], rng: np.random.Generator) -> list[Image]:
    """The same change of light, contrast and colour for all pictures of a pair."""
    gain = np.exp(rng.normal(0.0, 0.12) + rng.normal(0.0, 0.03, 3))
    gamma = np.exp(rng.normal(0.0, 0.15))
    levels = np.linspace(0.0, 1.0, 256)[:, None] ** gamma * gain
    table = np.clip(np.rint(levels * 255.0), 0, 255).astype(np.uint8).reshape(1, 256, 3)
    return [np.asarray(cv2.LUT(image, table), np.uint8) for image in images]


def _beyond(mask: Image) -> Image:
    """255 where a mask, grown a little, is not."""
    return np.asarray(255 - cv2.dilate(mask, np.ones((9, 9), np.uint8)), np.uint8)


def _corner(middle: Points, size: int) -> NDArray[np.int64]:
    """Row and column of the mouth's box, inside the view, the mouth in its upper half."""
    column, row = middle
    corner = np.array([row - 0.42 * MOUTH, column - 0.5 * MOUTH])
    inside = np.clip(np.rint(corner), 0, max(0, size - MOUTH))
    return np.asarray(inside, np.int64)
