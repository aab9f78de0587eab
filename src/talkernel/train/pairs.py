"""Training samples: an input face, a target face, what the target says, regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from talkernel.errors import TrainingDataError
from talkernel.face.lips import OUTER_LIP, LipBasis
from talkernel.face.veil import hidden, veil
from talkernel.train.camera import Shot, compress, occlude
from talkernel.train.ear import Ear
from talkernel.train.makers import PairMaker, Side, TransplantMaker, TwinMaker
from talkernel.train.recipes import PairRecipe
from talkernel.train.spoken import Spoken
from talkernel.train.tracks import Track, share_of_people
from talkernel.train.transplant import Image, Points, lower_face_mask, mouth_mask
from talkernel.train.view import View, random_view, recolour

Array = NDArray[np.float32]
MOUTH = 96  # side in pixels of the box around the mouth that the critics look at
ENOUGH = 20  # stored crops a track needs, for a mouth to be found among them


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
        speech: `[1, F, W]` speech features of the target.
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
    speech: NDArray[np.float16]


class Pairs(Dataset[Sample]):
    """Endless samples by number, made on the fly from prepared tracks.

    Args:
        tracks: Prepared tracks.
        basis: Turns lip shapes into lip codes.
        recipe: How samples are drawn.
        ear: Who listens to the tracks; None for samples without sound.
        seed: Of everything random.
        twins: Wav2Lip's twins of the tracks, by the tracks' names.

    Raises:
        TrainingDataError: No track has enough frames.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        basis: LipBasis,
        recipe: PairRecipe,
        ear: Ear | None = None,
        seed: int = 0,
        twins: Mapping[str, Sequence[Track]] | None = None,
    ) -> None:
        self.tracks = [track for track in tracks if len(track.crop_index) > ENOUGH]
        if not self.tracks:
            raise TrainingDataError(f"None of {len(tracks)} tracks has {ENOUGH} frames or more.")
        self.recipe, self.seed = recipe, seed

        def said(track: Track) -> list[Spoken]:
            return Spoken.of_track(track, basis, ear)

        own = [said(track) for track in self.tracks]
        self.transplants = TransplantMaker(self.tracks, own, recipe.candidates, recipe.max_turn)
        self.twins = TwinMaker(self.tracks, own, {
            number: [(twin, said(twin)) for twin in (twins or {}).get(track.name, ())]
            for number, track in enumerate(self.tracks)
        })  # fmt: skip
        self.chance = share_of_people([track.identity for track in self.tracks],
                                      [len(track.crop_index) for track in self.tracks])  # fmt: skip

    def __getitem__(self, number: int) -> Sample:
        """Sample `number`, the same every time."""
        rng = np.random.default_rng([self.seed, number])
        track = int(rng.choice(len(self.tracks), p=self.chance))
        return self.sample(track, rng)

    def sample(self, track: int, rng: np.random.Generator) -> Sample:
        """Draw a pair from one track."""
        recipe = self.recipe
        view = random_view(recipe.size, rng, recipe.crop, self.tracks[track].crop_mouth)
        sides = self._maker(track, rng).make(track, view, rng)
        source, target = sides if rng.random() < self.recipe.real_input else sides[::-1]
        if rng.random() < self.recipe.identity:
            source = target
        planes = _planes(source, target, view)
        if not self.recipe.veiled:
            planes[-1] = np.zeros_like(planes[-1])
        middle = sides[0].points[list(OUTER_LIP)].mean(0)
        shot = Shot(source.image, target.image, planes[2])
        if self.recipe.occluded or self.recipe.compressed:
            shot = self._filmed(shot, source.points, planes, view, rng.spawn(1)[0])
            planes[2] = shot.outside
        pictures = [self._shown(shot.source, planes[-1], view), shot.source, shot.target]
        code = target.said.code
        if rng.random() < 0.5:
            code = target.said.mirrored
            pictures, planes = ([x[:, ::-1] for x in group] for group in (pictures, planes))
            middle[0] = view.size - 1 - middle[0]
        seen, face, goal = (np.ascontiguousarray(x.transpose(2, 0, 1))
                            for x in recolour(pictures, rng))  # fmt: skip
        lips, lower, outside, cover = (np.ascontiguousarray(plane[None]) for plane in planes)
        return Sample(seen, face, goal, lips, lower, outside, cover,
                      _corner(middle, view.size), code, target.said.speech[None])  # fmt: skip

    def _filmed(
        self, shot: Shot, points: Points, planes: list[Image], view: View, rng: np.random.Generator
    ) -> Shot:
        """A pair as in a worse video; its own `rng` leaves the choice of pairs as it was."""
        if rng.random() < self.recipe.occluded:
            shot = occlude(shot, points, planes[0], planes[-1], view.scale, rng)
        if rng.random() < self.recipe.compressed:
            shot = compress(shot, rng)
        return shot

    def _shown(self, source: Image, cover: Image, view: View) -> Image:
        """What f sees of an input."""
        if not self.recipe.veiled:
            return source
        weight = cover.astype(np.float32) / np.float32(255.0)
        return veil(source, weight, view.scale)

    def _maker(self, track: int, rng: np.random.Generator) -> PairMaker:
        if self.twins.twins[track] and rng.random() < self.recipe.twins:
            return self.twins
        return self.transplants


def _planes(source: Side, target: Side, view: View) -> list[Image]:
    """Lips, lower faces, what lies beyond them, and the veil; see `Sample`."""
    both = [source.points, target.points]
    lower = lower_face_mask(both, view.size, view.scale)
    soft = hidden(source.points, view.size, view.scale)
    return [mouth_mask(both, view.size, view.scale), lower, _beyond(lower),
            np.rint(255 * soft).astype(np.uint8)]  # fmt: skip


def _beyond(mask: Image) -> Image:
    """255 where a mask, grown a little, is not."""
    return np.asarray(255 - cv2.dilate(mask, np.ones((9, 9), np.uint8)), np.uint8)


def _corner(middle: Points, size: int) -> NDArray[np.int64]:
    """Row and column of the mouth's box, inside the view, the mouth in its upper half."""
    column, row = middle
    corner = np.array([row - 0.42 * MOUTH, column - 0.5 * MOUTH])
    inside = np.clip(np.rint(corner), 0, max(0, size - MOUTH))
    return np.asarray(inside, np.int64)
