"""What is being said at one moment of a track: the lips seen, and the sound heard."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import mirrored
from talkernel.lab.tracks.track import Track
from talkernel.lab.train.front_end import SpeechFrontEnd
from talkernel.model.lip_basis import LipBasis
from talkernel.speech.tokens import mel_kind

Array = NDArray[np.float32]


class Target(NamedTuple):
    """Lip code `[K]`, that of the mirrored face, and the window of speech features `[F, W]`."""

    code: Array
    mirrored: Array
    speech: NDArray[np.float16]

    @staticmethod
    def of_track(
        track: Track, basis: LipBasis, front_end: SpeechFrontEnd | None = None
    ) -> list[Target]:
        """What is said at each stored crop.

        Args:
            track: A prepared track.
            basis: Turns lip shapes into lip codes.
            front_end: Makes the speech features; without one, the windows are empty.
        """
        deviations = track.deviations[track.crop_index]
        codes, mirrors = basis.encode(deviations), basis.encode(mirrored(deviations))
        if front_end is None:
            heard = [np.zeros((0, 0), np.float16)] * len(codes)
        else:
            frames = track.crop_index - track.offset
            heard = front_end.windows(track.mel_of(mel_kind(front_end.config)), frames)
        return [Target(*parts) for parts in zip(codes, mirrors, heard, strict=True)]
