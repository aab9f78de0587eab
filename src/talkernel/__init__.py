"""Talkernel makes the face in a video or photo speak a given sound.

A reference implementation of "Audio-Driven Talking Face Video Generation with
Dynamic Convolution Kernels" (Ye et al., IEEE TMM 2022).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from talkernel.errors import InstallationError

if TYPE_CHECKING:
    from talkernel.face.track import FaceTracker
    from talkernel.model.talking_face import TalkingFace
    from talkernel.pipeline.generate import generate
    from talkernel.pipeline.report import Report
    from talkernel.speech.features import SpeechFeatures

__version__ = "0.1.0"
__all__ = ["FaceTracker", "Report", "SpeechFeatures", "TalkingFace", "generate"]

# Imported at first use, so that `import talkernel` is fast and only TalkingFace needs torch.
_HOME = {
    "FaceTracker": "talkernel.face.track",
    "Report": "talkernel.pipeline.report",
    "SpeechFeatures": "talkernel.speech.features",
    "TalkingFace": "talkernel.model.talking_face",
    "generate": "talkernel.pipeline.generate",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        remedy = "Run `pip install '.[torch]'` in the clone."
        raise InstallationError(f"{name} needs PyTorch.", remedy=remedy) from error


def __dir__() -> list[str]:
    return [*globals(), *__all__]
