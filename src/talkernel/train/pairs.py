"""Training samples: an input face, a target face, the target's lip code, a weight map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info

from talkernel.face.lips import LipBasis, mirrored
from talkernel.face.veil import hidden, veil
from talkernel.train.tracks import STORED, Track
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


@dataclass(frozen=True)
class PairRecipe:
    """How samples are drawn.

    Attributes:
        size: Side of the view, a multiple of 32; smaller than 256 looks at the mouth only.
        candidates: Frames looked at to find a mouth to transplant.
        max_turn: Largest difference of head pose within a pair, radians.
        real_input: Share of pairs whose input, not target, is the real frame.
        identity: Share of pairs with the same mouth on both sides.
        mouth_weight: Loss weight of the lips; the lower face has half of it, the rest 1.
    """

    size: int = 160
    candidates: int = 24
    max_turn: float = 0.1
    real_input: float = 0.5
    identity: float = 0.04
    mouth_weight: float = 8.0


class Sample(NamedTuple):
    """One pair: `seen`, `face`, `target` `[3, S, S]` in -1..1; the rest as said.

    Attributes:
        seen: What the network is shown: `face`, veiled.
        face: What its answer is blended with.
        target: What the blend should be.
        code: `[K]` lip code of the target.
        weight: `[1, S, S]` of the reconstruction loss.
        outside: `[1, S, S]` 1 where nothing may change.
        hidden: `[1, S, S]` 1 where the veil lies.
    """

    seen: Array
    face: Array
    target: Array
    code: Array
    weight: Array
    outside: Array
    hidden: Array


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
        self.chance = _balanced([track.identity for track in self.tracks],
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
        view = _random_view(self.recipe.size, rng)
        frame, points = _see(self.tracks[number], t, view, self.recipe.size)
        other, other_points = self._aligned(number, s, view, points)
        mask = lower_face_mask([points, other_points], self.recipe.size, CROP * view.zoom)
        composite = transplant(frame, other, mask, feather=0.015 * CROP * view.zoom)
        code_t, code_s = (self.codes[number][i] for i in (t, s))
        if rng.random() < self.recipe.real_input:
            face, target, code = frame, composite, code_s
        else:
            face, target, code = composite, frame, code_t
        if rng.random() < self.recipe.identity:
            face = target
        lips = mouth_mask([points, other_points], self.recipe.size, CROP * view.zoom)
        shown = points if face is frame else other_points
        veiled = hidden(shown, self.recipe.size, CROP * view.zoom)
        seen = veil(face, veiled, CROP * view.zoom)
        if rng.random() < 0.5:
            mirror = self.mirror_codes[number]
            code = mirror[s] if code is code_s else mirror[t]
            seen, face, target, lips, mask = (x[:, ::-1] for x in (seen, face, target, lips, mask))
            veiled = veiled[:, ::-1]
        seen, face, target = _recolour([seen, face, target], rng)
        return self._finish((seen, face, target), code, lips, mask, veiled)

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

    def _finish(
        self,
        images: tuple[Image, Image, Image],
        code: Array,
        lips: Image,
        mask: Image,
        veiled: Array,
    ) -> Sample:
        high, plane = self.recipe.mouth_weight, (1, self.recipe.size, self.recipe.size)
        weight = 1.0 + (high / 2 - 1.0) * (mask / 255.0) + high / 2 * (lips / 255.0)
        reach = cv2.dilate(np.ascontiguousarray(mask), np.ones((9, 9), np.uint8))
        outside = (reach == 0).astype(np.float32).reshape(plane)
        seen, face, target = (_tensor(image) for image in images)
        return Sample(seen, face, target, code, weight.astype(np.float32).reshape(plane), outside,
                      np.ascontiguousarray(veiled).reshape(plane))  # fmt: skip


def _balanced(identities: Sequence[str], counts: Sequence[int]) -> NDArray[np.float64]:
    """Chance of each track: people by the square root of their frames, so that nobody rules."""
    frames: dict[str, int] = {}
    for identity, count in zip(identities, counts, strict=True):
        frames[identity] = frames.get(identity, 0) + count
    weights = [n / np.sqrt(frames[i]) for i, n in zip(identities, counts, strict=True)]
    return np.asarray(np.array(weights) / np.sum(weights), np.float64)


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


def _tensor(image: Image) -> Array:
    return np.ascontiguousarray(image.transpose(2, 0, 1)).astype(np.float32) / 127.5 - 1.0


def collate(samples: Sequence[Sample]) -> tuple[torch.Tensor, ...]:
    """Stack samples into a batch."""
    return tuple(torch.from_numpy(np.stack(part)) for part in zip(*samples, strict=True))
