"""Makers of pairs: two pictures of one head in one pose with different lips (Section IV-B).

Training needs for every input the very same head saying something else, which no camera
takes. Each maker finds it in another way; `Pairs` makes samples of what they give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from talkernel.lab.tracks.track import Track
from talkernel.lab.train.target import Target
from talkernel.lab.train.transplant import Image, Points, lower_face_mask, transplant
from talkernel.lab.train.view import View
from talkernel.mouth.reference import align, place, warp

LEAD = 4  # components of the lip code by which mouths are told apart
GAPE = 2.5  # difference of lip codes beyond which mouths are simply different
TURNED = 20.0  # what a radian of turn beyond the limit costs, in lip code
MARK = "~"  # between a twin's two names: whose face, whose speech
CHANCE = 0.3  # spread of the noise in the choice


class Side(NamedTuple):
    """One picture of a pair: `[S, S, 3]`, its landmarks `[468, 3]`, and what is being said."""

    image: Image
    points: Points
    said: Target


class PairMaker(Protocol):
    """Makes the second side of a pair."""

    def make(self, number: int, view: View, rng: np.random.Generator) -> tuple[Side, Side]:
        """A real picture of track `number`, and the same head with other lips."""


class TransplantMaker:
    """Other lips of the same person, from another frame of the track; needs no weights.

    Args:
        tracks: Prepared tracks.
        said: What is said at each stored crop of each track.
        candidates: Frames looked at to find a mouth.
        max_turn: Largest difference of head pose, radians.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        said: Sequence[list[Target]],
        candidates: int,
        max_turn: float,
    ) -> None:
        self.tracks, self.said = tracks, said
        self.candidates, self.max_turn = candidates, max_turn

    def make(self, number: int, view: View, rng: np.random.Generator) -> tuple[Side, Side]:
        """Frame t, and frame t with the lower face of a frame s of nearly the same pose."""
        track, said = self.tracks[number], self.said[number]
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
        return Side(frame, points, said[t]), Side(composite, other_points, said[s])

    def _choose(self, number: int, rng: np.random.Generator) -> tuple[int, int]:
        """Frame t and a frame s of nearly the same pose, its mouth as different as can be."""
        poses, said = self.tracks[number].crop_pose, self.said[number]
        t = int(rng.integers(len(said)))
        others = rng.integers(0, len(said), self.candidates)
        turn = np.abs(poses[others, :3] - poses[t, :3]).max(1)
        codes = np.stack([said[i].code[:LEAD] for i in others])
        difference = np.linalg.norm(codes - said[t].code[:LEAD], axis=1)
        score = np.minimum(difference, GAPE) - TURNED * np.maximum(0.0, turn - self.max_turn)
        score += rng.gumbel(0.0, CHANCE, len(others))
        return t, int(others[np.argmax(score)])


class Wav2LipPairMaker:
    """Other lips synthesised by Wav2Lip beforehand, as in the paper; see `twins`.

    A twin is a track of its own with the real track's head in every frame.

    Args:
        tracks: Prepared tracks.
        said: What is said at each stored crop of each track.
        twins: By number of a track, its twins, and what is said at each of their crops.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        said: Sequence[list[Target]],
        twins: Mapping[int, list[tuple[Track, list[Target]]]],
    ) -> None:
        self.tracks, self.said, self.twins = tracks, said, twins

    def make(self, number: int, view: View, rng: np.random.Generator) -> tuple[Side, Side]:
        """The real frame and a twin's frame of the same moment."""
        twin, twin_said = self.twins[number][int(rng.integers(len(self.twins[number])))]
        at = int(rng.integers(len(twin_said)))
        here = int(np.searchsorted(self.tracks[number].crop_index, twin.crop_index[at]))
        return (
            _side(self.tracks[number], here, self.said[number], view),
            _side(twin, at, twin_said, view),
        )


def _side(track: Track, at: int, said: list[Target], view: View) -> Side:
    points = place(track.crop_points[at], view.affine)
    return Side(view.see(track.crop(at)), points, said[at])


def by_face(twins: Sequence[Track]) -> dict[str, list[Track]]:
    """Twins by the name of the track whose face they show."""
    found: dict[str, list[Track]] = {}
    for twin in twins:
        found.setdefault(twin.name.split(MARK)[0], []).append(twin)
    return found
