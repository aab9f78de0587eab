"""All figures of one case: the generated video's, the truth's, and doing nothing's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talkernel.errors import NoAudioError
from talkernel.lab.evaluate.cases import Case, Protocol
from talkernel.lab.evaluate.identity import embeddings, identity
from talkernel.lab.evaluate.mouth import copying, following, leaking
from talkernel.lab.evaluate.observe import Seen, observe
from talkernel.lab.evaluate.predicted_sync import predicted_opening, predicted_sync
from talkernel.lab.evaluate.quality import picture_quality
from talkernel.lab.evaluate.stillness import stillness
from talkernel.media import open_speech

if TYPE_CHECKING:
    from talkernel.lab.evaluate.syncnet import SyncNet

GENERATED, TRUTH, NOTHING, SHUFFLED = "generated", "ground truth", "do nothing", "shuffled"
PICTURED = ("photo", "self", "pairs")  # protocols in which a real video shows what is wanted
Row = dict[str, Any]


@dataclass(frozen=True)
class Judge:
    """What measures a case.

    Attributes:
        protocol: Which figures make sense.
        syncnet: For LSE; None leaves it out.
        mouth_only: Take the figures of the mouth's opening only, several times as fast.
    """

    protocol: Protocol
    syncnet: SyncNet | None = None
    mouth_only: bool = False

    def rows(self, case: Case, videos: Mapping[str, Path], made: Mapping[str, float]) -> list[Row]:
        """Figures of every video of a case.

        Args:
            case: What was driven by what.
            videos: Row names to files; `NOTHING` is always there, `TRUTH` not in silence.
            made: What was measured while the generated video was made.

        Raises:
            NoFaceError: One of the videos shows no face at all.
            UnalignableError: One lasts far longer than the real one.
        """
        look = partial(observe, dlib=not self.mouth_only)
        seen = {row: look(video) for row, video in videos.items()}
        real = look(case.real)
        faces = {} if self.mouth_only else embeddings(seen[NOTHING])
        rows = []
        for row, video in seen.items():
            figures = self._mouth(case, video, real, seen[NOTHING])
            if not self.mouth_only:
                figures |= self._rest(case, row, video, real, seen[NOTHING])
                figures |= identity(embeddings(video), faces)
            figures |= made if row == GENERATED else {}
            rows.append(
                {
                    "row": row,
                    "clip": case.name,
                    "person": case.person,
                    **figures,
                    "opening": video.opening.tolist(),
                    "wanted": real.opening.tolist(),
                }
            )
        return rows

    def _mouth(self, case: Case, video: Seen, real: Seen, nothing: Seen) -> Row:
        figures: Row = {"faceless": float(1.0 - video.has_face.mean()), **_sound(video)}
        if self.protocol not in ("photo", "pairs"):  # a still mouth correlates with noise only
            figures |= copying(_at_rate_of(video, nothing), nothing.opening)
        if self.protocol == "silence":
            return figures | leaking(video.opening, real.opening)
        predicted = predicted_opening(open_speech(case.speech), video.fps, len(video))
        figures |= predicted_sync(video.opening, predicted)
        return figures | following(_at_rate_of(video, real), real.opening)

    def _rest(self, case: Case, row: str, video: Seen, real: Seen, nothing: Seen) -> Row:
        figures: Row = {}
        if self.syncnet is not None and self.protocol != "silence":
            from talkernel.lab.evaluate.lse import lse

            figures |= lse(self.syncnet, video, open_speech(case.speech))
        if self.protocol in PICTURED:
            figures |= picture_quality(video, real)
        if row != TRUTH or self.protocol == "self":  # the truth has another input than the rest
            figures |= stillness(video, case.face, case.fps, nothing)
        return figures


def _at_rate_of(video: Seen, real: Seen) -> Any:
    """Mouth opening of a video at the instants of the real one's frames."""
    if video.fps == real.fps:
        return video.opening
    at = [int((k + 0.5) * video.fps / real.fps) for k in range(len(real))]
    return video.opening[[k for k in at if k < len(video)]]


def _sound(video: Seen) -> Row:
    """By how many seconds a file's sound is longer than its picture."""
    try:
        sound = open_speech(video.path).duration
    except NoAudioError:
        return {"sound_excess": float("nan")}
    return {"sound_excess": sound - float(len(video) / video.fps)}


def shuffled(rows: list[Row]) -> list[Row]:
    """Generated videos against the mouth of the next clip's speaker: what chance would give."""
    made = [row for row in rows if row["row"] == GENERATED]
    wrong = [row["wanted"] for row in made[1:] + made[:1]]
    return [
        {
            "row": SHUFFLED,
            "clip": row["clip"],
            "person": row["person"],
            "r_input": row["r_input"],
            **following(np.array(row["opening"], np.float32), np.array(other, np.float32)),
            "opening": row["opening"],
            "wanted": other,
        }
        for row, other in zip(made, wrong, strict=True)
    ]
