"""The command line's root, to which the modules beside it add their commands."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    help="Makes the mouth in a video or photo speak a given sound.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and only that, on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
