"""The command that compares ablated models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkernel.cli.app import AsJson, app
from talkernel.cli.endings import reports_errors


@app.command()
@reports_errors()
def ablation(
    models: Annotated[
        list[str], typer.Argument(metavar="NAME=LAST.PT", help="Checkpoints of generators.")
    ],
    tracks: Annotated[Path, typer.Option(help="Folder of prepared tracks.")],
    basis: Annotated[Path, typer.Option(help="The lip basis, .npz.")],
    out: Annotated[Path, typer.Option(help="Folder for figures and curves.")],
    split: Annotated[str, typer.Option(help="Which people to measure on.")] = "val",
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
        raise OptionError("A model is given as NAME=LAST.PT.", remedy="Give each a name.")
    paths = {name: Path(path) for name, path in named.items()}
    found = compare(paths, load_tracks(tracks, split), load_basis(basis))
    write_comparison(found, out)
    show(found, as_json=as_json)
