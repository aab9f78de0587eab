"""All tracks' speech and lip codes, laid end to end for pre-training AudioNet."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkernel.audio import N_MELS, SILENCE, first_column
from talkernel.face.lips import LipBasis
from talkernel.speech_level import SpeechLevel, loud_mean
from talkernel.train.tracks import FPS, Track, share_of_people

Array = NDArray[np.float32]
PAD = 64  # silent columns around each track, so that every window exists


@dataclass(frozen=True)
class SpeechTable:
    """Mel windows and the lip codes that go with them.

    Attributes:
        mel: `[columns, 80]` half precision.
        start: `[N]` first column of each frame's window.
        codes: `[N, K]` the frame's lip code.
        track: `[N]` the track's number.
        names: Of the tracks.
        reach: `[N]` chance of drawing the frame or one before it: people count by the
            square root of their frames.
        rest: `[K]` the lip code of a mouth at rest.
        level: `[tracks, 80]` each voice's own mean spectrum, to take off; None: leave it on.
        window: Width of a window in columns.
    """

    mel: Tensor
    start: Tensor
    codes: Tensor
    track: Tensor
    names: list[str]
    reach: Tensor
    rest: Tensor
    level: Tensor | None
    window: int

    @staticmethod
    def build(
        tracks: Sequence[Track],
        basis: LipBasis,
        window: int,
        prior: Sequence[float] = (),
    ) -> SpeechTable:
        """Collect the frames in which a face was found.

        Args:
            tracks: Prepared tracks.
            basis: Turns lip shapes into lip codes.
            window: Width of a window in columns.
            prior: The config's `mel_level`.
        """
        kept = [track for track in tracks if track.has_face.any()]
        mels, starts, codes, at = [], [], [], 0
        silence = np.full((N_MELS, PAD), SILENCE, np.float32)
        for track in kept:
            frames = np.flatnonzero(track.has_face)
            mels += [silence, track.mel, silence]
            columns = [first_column(int(i) - track.offset, FPS, window) for i in frames]
            last = PAD + track.mel.shape[1]  # a window that begins here is silent
            starts.append(at + np.clip(np.array(columns) + PAD, 0, last))
            codes.append(basis.encode(track.deviations[frames]))
            at += 2 * PAD + track.mel.shape[1]
        counts = [len(part) for part in codes]
        per_track = share_of_people([track.identity for track in kept], counts) / np.array(counts)
        return SpeechTable(
            mel=torch.from_numpy(np.hstack([*mels, silence]).T.astype(np.float16)),
            start=torch.from_numpy(np.concatenate(starts)),
            codes=torch.from_numpy(np.concatenate(codes)),
            track=torch.from_numpy(np.repeat(np.arange(len(kept)), counts)),
            names=[track.name for track in kept],
            reach=torch.from_numpy(np.repeat(per_track, counts)).cumsum(0),
            rest=torch.from_numpy(basis.encode(np.zeros_like(basis.mean)[None])[0]),
            level=torch.from_numpy(np.stack([_level(t, prior) for t in kept])) if prior else None,
            window=window,
        )

    def centred(self) -> SpeechTable:
        """The same with every track's mean lip code moved to the mean of all."""
        chance = torch.diff(self.reach, prepend=self.reach.new_zeros(1))
        middle = (self.codes * chance[:, None]).sum(0)
        count = len(self.names)
        sums = torch.zeros(count, self.codes.shape[1]).index_add_(0, self.track, self.codes)
        means = sums / torch.bincount(self.track, minlength=count)[:, None]
        codes = self.codes - means[self.track] + middle.float()
        return dataclasses.replace(self, codes=codes)

    def draw(self, count: int) -> Tensor:
        """`count` frames by chance."""
        at = torch.rand(count, dtype=torch.float64)
        rows = torch.searchsorted(self.reach, at)
        return rows.clamp(max=len(self.start) - 1)

    def windows(self, rows: Tensor, shift: Tensor | int = 0) -> Tensor:
        """Mel windows `[B, 80, window]` of some frames, moved by `shift` columns."""
        first = (self.start[rows] + shift).clamp(0, len(self.mel) - self.window)
        columns = first[:, None] + torch.arange(self.window)
        return self.mel[columns].float().transpose(1, 2)

    def levels(self, rows: Tensor) -> Tensor:
        """What to take off these windows, `[B, 80, 1]`."""
        if self.level is None:
            return torch.zeros(len(rows), N_MELS, 1)
        return self.level[self.track[rows]][:, :, None]

    def heard(self, rows: Tensor) -> Tensor:
        """What AudioNet is given for some frames, `[B, 1, 80, window]`."""
        return (self.windows(rows) - self.levels(rows))[:, None]

    def neighbours(self, rows: Tensor) -> Tensor:
        """For each frame another of the same track, up to a second away."""
        ahead = torch.randint(5, 26, (len(rows),)) * (2 * torch.randint(0, 2, (len(rows),)) - 1)
        return self._beside(rows, ahead)

    def movement(self, rows: Tensor, span: int) -> Tensor:
        """Lip codes `[B, span, K]` of the frames around some frames."""
        around = torch.arange(span) - span // 2
        return self.codes[torch.stack([self._beside(rows, step) for step in around], 1)]

    def _beside(self, rows: Tensor, by: Tensor) -> Tensor:
        """Frames some steps on, or the frame itself where its track does not reach so far."""
        there = (rows + by).clamp(0, len(self.start) - 1)
        return torch.where(self.track[there] == self.track[rows], there, rows)


def _level(track: Track, prior: Sequence[float]) -> Array:
    level = SpeechLevel(np.array(prior))
    level.hear(track.mel)
    return level.mean


def mean_level(tracks: Sequence[Track]) -> tuple[float, ...]:
    """Mean mel spectrum of people's voices, `[80]`, all people alike: a config's `mel_level`."""
    people: dict[str, list[NDArray[np.float64]]] = {}
    for track in tracks:
        people.setdefault(track.identity, []).append(loud_mean(track.mel))
    voices = [np.mean(own, axis=0) for own in people.values()]
    return tuple(round(float(value), 3) for value in np.mean(voices, axis=0))
