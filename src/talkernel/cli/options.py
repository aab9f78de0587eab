"""What stands between the shell and the functions: option texts in, exit codes out."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from fractions import Fraction
from typing import NoReturn, ParamSpec

from talkernel.errors import FaceChoiceError, OptionError, TalkernelError

P = ParamSpec("P")

FAILED = 1
INTERRUPTED = 130  # what shells call a process that ended by Ctrl-C
# Which extra brings a module that no plain installation has.
EXTRA_OF_MODULE = {
    "dlib": "eval",
    "espeakng_loader": "sample",
    "face_recognition_models": "eval",
    "jinja2": "eval",
    "lightning": "train",
    "lightning_fabric": "train",
    "matplotlib": "eval",
    "onnx": "train",
    "onnxruntime": "onnxruntime",
    "onnxscript": "train",
    "pyarrow": "prepare",
    "ray": "cluster",
    "silero_vad": "prepare",
    "skimage": "sample",
    "tensorboard": "train",
    "torch": "torch",
    "umap": "umap",
    "webdataset": "prepare",
    "yaml": "train",
}


def parse_box(text: str | None) -> tuple[int, int, int, int] | None:
    """`T,B,L,R` as numbers: rows from T up to B, columns from L up to R.

    Raises:
        OptionError: It is not four whole numbers.
        FaceChoiceError: The box is empty or reaches outside the picture.
    """
    if text is None:
        return None
    try:
        top, bottom, left, right = (int(part) for part in text.split(","))
    except ValueError:
        remedy = "Give top,bottom,left,right in pixels, such as --box 40,300,200,420."
        raise OptionError(f"--box {text} is not four whole numbers.", remedy=remedy) from None
    if min(top, left) < 0 or bottom <= top or right <= left:
        remedy = "The order is top,bottom,left,right, counted from the picture's upper left."
        raise FaceChoiceError(f"--box {text} holds no part of the picture.", remedy=remedy)
    return top, bottom, left, right


def parse_fps(text: str | None) -> Fraction | None:
    """Frames a second from `25`, `29.97` or `30000/1001`.

    Raises:
        OptionError: It is no number above zero.
    """
    if text is None:
        return None
    try:
        fps = Fraction(text)
    except (ValueError, ZeroDivisionError):
        fps = Fraction(0)
    if fps <= 0:
        remedy = "Give a number above zero, such as --fps 25 or --fps 30000/1001."
        raise OptionError(f"--fps {text} is no frame rate.", remedy=remedy)
    return fps


def reports_errors(
    *, when_interrupted: str = "interrupted; nothing was written"
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Make a command end as its user expects, whatever happens inside it.

    Args:
        when_interrupted: What Ctrl-C is answered with.
    """

    def decorate(command: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(command)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                command(*args, **kwargs)
                sys.stdout.flush()  # here, so that a reader who has left is noticed here
            except KeyboardInterrupt:
                _end(when_interrupted, INTERRUPTED)
            except Exception as error:
                _explain(error)

        return guarded

    return decorate


def _explain(error: Exception) -> NoReturn:
    if isinstance(error, TalkernelError):
        _end(f"error: {error.one_line()}", error.exit_code)
    if isinstance(error, BrokenPipeError):
        _leave_quietly()
    if isinstance(error, ModuleNotFoundError) and error.name in EXTRA_OF_MODULE:
        command = f"pip install 'talkernel[{EXTRA_OF_MODULE[error.name]}]'"
        _end(f"error: {error.name} is not installed. Run `{command}`.", FAILED)
    traceback.print_exception(error)
    _end("This is a bug in Talkernel. Please report it with the lines above.", FAILED)


def _end(message: str, exit_code: int) -> NoReturn:
    print(message.replace("\n", " "), file=sys.stderr)
    raise SystemExit(exit_code)


def _leave_quietly() -> NoReturn:
    """Whoever read our output has seen enough; Python would complain once more at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(FAILED)
