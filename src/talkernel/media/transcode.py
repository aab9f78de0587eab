"""Encodes a video again with another sound, unedited: the baseline for quality and speed."""

from __future__ import annotations

import os
from fractions import Fraction

from talkernel.media.loop import extend
from talkernel.media.speech import open_speech
from talkernel.media.video import open_face
from talkernel.media.writer import VideoWriter


def transcode(
    face: str | os.PathLike[str],
    audio: str | os.PathLike[str],
    outfile: str | os.PathLike[str],
    *,
    fps: Fraction | None = None,
    overwrite: bool = False,
) -> int:
    """Write the face's video with the sound, encoded as `generate` does, without editing the face.

    The file carries no notice that it is AI-generated.

    Args:
        face: Video or photo.
        audio: Sound, or a video that has sound.
        outfile: Video to write.
        fps: Frames a second for a photo.
        overwrite: Whether an existing `outfile` may be replaced.

    Returns:
        The number of frames written.
    """
    source, speech = open_face(face, fps=fps), open_speech(audio)
    count = max(1, round(speech.duration * source.fps))
    with VideoWriter(
        outfile, source=source, speech=speech, frame_count=count, overwrite=overwrite, notice=None
    ) as writer:
        for frame in extend(source, count, "pingpong"):
            writer.write(frame.picture)
    return count
