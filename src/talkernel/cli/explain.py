"""Commands that show what the dynamic kernels do, and what ablated models lack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkernel.cli.app import AsJson, Quiet, app, log_to_stderr
from talkernel.cli.endings import reports_errors

FIGURES = "masks, sounds, word, kernels, map, sensitivity, theory"


@app.command()
@reports_errors()
def explain(
    out: Annotated[Path, typer.Option(help="Folder for figures and their numbers.")],
    faces: Annotated[
        list[Path] | None,
        typer.Argument(help="Videos and photos of faces. Default: the sample's portrait."),
    ] = None,
    audio: Annotated[Path | None, typer.Option(help="Speech: any sound or video.")] = None,
    text: Annotated[
        str | None,
        typer.Option(help="English text to speak instead of --audio; its phonemes are known."),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Weights to use instead of the package's.")
    ] = None,
    first: Annotated[
        float | None, typer.Option(help="Time of the first of the two compared sounds, in seconds.")
    ] = None,
    second: Annotated[
        float | None, typer.Option(help="Time of the second sound, in seconds.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help=f"Draw only this figure; give several. One of {FIGURES}."),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the theorem's random kernels and of UMAP.")
    ] = 0,
    umap: Annotated[
        bool,
        typer.Option(
            "--umap", help="Also draw the map with UMAP, beside the principal components."
        ),
    ] = False,
    redraw: Annotated[
        bool, typer.Option("--redraw", help="Only draw the figures again, from the data in --out.")
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
        print(f"Drew again in {out}: {', '.join(run.redraw(out))}.")
        return
    if audio is not None and text is not None:
        raise OptionError("--audio and --text exclude each other.", remedy="Give one of them.")
    if unknown := set(only or ()) - set(run.PLOTS):
        raise OptionError(f"There is no figure {min(unknown)!r}.", remedy=f"Choose from {FIGURES}.")
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
        log=log_to_stderr(quiet),
    )
    if as_json or not quiet:
        show(found, as_json=as_json)


@app.command()
@reports_errors()
def ablation(
    models: Annotated[
        list[str],
        typer.Argument(metavar="NAME=LAST.PT", help="Checkpoints of generators, each with a name."),
    ],
    tracks: Annotated[Path, typer.Option(help="Folder of prepared tracks.")],
    basis: Annotated[Path, typer.Option(help="The lip basis, .npz.")],
    out: Annotated[Path, typer.Option(help="Folder for figures and curves.")],
    split: Annotated[
        str, typer.Option(help="Whose tracks to measure on: train, val or test.")
    ] = "val",
    as_json: AsJson = False,
) -> None:
    """Compare generators driven by other people's lip codes, with shifted faces (Fig. 8)."""
    from talkernel.cli.terminal import show
    from talkernel.errors import OptionError
    from talkernel.lab.ablation.compare import compare, write_comparison
    from talkernel.lab.tracks.track import load_tracks
    from talkernel.lab.train.runs import load_basis

    named = dict(model.partition("=")[::2] for model in models)
    if not all(named.values()):
        raise OptionError(
            "A model is given without its name or file.", remedy="Write NAME=LAST.PT."
        )
    paths = {name: Path(path) for name, path in named.items()}
    found = compare(paths, load_tracks(tracks, split), load_basis(basis))
    write_comparison(found, out)
    show(found, as_json=as_json)
