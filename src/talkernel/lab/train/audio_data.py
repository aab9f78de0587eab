"""Training data of the audio network: speech features and lip codes of all tracks in one table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkernel.lab.tracks.track import Track, sampling_probabilities
from talkernel.lab.train.audio_augment import augment, silence
from talkernel.lab.train.front_end import SpeechFrontEnd
from talkernel.model.lip_basis import LipBasis
from talkernel.speech.mel import mel_spectrogram
from talkernel.speech.tokens import mel_kind

Array = NDArray[np.float32]
Half = NDArray[np.float16]
QUIET_SECONDS = 30.0


@dataclass(frozen=True)
class SpeechTable:
    """Windows of speech features, and the measured lip codes that belong to them.

    Each track is stored in several versions: the original, and augmented ones.

    Attributes:
        speech: `[columns, F]` speech features of all versions of all tracks, in half precision.
        start: `[versions, N]` first column of each frame's window.
        codes: `[N, K]` lip code of each frame.
        track: `[N]` number of each frame's track.
        names: Names of the tracks.
        cumulative: `[N]` cumulative probability of drawing each frame; see
            `sampling_probabilities`.
        rest: `[K]` lip code of a mouth at rest.
        quiet: Range of columns in which windows without speech begin.
        window: Width of a window in columns.
    """

    speech: Tensor
    start: Tensor
    codes: Tensor
    track: Tensor
    names: list[str]
    cumulative: Tensor
    rest: Tensor
    quiet: tuple[int, int]
    window: int

    @staticmethod
    def build(
        tracks: Sequence[Track],
        basis: LipBasis,
        front_end: SpeechFrontEnd,
        versions: int = 1,
        seed: int = 0,
    ) -> SpeechTable:
        """Build the table from all frames with a face.

        Args:
            tracks: Prepared tracks.
            basis: Turns lip shapes into lip codes.
            front_end: Makes the speech features.
            versions: Versions of each track; the first is the original.
            seed: Seed of the augmented versions.
        """
        kept = [track for track in tracks if track.has_face.any()]
        frames = [np.flatnonzero(track.has_face) for track in kept]
        columns, starts = _speech_columns(kept, frames, front_end, versions, seed)
        quiet = _quiet_columns(front_end, seed)
        end = sum(part.shape[1] for part in columns)
        counts = [len(own) for own in frames]
        codes = [basis.encode(t.deviations[own]) for t, own in zip(kept, frames, strict=True)]
        per_track = sampling_probabilities([track.identity for track in kept], counts) / np.array(
            counts
        )
        return SpeechTable(
            speech=torch.from_numpy(np.hstack([*columns, quiet]).T.copy()),
            start=torch.from_numpy(np.hstack(starts).reshape(versions, -1)),
            codes=torch.from_numpy(np.concatenate(codes)),
            track=torch.from_numpy(np.repeat(np.arange(len(kept)), counts)),
            names=[track.name for track in kept],
            cumulative=torch.from_numpy(np.repeat(per_track, counts)).cumsum(0),
            rest=torch.from_numpy(basis.encode(np.zeros_like(basis.mean)[None])[0]),
            quiet=(end, end + quiet.shape[1] - front_end.config.speech_window),
            window=front_end.config.speech_window,
        )

    def centred(self) -> SpeechTable:
        """A copy in which each track's mean lip code is moved to the mean of all."""
        probability = torch.diff(self.cumulative, prepend=self.cumulative.new_zeros(1))
        middle = (self.codes * probability[:, None]).sum(0)
        count = len(self.names)
        sums = torch.zeros(count, self.codes.shape[1]).index_add_(0, self.track, self.codes)
        means = sums / torch.bincount(self.track, minlength=count)[:, None]
        codes = self.codes - means[self.track] + middle.float()
        return dataclasses.replace(self, codes=codes)

    def draw(self, count: int) -> Tensor:
        """Draw `count` random frames; returns their row numbers."""
        at = torch.rand(count, dtype=torch.float64)
        rows = torch.searchsorted(self.cumulative, at)
        return rows.clamp(max=len(self.codes) - 1)

    def windows(self, rows: Tensor) -> Tensor:
        """Speech windows `[B, 1, F, W]` of some frames, from the original sound."""
        return self._windows(self.start[0, rows])

    def augmented_windows(self, rows: Tensor, shift: int) -> Tensor:
        """Speech windows of random versions, each shifted by up to `shift` columns."""
        version = torch.randint(0, len(self.start), rows.shape)
        moved = torch.randint(-shift, shift + 1, rows.shape)
        return self._windows(self.start[version, rows] + moved)

    def silent_windows(self, count: int) -> Tensor:
        """Windows without speech, `[B, 1, F, W]`."""
        return self._windows(torch.randint(*self.quiet, (count,)))

    def _windows(self, first: Tensor) -> Tensor:
        inside = first.clamp(0, len(self.speech) - self.window)
        columns = inside[:, None] + torch.arange(self.window)
        return self.speech[columns].float().transpose(1, 2)[:, None]

    def neighbours(self, rows: Tensor) -> Tensor:
        """For each frame, another frame of the same track, 5 to 25 frames away."""
        ahead = torch.randint(5, 26, (len(rows),)) * (2 * torch.randint(0, 2, (len(rows),)) - 1)
        return self._beside(rows, ahead)

    def movement(self, rows: Tensor, span: int) -> Tensor:
        """Lip codes `[B, span, K]` of the frames around some frames."""
        around = torch.arange(span) - span // 2
        return self.codes[torch.stack([self._beside(rows, step) for step in around], 1)]

    def _beside(self, rows: Tensor, by: Tensor) -> Tensor:
        """The frames `by` rows further on, or the same frame where its track ends before."""
        there = (rows + by).clamp(0, len(self.codes) - 1)
        return torch.where(self.track[there] == self.track[rows], there, rows)


def _quiet_columns(front_end: SpeechFrontEnd, seed: int) -> Half:
    """Speech features `[F, columns]` of sound without speech."""
    wave = silence(QUIET_SECONDS, np.random.default_rng(seed))
    return front_end.columns(mel_spectrogram(wave, mel_kind(front_end.config)))


def _speech_columns(
    tracks: Sequence[Track],
    frames: Sequence[NDArray[np.int64]],
    front_end: SpeechFrontEnd,
    versions: int,
    seed: int,
) -> tuple[list[Half], list[NDArray[np.int64]]]:
    """Columns of all versions, and the first column of each frame's window."""
    columns: list[Half] = []
    starts, at = [], 0
    for mel, pace, number in _recordings(tracks, front_end, versions, seed):
        features = front_end.columns(mel)
        own = frames[number] - tracks[number].offset
        starts.append(at + front_end.starts(own, features.shape[1], pace))
        columns.append(features)
        at += features.shape[1]
    return columns, starts


def _recordings(
    tracks: Sequence[Track], front_end: SpeechFrontEnd, versions: int, seed: int
) -> Iterator[tuple[Array, float, int]]:
    """Mel spectrogram, pace and track number of every version of every track."""
    kind = mel_kind(front_end.config)
    for number, track in enumerate(tracks):
        yield track.mel_of(kind), 1.0, number
    for version in range(1, versions):
        for number, track in enumerate(tracks):
            rng = np.random.default_rng([seed, version, number])
            other = tracks[int(rng.integers(len(tracks)))].sound
            changed = augment(track.sound, other, rng)
            yield mel_spectrogram(changed.wave, kind), changed.pace, number
