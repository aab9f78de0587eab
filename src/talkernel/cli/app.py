"""The command line's root, to which the modules beside it add their commands."""

from __future__ import annotations

from typing import Annotated

import typer

from talkernel import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and only that, on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]


def _tell_version(wanted: bool) -> None:
    if wanted:
        print(f"talkernel {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Makes the mouth in a video or photo speak a given sound."""
