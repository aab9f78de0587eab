"""Training samples: an input face, a target face, what the target says, regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from talkernel.errors import TrainingDataError
from talkernel.face.lips import OUTER_LIP, lip_shape, mouth_opening
from talkernel.lab.tracks.track import Track, sampling_probabilities
from talkernel.lab.train.degradation import Shot, compress, occlude
from talkernel.lab.train.front_end import SpeechFrontEnd
from talkernel.lab.train.makers import PairMaker, Side, TransplantMaker, Wav2LipPairMaker
from talkernel.lab.train.recipes import PairRecipe
from talkernel.lab.train.region_masks import RegionMasks, mirrored
from talkernel.lab.train.target import Target
from talkernel.lab.train.transplant import Image, Points
from talkernel.lab.train.view import View, random_view, recolour
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.mask import blur_mouth, mark_disoccluded
from talkernel.mouth.neutral import target_lips
from talkernel.mouth.reference import Reference, WarpedReference

Array = NDArray[np.float32]
MOUTH = 128  # side in pixels of the box around the mouth that the critics look at
OFF = 8  # pixels: how far that box is off its place, to either side
WIDEST_OF = 8  # frames at most, of which a reference has the widest mouth
ENOUGH = 20  # stored crops a track needs, for a mouth to be found among them


class Sample(NamedTuple):
    """One pair, bytes throughout: pictures `[3, S, S]` RGB, planes `[1, S, S]` 0 to 255.

    Attributes:
        seen: What the network is shown: `face`, veiled; with a reference `[6, S, S]`.
        face: What its answer is blended with.
        target: What the blend should be.
        lips: The lips of both, and a margin.
        lower: The lower faces of both, and a margin.
        outside: Where nothing may change.
        hidden: Where the veil lies.
        painted: Where M is what f paints, not the warped reference.
        corner: `[2]` row and column where the mouth's box of `MOUTH` pixels begins.
        genuine: `[]` whether the target is a real frame, not a composite.
        code: `[K]` lip code of the target.
        speech: `[1, F, W]` speech features that f is told.
    """

    seen: Image
    face: Image
    target: Image
    lips: Image
    lower: Image
    outside: Image
    hidden: Image
    painted: Image
    corner: NDArray[np.int64]
    genuine: NDArray[np.bool_]
    code: Array
    speech: NDArray[np.float16]


class Pairs(Dataset[Sample]):
    """Endless samples by number, made on the fly from prepared tracks.

    Args:
        tracks: Prepared tracks.
        basis: Turns lip shapes into lip codes.
        recipe: How samples are drawn.
        front_end: Makes the tracks' speech features; None for samples without sound.
        seed: Of everything random.
        twins: Wav2Lip's twins of the tracks, by the tracks' names.
        model: What the model is to be shown.

    Raises:
        TrainingDataError: No track has enough frames.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        basis: LipBasis,
        recipe: PairRecipe,
        front_end: SpeechFrontEnd | None = None,
        seed: int = 0,
        twins: Mapping[str, Sequence[Track]] | None = None,
        model: ModelConfig = ModelConfig(),  # noqa: B008  # which cannot be changed
    ) -> None:
        self.tracks = [track for track in tracks if len(track.crop_index) > ENOUGH]
        if not self.tracks:
            raise TrainingDataError(f"None of {len(tracks)} tracks has {ENOUGH} frames or more.")
        self.recipe, self.seed, self.model = recipe, seed, model

        def said(track: Track) -> list[Target]:
            return Target.of_track(track, basis, front_end)

        own = [said(track) for track in self.tracks]
        self.transplants = TransplantMaker(self.tracks, own, recipe.candidates, recipe.max_turn)
        self.twins = Wav2LipPairMaker(
            self.tracks,
            own,
            {
                number: [(twin, said(twin)) for twin in (twins or {}).get(track.name, ())]
                for number, track in enumerate(self.tracks)
            },
        )
        self.chance = sampling_probabilities(
            [track.identity for track in self.tracks],
            [len(track.crop_index) for track in self.tracks],
        )

    def __getitem__(self, number: int) -> Sample:
        """Sample `number`, the same every time."""
        rng = np.random.default_rng([self.seed, number])
        track = int(rng.choice(len(self.tracks), p=self.chance))
        return self.sample(track, rng)

    def sample(self, track: int, rng: np.random.Generator) -> Sample:
        """Draw a pair from one track."""
        recipe = self.recipe
        middle = self.tracks[track].view_middle(recipe.size < recipe.crop)
        view = random_view(recipe.size, rng, recipe.crop, middle)
        real, made = self._maker(track, rng).make(track, view, rng)
        source, target = (real, made) if rng.random() < recipe.real_input else (made, real)
        if rng.random() < recipe.identity:
            source = target
        # Of their own: the choice of pairs stays as it is.
        worse, other, box = rng.spawn(3)
        warped = self._warped(track, source, target, view, other)
        shot, planes = self._filmed(source, target, warped, view, worse)
        veiled = mark_disoccluded(_veiled(shot.source, planes.hidden, view), warped)
        pictures = [veiled, shot.source, shot.target]
        pictures += [] if shot.reference is None else [shot.reference]
        mouth, code = real.points[list(OUTER_LIP)].mean(0), target.said.code
        if rng.random() < 0.5:
            pictures, planes = mirrored(pictures), RegionMasks(*mirrored(planes))
            mouth[0] = view.size - 1 - mouth[0]
            code = target.said.mirrored
        seen, face, goal, *others = (
            np.ascontiguousarray(x.transpose(2, 0, 1)) for x in recolour(pictures, rng)
        )
        lips, lower, outside, cover, painted = (np.ascontiguousarray(x[None]) for x in planes)
        return Sample(
            np.concatenate([seen, *others]),
            face,
            goal,
            lips,
            lower,
            outside,
            cover,
            painted,
            _corner(mouth, view.size, box),
            np.asarray(target is real),
            code,
            target.said.speech[None],
        )

    def _warped(
        self, track: int, source: Side, target: Side, view: View, rng: np.random.Generator
    ) -> WarpedReference | None:
        """Another frame's mouth, where the source has its own; often a wide one, as in use.

        For a share of the pairs the source itself, as of a photo. Warped, it has the target's lips.
        """
        if not self.model.reference:
            return None
        shown, number = self.tracks[track], _wide_frame(self.tracks[track], rng)
        found = Reference(shown.crop(number), shown.crop_points[number])
        if rng.random() < self.recipe.own_reference:
            found = Reference(source.image, source.points)
        lips = target_lips(lip_shape(target.points), target.points) if self.model.warped else None
        return found.warped(source.points, view.size, lips)

    def _filmed(
        self,
        source: Side,
        target: Side,
        warped: WarpedReference | None,
        view: View,
        rng: np.random.Generator,
    ) -> tuple[Shot, RegionMasks]:
        """The pair, some of them as in a worse video."""
        recipe = self.recipe
        planes = RegionMasks.of(source.points, target.points, warped, view, recipe.veiled)
        shot = Shot(source.image, target.image, planes.outside, warped and warped.image)
        if rng.random() < recipe.occluded:
            shot = occlude(shot, source.points[:, :2], planes.lips, planes.hidden, view.scale, rng)
        if rng.random() < recipe.compressed:
            shot = compress(shot, rng)
        return shot, planes._replace(outside=shot.outside)

    def _maker(self, track: int, rng: np.random.Generator) -> PairMaker:
        if self.twins.twins[track] and rng.random() < self.recipe.twins:
            return self.twins
        return self.transplants


def _veiled(source: Image, cover: Image, view: View) -> Image:
    """An input as f sees it; where nothing is to be veiled, `cover` is 0 everywhere."""
    weight = cover.astype(np.float32) / np.float32(255.0)
    return blur_mouth(source, weight, view.scale)


def _wide_frame(track: Track, rng: np.random.Generator) -> int:
    """The stored crop with the widest mouth of a few, or of one, which may be shut."""
    some = rng.integers(0, len(track.crop_index), rng.integers(1, WIDEST_OF + 1))
    return int(some[np.argmax(mouth_opening(track.shapes[track.crop_index[some]]))])


def _corner(middle: Points, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Row and column of the mouth's box, inside the view, the mouth in its upper half.

    It lies a little off: D halves the picture three times, so what it says repeats every 8
    pixels; a strided D and a box fixed to the mouth made f draw that grid on the teeth.
    """
    column, row = middle[:2]
    corner = np.array([row - 0.42 * MOUTH, column - 0.5 * MOUTH])
    corner += rng.integers(-OFF, OFF, 2)
    inside = np.clip(np.rint(corner), 0, max(0, size - MOUTH))
    return np.asarray(inside, np.int64)
