"""Avatar: every source frame is decoded, tracked and judged once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from talkernel.choices import LoopMode
from talkernel.errors import NoFaceError
from talkernel.face.track import FaceTracker, Observation
from talkernel.media import FaceSource, Picture, open_face
from talkernel.pipeline.avatar import Avatar, AvatarFrame
from tests.faces import write_portrait
from tests.jobs import Painter


class CountingTracker(FaceTracker):
    """Counts the frames that it is shown."""

    updates = 0

    def update(self, picture: Picture) -> Observation:
        self.updates += 1
        return super().update(picture)


def count_decoded(source: FaceSource, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by one with every frame that is decoded."""
    decoded: list[int] = []
    frames = source.frames

    def counted(*args: Any) -> Iterator[Picture]:
        for number, picture in enumerate(frames(*args)):
            decoded.append(number)
            yield picture

    monkeypatch.setattr(source, "frames", counted)
    return decoded


@pytest.mark.parametrize("loop", ["pingpong", "forward", "freeze"])
def test_a_video_without_a_face_is_rejected_after_one_pass(
    loop: LoopMode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_face(write_portrait(tmp_path / "faceless.mp4", 9, hidden=range(9)))
    decoded, tracker = count_decoded(source, monkeypatch), CountingTracker()
    frames: list[AvatarFrame] = []
    with pytest.raises(NoFaceError, match=r"faceless\.mp4"):
        frames.extend(Avatar(source, tracker, Painter.config, None).frames(10_000, loop))
    assert len(frames) == len(decoded) == tracker.updates == 9


@pytest.mark.parametrize("loop", ["pingpong", "forward", "freeze"])
def test_a_looped_video_is_tracked_once_per_source_frame(loop: LoopMode, tmp_path: Path) -> None:
    source, tracker = open_face(write_portrait(tmp_path / "face.mp4", 9)), CountingTracker()
    frames = list(Avatar(source, tracker, Painter.config, None).frames(25, loop))
    assert len(frames) == 25 and all(len(frame.faces) == 1 for frame in frames)
    assert tracker.updates == 9


@pytest.mark.parametrize(("count", "cached"), [(9, 0), (10, 9)])
def test_only_a_video_that_is_looped_is_remembered(count: int, cached: int, tmp_path: Path) -> None:
    """What is remembered holds frames of every person."""
    source = open_face(write_portrait(tmp_path / "face.mp4", 9))
    avatar = Avatar(source, FaceTracker(), Painter.config, None)
    assert len(list(avatar.frames(count, "forward"))) == count
    assert len(avatar._cache) == cached
