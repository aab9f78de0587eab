"""How commands end: exit codes, and errors as one line with their remedy."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn, ParamSpec

from talkernel.errors import InstallationError, TalkernelError

P = ParamSpec("P")

FAILED = 1
INTERRUPTED = 130  # the shells' exit code for Ctrl-C
# The extra that installs a module which the plain installation lacks.
EXTRA_OF_MODULE = {
    "dlib": "eval",
    "espeakng_loader": "sample",
    "face_recognition_models": "eval",
    "jinja2": "eval",
    "lightning": "train",
    "lightning_fabric": "train",
    "matplotlib": "eval",
    "omegaconf": "train",
    "onnx": "train",
    "onnxruntime": "onnxruntime",
    "onnxscript": "train",
    "ray": "cluster",
    "scipy": "eval",
    "silero_vad": "prepare",
    "skimage": "eval",
    "starlette": "study",
    "tensorboard": "train",
    "torch": "torch",
    "umap": "umap",
    "uvicorn": "study",
    "yaml": "train",
}


def reports_errors(
    *, when_interrupted: str = "interrupted; nothing was written"
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Make a command print its errors on one line and exit with their codes.

    Args:
        when_interrupted: The message after Ctrl-C.
    """

    def decorate(command: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(command)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                command(*args, **kwargs)
                sys.stdout.flush()  # raises BrokenPipeError here if the reader has left
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
        command = f"pip install '.[{EXTRA_OF_MODULE[error.name]}]'"
        message = f"error: {error.name} is not installed. Run `{command}` in the clone."
        _end(message, InstallationError.exit_code)
    traceback.print_exception(error)
    _end("This is a bug in Talkernel. Please report it with the lines above.", FAILED)


def _end(message: str, exit_code: int) -> NoReturn:
    print(message.replace("\n", " "), file=sys.stderr)
    raise SystemExit(exit_code)


def _leave_quietly() -> NoReturn:
    """The reader closed our output. Without stdout, Python prints no error at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(FAILED)
