"""Reads faces and speech, writes the output: FFmpeg's libraries through PyAV."""

from talkernel.media.frame import Matrix, Picture, PixelLayout, Plane, work_layout
from talkernel.media.loop import LoopFrame, extend, is_looped, source_index
from talkernel.media.source import ColorTags, FaceSource
from talkernel.media.speech import SpeechSource, open_speech
from talkernel.media.video import open_face
from talkernel.media.writer import AI_NOTICE, VideoWriter

__all__ = [
    "AI_NOTICE",
    "ColorTags",
    "FaceSource",
    "LoopFrame",
    "Matrix",
    "Picture",
    "PixelLayout",
    "Plane",
    "SpeechSource",
    "VideoWriter",
    "extend",
    "is_looped",
    "open_face",
    "open_speech",
    "source_index",
    "work_layout",
]
