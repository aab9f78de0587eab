"""The root command, to which the other modules add theirs, and what they share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from talkernel import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print only errors.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"talkernel {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Make the mouth in a video or photo speak a given sound."""


def log_to_stderr(quiet: bool) -> Callable[[str], None]:
    """A function that prints lines on stderr, or does nothing if `quiet`."""
    return _ignore if quiet else _print_line


def _print_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _ignore(line: str) -> None:
    pass
