"""All metrics of one case: of the generated video, the ground truth and the unedited input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talkernel.errors import NoAudioError
from talkernel.lab.evaluate.cases import Case, Protocol
from talkernel.lab.evaluate.identity import embeddings, identity
from talkernel.lab.evaluate.mouth_motion import following, input_correlation, motion_in_silence
from talkernel.lab.evaluate.predicted_sync import predicted_opening, predicted_sync
from talkernel.lab.evaluate.preservation import preservation
from talkernel.lab.evaluate.quality import picture_quality
from talkernel.lab.evaluate.tracked_video import TrackedVideo, track_video
from talkernel.media import open_speech

if TYPE_CHECKING:
    from talkernel.lab.evaluate.syncnet import SyncNet

GENERATED, TRUTH, NOTHING, SHUFFLED = "generated", "ground truth", "do nothing", "shuffled"
PICTURED = ("photo", "self", "pairs")  # protocols with a real video to compare pictures with
Row = dict[str, Any]


@dataclass(frozen=True)
class CaseEvaluator:
    """Computes the metrics of a case.

    Attributes:
        protocol: Decides which metrics make sense.
        syncnet: For LSE; None leaves it out.
        mouth_only: Only metrics of the mouth's opening: several times as fast.
    """

    protocol: Protocol
    syncnet: SyncNet | None = None
    mouth_only: bool = False

    def rows(self, case: Case, videos: Mapping[str, Path], made: Mapping[str, float]) -> list[Row]:
        """Metrics of every video of a case.

        Args:
            case: What was driven by what.
            videos: Row names to files; `NOTHING` is always there, `TRUTH` except for silence.
            made: Metrics measured while the generated video was made.

        Raises:
            NoFaceError: One of the videos shows no face at all.
            DataError: The length of one differs too much from the real one's.
        """
        track = partial(track_video, dlib=not self.mouth_only)
        tracked = {row: track(video) for row, video in videos.items()}
        real, unedited = track(case.real), tracked[NOTHING]
        faces = {} if self.mouth_only else embeddings(unedited)
        rows = []
        for row, video in tracked.items():
            metrics = self._mouth(case, video, real, unedited)
            if not self.mouth_only:
                metrics |= self._appearance(case, row, video, real, unedited)
                metrics |= identity(embeddings(video), faces)
            metrics |= made if row == GENERATED else {}
            rows.append(_row(case, row, metrics, video.opening.tolist(), real.opening.tolist()))
        return rows

    def _mouth(
        self, case: Case, video: TrackedVideo, real: TrackedVideo, unedited: TrackedVideo
    ) -> Row:
        metrics: Row = {"faceless": float(1.0 - video.has_face.mean()), **_sound(video)}
        if self.protocol not in ("photo", "pairs"):  # a still mouth correlates with noise only
            metrics |= input_correlation(_at_rate_of(video, unedited), unedited.opening)
        if self.protocol == "silence":
            return metrics | motion_in_silence(video.opening, real.opening)
        predicted = predicted_opening(open_speech(case.speech), video.fps, len(video))
        metrics |= predicted_sync(video.opening, predicted)
        return metrics | following(_at_rate_of(video, real), real.opening)

    def _appearance(
        self, case: Case, row: str, video: TrackedVideo, real: TrackedVideo, unedited: TrackedVideo
    ) -> Row:
        """Metrics of the pictures, and LSE, which needs them."""
        metrics: Row = {}
        if self.syncnet is not None and self.protocol != "silence":
            from talkernel.lab.evaluate.lse import lse

            metrics |= lse(self.syncnet, video, open_speech(case.speech))
        if self.protocol in PICTURED:
            metrics |= picture_quality(video, real)
        if row != TRUTH or self.protocol == "self":  # the ground truth has another input
            metrics |= preservation(video, case.face, case.fps, unedited)
        return metrics


def _row(
    case: Case, row: str, metrics: Row, opening: Sequence[float], real_opening: Sequence[float]
) -> Row:
    """A row of results; `wanted` is the stored name of the real video's opening."""
    names = {"row": row, "clip": case.name, "person": case.person}
    return names | metrics | {"opening": opening, "wanted": real_opening}


def _at_rate_of(video: TrackedVideo, real: TrackedVideo) -> Any:
    """Mouth opening of a video at the times of the real one's frames."""
    if video.fps == real.fps:
        return video.opening
    at = [int((k + 0.5) * video.fps / real.fps) for k in range(len(real))]
    return video.opening[[k for k in at if k < len(video)]]


def _sound(video: TrackedVideo) -> Row:
    """`sound_excess`: seconds by which a file's sound is longer than its picture."""
    try:
        sound = open_speech(video.path).duration
    except NoAudioError:
        return {"sound_excess": float("nan")}
    return {"sound_excess": sound - float(len(video) / video.fps)}


def shuffled(rows: list[Row]) -> list[Row]:
    """Generated videos against the mouth of the next clip's speaker: the level of chance."""
    made = [row for row in rows if row["row"] == GENERATED]
    others = [row["wanted"] for row in made[1:] + made[:1]]
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
        for row, other in zip(made, others, strict=True)
    ]
