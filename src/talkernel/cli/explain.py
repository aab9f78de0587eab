"""The command that shows what the dynamic kernels do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from talkernel.cli.app import AsJson, Quiet, app
from talkernel.cli.endings import reports_errors

FIGURES = "masks, sounds, word, kernels, map, sensitivity, theory"


@app.command()
@reports_errors()
def explain(
    out: Annotated[Path, typer.Option(help="Folder for figures and their numbers.")],
    faces: Annotated[
        list[Path] | None, typer.Argument(help="Videos and photos of faces; the sample's portrait.")
    ] = None,
    audio: Annotated[Path | None, typer.Option(help="Speech: any sound or video.")] = None,
    text: Annotated[
        str | None, typer.Option(help="English to speak instead; phonemes are then known.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Weights other than our own.")] = None,
    first: Annotated[
        float | None, typer.Option(help="Seconds of the first of the two sounds compared.")
    ] = None,
    second: Annotated[float | None, typer.Option(help="Seconds of the second.")] = None,
    only: Annotated[list[str] | None, typer.Option(help=f"One of {FIGURES}.")] = None,
    seed: Annotated[int, typer.Option(help="Of the theorem's random kernels and of UMAP.")] = 0,
    umap: Annotated[
        bool, typer.Option("--umap", help="Draw the map by UMAP too, beside its components.")
    ] = False,
    redraw: Annotated[
        bool, typer.Option("--redraw", help="Only draw again from the data in --out.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files in --out.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show what the dynamic kernels do: Figs. 4, 6 and 7, a map, and the theorem's bound."""
    from talkernel.cli.terminal import show
    from talkernel.errors import OptionError
    from talkernel.lab.explain import run

    if redraw:
        print(f"Drawn again in {out}: {', '.join(run.redraw(out))}.")
        return
    if audio is not None and text is not None:
        raise OptionError("--audio and --text exclude each other.", remedy="Give one of them.")
    if unknown := set(only or ()) - set(run.PLOTS):
        raise OptionError(f"There is no figure {min(unknown)!r}.", remedy=f"Choose of {FIGURES}.")
    found = run.explain(
        out,
        faces or (),
        audio=audio,
        text=text,
        checkpoint=checkpoint,
        at=(first, second),
        only=only or (),
        seed=seed,
        umap=umap,
        overwrite=overwrite,
        log=_quiet if quiet else _print_line,
    )
    if as_json or not quiet:
        show(found, as_json=as_json)


def _print_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _quiet(line: str) -> None:
    pass
