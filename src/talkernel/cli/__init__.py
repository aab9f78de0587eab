"""The command line. Each command parses options, calls a function and shows its result.

Slow modules are imported inside the commands that need them, so that `talkernel --help` is fast.
"""

from __future__ import annotations

import signal

# Each module adds its commands to the app, in the order in which --help lists them.
# isort: off
from talkernel.cli import speak as speak
from talkernel.cli import prepare as prepare
from talkernel.cli import train as train
from talkernel.cli import evaluate as evaluate
from talkernel.cli import speaking as speaking
from talkernel.cli import explain as explain
from talkernel.cli import study as study

# isort: on
from talkernel.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of the `talkernel` command."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleans up as after Ctrl-C
    app(prog_name="talkernel")
