"""Commands of the laboratory behind `--people speaking`: fit, measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkernel.cli.app import AsJson, Quiet, app
from talkernel.cli.endings import reports_errors

speaking = typer.Typer(
    help="Fit and measure how --people speaking finds out who speaks (docs/evaluation.md).",
    no_args_is_help=True,
)
app.add_typer(speaking, name="speaking")
Clips = Annotated[
    Path, typer.Argument(metavar="CLIPS", help="Clips of one person each, as for `evaluate`.")
]


@speaking.command()
@reports_errors()
def fit(
    clips: Clips,
    out: Annotated[Path, typer.Option(help="File for the match, .safetensors.")],
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Find which lip motion belongs to which sound, for the default model's lip codes."""
    from talkernel.cli.terminal import progress_bar, show
    from talkernel.lab.speaking.fit import fit_speech_match

    with progress_bar(shown=not quiet, unit="clips") as progress:
        fitted = fit_speech_match(clips, progress)
    fitted.write(out)
    if as_json or not quiet:
        show(fitted, as_json=as_json)


@speaking.command()
@reports_errors()
def measure(
    clips: Clips,
    out: Annotated[Path, typer.Option(help="Folder for the videos of the dialogues.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Largest number of dialogues of each kind.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make dialogues of clips, find who speaks in them, and count the frames that are right."""
    from talkernel.cli.terminal import progress_bar, show
    from talkernel.lab.speaking.measure import measure_dialogues

    with progress_bar(shown=not quiet, unit="dialogues") as progress:
        scores = measure_dialogues(clips, out, limit=limit, progress=progress)
    if as_json or not quiet:
        show(scores, as_json=as_json)
