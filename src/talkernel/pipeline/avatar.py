"""Avatar: a face video or photo, tracked and analysed once per source frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import NamedTuple

from talkernel.choices import LoopMode
from talkernel.errors import FaceChoiceError, FaceError, NoFaceError
from talkernel.face.confirm import Observed, confirm
from talkernel.face.stabilise import Placement, stabilise
from talkernel.face.track import FaceTracker
from talkernel.media import FaceSource, LoopFrame, Picture, extend, is_looped
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.analysis import LEARN_AHEAD, BufferedFrame, FrameAnalysis, analyse
from talkernel.mouth.find_overlay import find_overlays
from talkernel.mouth.person import Appearance, Person
from talkernel.pipeline.speaking import Speakers
from talkernel.pipeline.threads import StageClock

CACHE_BYTES = 96 * 2**20  # most memory for cached analyses and the frames that persons hold


class AvatarFace(NamedTuple):
    """A face to edit.

    Attributes:
        placement: Where it is.
        appearance: The person's appearance.
    """

    placement: Placement
    appearance: Appearance


class AvatarFrame(NamedTuple):
    """A frame ready to be edited.

    Attributes:
        picture: The unedited frame; the consumer may write to it.
        faces: The faces to edit; none: the frame passes through.
        reason: Why it passes through.
    """

    picture: Picture
    faces: tuple[AvatarFace, ...]
    reason: str | None


@dataclass
class Avatar:
    """A face source whose frames are tracked, placed and analysed once.

    When the source is looped, the analyses of its frames are reused, unless there are too many to
    cache. Tracks end where the source ends, so nothing is smoothed across the ends of a loop.

    Attributes:
        source: The video or photo.
        tracker: Follows the face.
        config: Configuration of the model that draws the mouth.
        basis: Decodes the model's lip codes; None if it warps no reference.
        learn_ahead: Frames buffered to learn a person's appearance; 0 for a live session.
        speakers: Who speaks when, if only speaking people are edited.
        clock: Measures decoding and tracking.
    """

    source: FaceSource
    tracker: FaceTracker
    config: ModelConfig
    basis: LipBasis | None
    learn_ahead: int = LEARN_AHEAD
    speakers: Speakers | None = None
    clock: StageClock = field(default_factory=StageClock)
    _cache: dict[int, FrameAnalysis] = field(default_factory=dict, init=False)
    _free_bytes: int = field(default=CACHE_BYTES, init=False)
    _looped: bool = field(default=True, init=False)
    _counted: set[Person] = field(default_factory=set, init=False)
    _edited: bool = field(default=False, init=False)
    _reasons: set[str] = field(default_factory=set, init=False)

    def frames(self, count: int, loop: LoopMode) -> Iterator[AvatarFrame]:
        """Exactly `count` frames.

        Args:
            count: Number of output frames.
            loop: How to continue when the source is shorter.

        Raises:
            FaceError: The first pass over the source, or `count` frames of it, shows no face that
                can be edited.
            CorruptMediaError: No frame of the source can be decoded.
        """
        self._looped = is_looped(self.source, count)
        pictures = self.clock.each("decode", extend(self.source, count, loop))
        for leg, frames in groupby(pictures, key=lambda frame: frame.leg):
            for picture, analysis in self._analysed(frames):
                faces = tuple(AvatarFace(one.placement, one.appearance) for one in analysis.faces)
                yield AvatarFrame(picture, faces, analysis.reason)
            if leg == 0:
                self._require_face()

    def _analysed(self, leg: Iterable[LoopFrame]) -> Iterator[BufferedFrame]:
        """The frames of one pass with their analyses, from the cache where possible."""
        frames = iter(leg)
        for frame in frames:
            if frame.number not in self._cache:
                yield from self._analyse(chain([frame], frames))
                return
            yield frame.picture, self._cache[frame.number]

    def _analyse(self, leg: Iterable[LoopFrame]) -> Iterator[BufferedFrame]:
        """Track and place the face and learn its appearance, over successive source frames."""
        tracked: deque[int] = deque()  # numbers of the frames in `confirm`
        waiting: deque[int] = deque()  # and in all stages after it
        observed = confirm(self._observed(leg, tracked), self.tracker.likeness)
        placed = stabilise(self._chosen(observed, tracked, waiting), self.config.crop_share)
        if not self.source.is_photo:
            placed = find_overlays(placed)
        size, basis = self.config.crop_size, self.basis
        for picture, analysis in analyse(placed, size, basis, self.learn_ahead):
            self._remember(waiting.popleft(), analysis, picture.nbytes)
            yield picture, analysis

    def _observed(self, leg: Iterable[LoopFrame], numbers: deque[int]) -> Iterator[Observed]:
        for frame in leg:
            with self.clock("track"):
                observation = self.tracker.update(frame.picture)
            numbers.append(frame.number)
            yield frame.picture, observation

    def _chosen(
        self, observed: Iterable[Observed], numbers: deque[int], waiting: deque[int]
    ) -> Iterator[Observed]:
        """The observations without the faces of people who do not speak."""
        for picture, seen in observed:
            waiting.append(numbers.popleft())
            if self.speakers is not None:
                seen = self.speakers.only(waiting[-1], seen)
            yield picture, seen

    def _remember(self, number: int, analysis: FrameAnalysis, frame_bytes: int) -> None:
        """Cache a frame's analysis for a loop; once the cache is full, nothing is cached."""
        self._edited |= bool(analysis.faces)
        if analysis.reason is not None:
            self._reasons.add(analysis.reason)
        full = self._free_bytes < 0 and not self.source.is_photo
        if not self._looped or full:
            return
        self._cache[number] = analysis
        for placement, person, skin in analysis.faces:
            self._free_bytes -= placement.landmarks.nbytes + skin.nbytes
            if person not in self._counted:
                self._counted.add(person)
                self._free_bytes -= 2 * frame_bytes  # one with an open mouth, one with a closed
        if self._free_bytes < 0 and not self.source.is_photo:
            self._cache.clear()
            self._counted.clear()

    def _require_face(self) -> None:
        """Raise if the first pass showed no face: further passes show the same frames."""
        if self._edited:
            return
        path, count = self.source.path, self.tracker.faces_seen
        if count and not self.tracker.ever_chosen:
            faces = "face is" if count == 1 else "faces are"
            raise FaceChoiceError(
                f"At most {count} {faces} in a frame of {path}, never the chosen one."
            )
        if self._reasons == {"face too small"}:
            raise FaceError(
                f"The face in {path} is under 32 pixels high.",
                remedy="Use a larger picture, or crop nearer to the face.",
            )
        raise NoFaceError(f"No usable face in {path}: {', '.join(sorted(self._reasons))}.")
