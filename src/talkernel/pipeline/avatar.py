"""Avatar: a face source, analysed once per source frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import NamedTuple

from talkernel.choices import LoopMode
from talkernel.errors import FaceChoiceError, FaceTooSmallError, NoFaceError
from talkernel.face.stabilise import Observed, Placement, stabilise
from talkernel.face.track import FaceTracker
from talkernel.media import FaceSource, LoopFrame, Picture, extend
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.analysis import LOOK_AHEAD, BufferedFrame, FrameAnalysis, analyse
from talkernel.mouth.person import Appearance
from talkernel.pipeline.threads import StageClock

KEPT_BYTES = 96 * 2**20  # most memory for the analyses of a source: some 15,000 frames


class AvatarFrame(NamedTuple):
    """A frame ready to be edited.

    Attributes:
        picture: Private to the consumer.
        placement: Where the mouth is; None: the frame passes through.
        appearance: What the person looks like; None likewise.
        reason: Why it passes through.
    """

    picture: Picture
    placement: Placement | None
    appearance: Appearance | None
    reason: str | None


@dataclass
class Avatar:
    """A face source whose frames are tracked, placed and analysed once.

    Tracks end where the source ends: nothing is smoothed across a loop's seam. When the source
    is shown again, its frames' analyses are looked up, unless there are too many to keep.

    Attributes:
        source: The video or photo.
        tracker: Follows the face.
        config: Of the model that will draw.
        basis: What its lip codes mean.
        look_ahead: Frames buffered to get to know a person; 0 for a live session.
        clock: Times decoding and tracking.
    """

    source: FaceSource
    tracker: FaceTracker
    config: ModelConfig
    basis: LipBasis | None
    look_ahead: int = LOOK_AHEAD
    clock: StageClock = field(default_factory=StageClock)
    _known: dict[int, FrameAnalysis] = field(default_factory=dict, init=False)
    _room: int = field(default=KEPT_BYTES, init=False)
    _edited: bool = field(default=False, init=False)
    _reasons: set[str] = field(default_factory=set, init=False)

    def frames(self, count: int, loop: LoopMode) -> Iterator[AvatarFrame]:
        """Exactly `count` frames.

        Args:
            count: Frames wanted.
            loop: What follows when the source is shorter.

        Raises:
            NoFaceError, FaceTooSmallError, FaceChoiceError: One pass over the source, or all
                of `count`, showed no face that can be edited.
            CorruptMediaError: The source gives no picture at all.
        """
        pictures = self.clock.each("decode", extend(self.source, count, loop))
        for leg, frames in groupby(pictures, key=lambda frame: frame.leg):
            for picture, analysis in self._analysed(frames):
                yield AvatarFrame(picture, analysis.placement, analysis.appearance, analysis.reason)
            if leg == 0:
                self._require_face()

    def _analysed(self, leg: Iterable[LoopFrame]) -> Iterator[BufferedFrame]:
        """A leg's frames with what is known of them; looked up where it is known already."""
        frames = iter(leg)
        for frame in frames:
            if frame.number not in self._known:
                yield from self._analyse(chain([frame], frames))
                return
            yield frame.picture, self._known[frame.number]

    def _analyse(self, leg: Iterable[LoopFrame]) -> Iterator[BufferedFrame]:
        """Track, place and get to know the person, over successive frames of the source."""
        numbers: deque[int] = deque()
        placed = stabilise(self._observed(leg, numbers), self.config.crop_share)
        size, basis = self.config.crop_size, self.basis
        for picture, analysis in analyse(placed, size, basis, self.look_ahead):
            self._keep(numbers.popleft(), analysis)
            yield picture, analysis

    def _observed(self, leg: Iterable[LoopFrame], numbers: deque[int]) -> Iterator[Observed]:
        for frame in leg:
            with self.clock("track"):
                observation = self.tracker.update(frame.picture)
            numbers.append(frame.number)
            yield frame.picture, observation

    def _keep(self, index: int, analysis: FrameAnalysis) -> None:
        """Remember a frame's analysis; of a source that is too long, none."""
        self._edited |= analysis.placement is not None
        if analysis.reason is not None:
            self._reasons.add(analysis.reason)
        if analysis.placement is not None:
            self._room -= analysis.placement.landmarks.nbytes
        if self._room >= 0:
            self._known[index] = analysis
        else:
            self._known.clear()

    def _require_face(self) -> None:
        """Decide after one pass: what it did not show, no other will."""
        if self._edited:
            return
        path, seen = self.source.path, self.tracker.faces_seen
        if seen and not self.tracker.ever_chosen:
            faces = "face is" if seen == 1 else "faces are"
            raise FaceChoiceError(
                f"At most {seen} {faces} in a frame of {path}, never the chosen one."
            )
        if self._reasons == {"face too small"}:
            raise FaceTooSmallError(f"The face in {path} is under 32 pixels high.")
        raise NoFaceError(f"No usable face in {path}: {', '.join(sorted(self._reasons))}.")
