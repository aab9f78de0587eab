"""Makes training samples on the fly from prepared tracks: sample n is always the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from talkernel.errors import TrainingDataError
from talkernel.face.lips import OUTER_LIP, lip_shape, mouth_opening
from talkernel.lab.tracks.track import Track, sampling_probabilities
from talkernel.lab.train.degradation import Shot, compress, occlude
from talkernel.lab.train.front_end import SpeechFrontEnd
from talkernel.lab.train.makers import PairMaker, Side, Target, TransplantMaker, Wav2LipPairMaker
from talkernel.lab.train.recipes import PairRecipe
from talkernel.lab.train.sample import Sample, mouth_box
from talkernel.lab.train.transplant import Image
from talkernel.lab.train.view import RegionMasks, View, mirrored, random_view, recolour
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.mask import blur_mouth, mark_disoccluded
from talkernel.mouth.neutral import target_lips
from talkernel.mouth.reference import Reference, WarpedReference

WIDEST_OF = 8  # largest number of frames among which the widest mouth becomes the reference
ENOUGH = 20  # stored crops a track needs, so that a different mouth can be found among them


class Pairs(Dataset[Sample]):
    """Endless data set of samples, accessed by number.

    Args:
        tracks: Prepared tracks.
        basis: Turns lip shapes into lip codes.
        recipe: How samples are drawn.
        front_end: Makes the tracks' speech features; None for samples without speech.
        seed: Seed of all randomness.
        wav2lip_pairs: Tracks synthesised by Wav2Lip, by the name of the real track.
        model: Says whether the generator takes a reference, and whether that is warped.

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
        wav2lip_pairs: Mapping[str, Sequence[Track]] | None = None,
        model: ModelConfig = ModelConfig(),  # noqa: B008  # immutable
    ) -> None:
        self.tracks = [track for track in tracks if len(track.crop_index) > ENOUGH]
        if not self.tracks:
            message = f"None of {len(tracks)} tracks has more than {ENOUGH} stored crops."
            raise TrainingDataError(message)
        self.recipe, self.seed, self.model = recipe, seed, model

        def targets_of(track: Track) -> list[Target]:
            return Target.of_track(track, basis, front_end)

        own = [targets_of(track) for track in self.tracks]
        synthesised = {
            number: [(pair, targets_of(pair)) for pair in (wav2lip_pairs or {}).get(track.name, ())]
            for number, track in enumerate(self.tracks)
        }
        self.transplants = TransplantMaker(self.tracks, own, recipe.candidates, recipe.max_turn)
        self.wav2lip = Wav2LipPairMaker(self.tracks, own, synthesised)
        self.probabilities = sampling_probabilities(
            [track.identity for track in self.tracks],
            [len(track.crop_index) for track in self.tracks],
        )

    def __getitem__(self, number: int) -> Sample:
        """Sample `number`, the same every time."""
        rng = np.random.default_rng([self.seed, number])
        track = int(rng.choice(len(self.tracks), p=self.probabilities))
        return self.sample(track, rng)

    def sample(self, track: int, rng: np.random.Generator) -> Sample:
        """Draw a sample from one track.

        Args:
            track: Number of the track.
            rng: Source of randomness. Optional effects use generators spawned from it, so that
                turning them on does not change which faces are drawn.
        """
        recipe = self.recipe
        middle = self.tracks[track].view_middle(recipe.size < recipe.crop)
        view = random_view(recipe.size, rng, recipe.crop, middle)
        real, source, target = self._sides(track, view, rng)
        degradation_rng, reference_rng, box_rng = rng.spawn(3)
        warped = self._reference(track, source, target, view, reference_rng)
        shot, masks = self._degraded(source, target, warped, view, degradation_rng)
        pictures = _pictures(shot, masks, warped, view)
        mouth, code = real.points[list(OUTER_LIP)].mean(0), target.values.code
        if rng.random() < 0.5:
            pictures, masks = mirrored(pictures), RegionMasks(*mirrored(masks))
            mouth[0] = view.size - 1 - mouth[0]
            code = target.values.mirrored
        shown, face, goal, *reference = (
            np.ascontiguousarray(x.transpose(2, 0, 1)) for x in recolour(pictures, rng)
        )
        regions: dict[str, Any] = masks._asdict()
        return Sample(
            network_input=np.concatenate([shown, *reference]),
            face=face,
            target=goal,
            **{name: np.ascontiguousarray(mask[None]) for name, mask in regions.items()},
            corner=mouth_box(mouth, view.size, box_rng),
            genuine=np.asarray(target is real),
            code=code,
            speech=target.values.speech[None],
        )

    def _sides(self, track: int, view: View, rng: np.random.Generator) -> tuple[Side, Side, Side]:
        """The real face of a pair, its input face and its target face."""
        real, made = self._maker(track, rng).make(track, view, rng)
        source, target = (real, made) if rng.random() < self.recipe.real_input else (made, real)
        return real, target if rng.random() < self.recipe.identity else source, target

    def _reference(
        self, track: int, source: Side, target: Side, view: View, rng: np.random.Generator
    ) -> WarpedReference | None:
        """The reference, aligned with the source; None if the model takes none.

        It is another frame of the track, often one with a wide mouth, as in use. For a fraction of
        the samples it is the source itself, as for a photo. If the model warps its reference, it
        gets the target's lips.
        """
        if not self.model.reference:
            return None
        shown, number = self.tracks[track], _wide_frame(self.tracks[track], rng)
        found = Reference(shown.crop(number), shown.crop_points[number])
        if rng.random() < self.recipe.own_reference:
            found = Reference(source.image, source.points)
        lips = target_lips(lip_shape(target.points), target.points) if self.model.warped else None
        return found.warped(source.points, view.size, lips)

    def _degraded(
        self,
        source: Side,
        target: Side,
        warped: WarpedReference | None,
        view: View,
        rng: np.random.Generator,
    ) -> tuple[Shot, RegionMasks]:
        """The pictures and regions of a pair, some of them degraded; see `degradation`."""
        recipe = self.recipe
        masks = RegionMasks.of(source.points, target.points, warped, view, self.model.masked)
        shot = Shot(source.image, target.image, masks.outside, warped and warped.image)
        if rng.random() < recipe.occluded:
            points = source.points[:, :2]
            shot = occlude(shot, points, masks.lips, masks.mouth_mask, view.scale, rng)
        if rng.random() < recipe.compressed:
            shot = compress(shot, rng)
        return shot, masks._replace(outside=shot.outside)

    def _maker(self, track: int, rng: np.random.Generator) -> PairMaker:
        """The maker of the next pair: Wav2Lip's for a fraction, if the track has such pairs."""
        if self.wav2lip.synthesised[track] and rng.random() < self.recipe.wav2lip_pairs:
            return self.wav2lip
        return self.transplants


def _pictures(
    shot: Shot, masks: RegionMasks, warped: WarpedReference | None, view: View
) -> list[Image]:
    """Masked input, unmasked input, target and, if there is one, the reference.

    The input's mouth is blurred away as in use; a mouth mask of zeros leaves it as it is.
    """
    weight = masks.mouth_mask.astype(np.float32) / np.float32(255.0)
    masked = mark_disoccluded(blur_mouth(shot.source, weight, view.scale), warped)
    pictures = [masked, shot.source, shot.target]
    return pictures if shot.reference is None else [*pictures, shot.reference]


def _wide_frame(track: Track, rng: np.random.Generator) -> int:
    """Number of the crop with the widest mouth among one to `WIDEST_OF` random crops."""
    some = rng.integers(0, len(track.crop_index), rng.integers(1, WIDEST_OF + 1))
    return int(some[np.argmax(mouth_opening(track.shapes[track.crop_index[some]]))])
