"""The command line: reads options, calls the function of the same name, shows its result.

Whatever is slow to import is imported inside the command that needs it, so that
`talkernel --help` answers at once.
"""

from __future__ import annotations

import signal

# Each module adds its commands to the app, in the order in which --help lists them.
# isort: off
from talkernel.cli import speak as speak
from talkernel.cli import prepare as prepare
from talkernel.cli import train as train
from talkernel.cli import evaluate as evaluate
from talkernel.cli import explain as explain
from talkernel.cli import ablation as ablation
from talkernel.cli import study as study

# isort: on
from talkernel.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of the `talkernel` command."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # tidies up as after Ctrl-C
    app(prog_name="talkernel")
