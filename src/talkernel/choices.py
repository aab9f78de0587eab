"""Types of the values that users choose between. Imports nothing, so that all rooms may use it."""

from __future__ import annotations

import os
from typing import Literal, cast

AnyPath = str | os.PathLike[str]
Box = tuple[int, int, int, int]  # top, bottom, left, right in pixels
EngineName = Literal["auto", "openvino", "onnxruntime", "torch"]
LoopMode = Literal["pingpong", "forward", "freeze"]
Lookahead = Literal["full", "live"]
Who = Literal["one", "all", "speaking"]  # of the people in a video is edited
Precision = Literal["float32", "bfloat16"]


def current_lookahead(text: str) -> Lookahead:
    """A look-ahead by its present name; `recorded` was `full` until 0.1."""
    return cast(Lookahead, "full" if text == "recorded" else text)
