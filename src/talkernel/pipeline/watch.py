"""Watches and hears a whole video once: lip codes of its sound and of all faces."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.engine import Engine
from talkernel.errors import NoAudioError
from talkernel.face.confirm import confirm
from talkernel.face.lips import lip_shape
from talkernel.face.track import FaceTracker
from talkernel.media import FaceSource, open_speech
from talkernel.media.speech import SILENT, SPEECH_RATE
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.lip_driver import predict_lip_codes

Array = NDArray[np.float32]
OTHERWISE = "Use --people all, or choose one person."


class Seen(NamedTuple):
    """A person in all frames that show them.

    Attributes:
        frames: `[N]` numbers of the frames.
        places: `[N, 3]` x, y and side of their crop in pixels.
        codes: `[N, K]` their lip codes, for the mean neutral shape.
    """

    frames: NDArray[np.int64]
    places: Array
    codes: Array


def hear(source: FaceSource, engine: Engine, count: int | None = None) -> Array:
    """Lip codes `[T, K]` predicted from a video's own sound.

    Raises:
        NoAudioError: It has no sound, or a silent one.
    """
    if source.is_photo:
        raise _no_sound(f"{source.path} is a photo")
    end = None if count is None else round(count / source.fps * SPEECH_RATE)
    try:
        sound = _Sound(open_speech(source.path).blocks(), end)
    except NoAudioError as error:
        raise _no_sound(str(error).removesuffix(".")) from error
    codes = predict_lip_codes(engine, source.fps, sound)
    if sound.loudest < SILENT:
        raise _no_sound(f"the sound of {source.path} is silent")
    return codes


class _Sound:
    """A sound up to a sample, of which the loudest is measured as it passes."""

    def __init__(self, blocks: Iterator[Array], end: int | None) -> None:
        self._blocks, self._end, self.loudest = blocks, end, 0.0

    def __iter__(self) -> Iterator[Array]:
        left = self._end
        for block in self._blocks:
            self.loudest = max(self.loudest, float(np.abs(block).max(initial=0.0)))
            yield block[:left]
            if left is not None:
                left -= len(block)
                if left <= 0:
                    return


def _no_sound(what: str) -> NoAudioError:
    return NoAudioError(
        f"--people speaking compares mouths with the video's own sound, but {what}.",
        remedy=OTHERWISE,
    )


def watch(source: FaceSource, basis: LipBasis, count: int | None = None) -> dict[int, Seen]:
    """All people of a video, by number, in all frames."""
    tracker = FaceTracker(everybody=True)
    rows: dict[int, array[float]] = defaultdict(lambda: array("d"))
    observed = ((picture, tracker.update(picture)) for picture in islice(source.frames(), count))
    for frame, (_, seen) in enumerate(confirm(observed, tracker.likeness)):
        for face in seen.faces:
            code = basis.encode(lip_shape(face.landmarks)[None] - basis.neutral)[0]
            rows[face.person].extend([frame, *face.geometry[:3], *code])
    return {person: _seen(table, len(basis.scale)) for person, table in rows.items()}


def _seen(rows: array[float], lip_code: int) -> Seen:
    table = np.frombuffer(rows).reshape(-1, 4 + lip_code)
    frames, at = np.unique(table[:, 0].astype(np.int64), return_index=True)
    return Seen(frames, *np.split(table[at, 1:].astype(np.float32), [3], axis=1))
