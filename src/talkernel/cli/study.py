"""Commands of the perceptual study: new, serve, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkernel.cli.app import AsJson, Quiet, app
from talkernel.cli.endings import reports_errors

study = typer.Typer(
    help="Let people compare systems' videos on a web page (docs/study.md).", no_args_is_help=True
)
app.add_typer(study, name="study")
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The study's folder.")]


@study.command()
@reports_errors()
def new(
    folder: Folder,
    system: Annotated[
        list[str], typer.Option(metavar="NAME=FOLDER", help="A system's videos; give several.")
    ],
    real: Annotated[
        Path | None, typer.Option(help="Folder of real videos, shown among the others.")
    ] = None,
    groups_per_rater: Annotated[int, typer.Option(min=1, help="Groups each rater sees.")] = 20,
    checks: Annotated[
        int, typer.Option(min=0, help="Attention checks for each rater, in addition.")
    ] = 2,
    consent: Annotated[
        Path | None, typer.Option(help="Text file with the consent that raters give.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random groups and orders.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Make a study from one folder of videos per system, with the same file names."""
    from talkernel.cli.terminal import progress_bar
    from talkernel.lab.study.fill import Design
    from talkernel.lab.study.find import parse_systems
    from talkernel.lab.study.make import new_study, read_consent

    design = Design(groups_per_rater, checks, seed, read_consent(consent))
    with progress_bar(shown=not quiet, unit="videos") as progress:
        made = new_study(folder, parse_systems(system), design, real=real, progress=progress)
    if not quiet:
        for name in made.unequal:
            print(f"Videos of {name} differ in length.")
        for path in made.encoded:
            print(f"{path} was encoded again for browsers.")
        shown = f"{made.shown_per_rater} groups for each rater"
        print(
            f"Made {folder}: {len(made.compared)} inputs, {len(made.systems)} videos of each; "
            f"{shown}.\nServe it with: talkernel study serve {folder}"
        )


@study.command()
@reports_errors()
def serve(
    folder: Folder,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")
    ] = 8000,
) -> None:
    """Serve a study's page until Ctrl-C. Every acknowledged answer is on disk."""
    from talkernel.lab.study.server import listen, study_server, url_of

    server = study_server(folder)
    with listen(host, port) as listening:
        print(f"Serving {folder} at {url_of(listening)} (Ctrl-C to stop)", flush=True)
        try:
            server.run([listening])
        except KeyboardInterrupt:
            print(f"Stopped. See: talkernel study report {folder}")


@study.command()
@reports_errors()
def report(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(help="Folder for table3.md, table3.csv and study-report.json.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show preferences, confidence intervals and raters' agreement so far, as in Table III."""
    from talkernel.cli.terminal import show
    from talkernel.lab.study.report import report_study, write_report

    found = report_study(folder)
    if out is not None:
        write_report(found, out)
    show(found, as_json=as_json)
