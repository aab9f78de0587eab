"""Pair makers: each gives two pictures of the same head in the same pose with different lips.

Training needs, for every input face, the very same head with other lips (Section IV-B). No camera
records that, so each maker creates it in its own way. `Pairs` turns the result into samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import mirrored
from talkernel.lab.tracks.track import Track
from talkernel.lab.train.front_end import SpeechFrontEnd
from talkernel.lab.train.transplant import Image, Points, lower_face_mask, transplant
from talkernel.lab.train.view import View
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.reference import align, place, warp
from talkernel.speech.tokens import mel_kind

LEAD = 4  # leading components of the lip code by which mouths are compared
GAPE = 2.5  # distance of lip codes beyond which mouths count as equally different
TURNED = 20.0  # penalty per radian of head rotation beyond the limit, in units of the lip code
MARK = "~"  # in a Wav2Lip pair's name, between the face's track and the speech's track
CHANCE = 0.3  # scale of the random term in the choice of a mouth
Array = NDArray[np.float32]


class Target(NamedTuple):
    """What the generator is conditioned on at one frame of a track.

    Attributes:
        code: `[K]` target lip code.
        mirrored: `[K]` lip code of the horizontally flipped face.
        speech: `[F, W]` window of speech features.
    """

    code: Array
    mirrored: Array
    speech: NDArray[np.float16]

    @staticmethod
    def of_track(
        track: Track, basis: LipBasis, front_end: SpeechFrontEnd | None = None
    ) -> list[Target]:
        """The targets at each stored crop of a track.

        Args:
            track: A prepared track.
            basis: Turns lip shapes into lip codes.
            front_end: Makes the speech features; without one, the windows are empty.
        """
        deviations = track.deviations[track.crop_index]
        codes, flipped = basis.encode(deviations), basis.encode(mirrored(deviations))
        if front_end is None:
            speech = [np.zeros((0, 0), np.float16)] * len(codes)
        else:
            frames = track.crop_index - track.offset
            speech = front_end.windows(track.mel_of(mel_kind(front_end.config)), frames)
        return [Target(*parts) for parts in zip(codes, flipped, speech, strict=True)]


class Side(NamedTuple):
    """One face of a pair.

    Attributes:
        image: `[S, S, 3]`.
        points: Landmarks `[468, 3]`.
        values: What the generator is conditioned on if this face is the target.
    """

    image: Image
    points: Points
    values: Target


class PairMaker(Protocol):
    """Makes pairs of the same head with different lips."""

    def make(self, number: int, view: View, rng: np.random.Generator) -> tuple[Side, Side]:
        """A real picture of track `number`, and the same head with other lips."""


class TransplantMaker:
    """Takes the other lips from another frame of the same track; needs no further weights.

    Args:
        tracks: Prepared tracks.
        targets: For each track, the targets at its stored crops.
        candidates: Number of random frames among which a different mouth is chosen.
        max_turn: Largest difference of head pose, radians.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        targets: Sequence[list[Target]],
        candidates: int,
        max_turn: float,
    ) -> None:
        self.tracks, self.targets = tracks, targets
        self.candidates, self.max_turn = candidates, max_turn

    def make(self, number: int, view: View, rng: np.random.Generator) -> tuple[Side, Side]:
        """Frame t, and frame t with the lower face of a frame s in nearly the same pose."""
        track, targets = self.tracks[number], self.targets[number]
        t, s = self._choose(number, rng)
        points = place(track.crop_points[t], view.affine)
        to_view = align(track.crop_points[s], points)
        other, other_points = (
            warp(track.crop(s), to_view, view.size),
            place(track.crop_points[s], to_view),
        )
        frame = view.see(track.crop(t))
        mask = lower_face_mask([points, other_points], view.size, view.scale)
        composite = transplant(frame, other, mask, feather=0.015 * view.scale)
        return Side(frame, points, targets[t]), Side(composite, other_points, targets[s])

    def _choose(self, number: int, rng: np.random.Generator) -> tuple[int, int]:
        """Frame t, and a frame s in nearly the same pose with a mouth as different as possible."""
        poses, targets = self.tracks[number].crop_pose, self.targets[number]
        t = int(rng.integers(len(targets)))
        others = rng.integers(0, len(targets), self.candidates)
        turn = np.abs(poses[others, :3] - poses[t, :3]).max(1)
        codes = np.stack([targets[i].code[:LEAD] for i in others])
        difference = np.linalg.norm(codes - targets[t].code[:LEAD], axis=1)
        score = np.minimum(difference, GAPE) - TURNED * np.maximum(0.0, turn - self.max_turn)
        score += rng.gumbel(0.0, CHANCE, len(others))
        return t, int(others[np.argmax(score)])


class Wav2LipPairMaker:
    """Takes the other lips from a video synthesised by Wav2Lip, as in the paper.

    Such a video is itself a track: the real track's head with other lips in every frame. See
    `wav2lip_pairs`.

    Args:
        tracks: Prepared tracks.
        targets: For each track, the targets at its stored crops.
        synthesised: For the number of each track, its synthesised tracks and their targets.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        targets: Sequence[list[Target]],
        synthesised: Mapping[int, list[tuple[Track, list[Target]]]],
    ) -> None:
        self.tracks, self.targets, self.synthesised = tracks, targets, synthesised

    def make(self, number: int, view: View, rng: np.random.Generator) -> tuple[Side, Side]:
        """A real frame, and the same frame of a synthesised track."""
        choices = self.synthesised[number]
        track, targets = choices[int(rng.integers(len(choices)))]
        at = int(rng.integers(len(targets)))
        here = int(np.searchsorted(self.tracks[number].crop_index, track.crop_index[at]))
        return (
            _side(self.tracks[number], here, self.targets[number], view),
            _side(track, at, targets, view),
        )


def _side(track: Track, at: int, targets: list[Target], view: View) -> Side:
    points = place(track.crop_points[at], view.affine)
    return Side(view.see(track.crop(at)), points, targets[at])


def by_face(synthesised: Sequence[Track]) -> dict[str, list[Track]]:
    """Group synthesised tracks by the name of the track whose face they show."""
    found: dict[str, list[Track]] = {}
    for track in synthesised:
        found.setdefault(track.name.split(MARK)[0], []).append(track)
    return found
