"""Commands that make faces speak and check the installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkernel.cli.app import AsJson, Quiet, app
from talkernel.cli.endings import reports_errors
from talkernel.cli.generate_options import takes_options
from talkernel.pipeline.options import Options


@app.command()
@reports_errors()
@takes_options
def generate(
    face: Annotated[Path, typer.Option(help="Video or photo of the face.")],
    audio: Annotated[Path, typer.Option(help="Speech: any sound, or a video with sound.")],
    outfile: Annotated[Path, typer.Option(help="Video to write: .mp4, .mov, .mkv or .webm.")],
    options: Options,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make the face in --face speak --audio."""
    from talkernel.cli.terminal import progress_bar, show
    from talkernel.pipeline.generate import generate as run

    with progress_bar(shown=not quiet) as progress:
        report = run(face, audio, outfile, options, overwrite=overwrite, progress=progress)
    if as_json or not quiet:
        show(report, as_json=as_json)


@app.command(hidden=True)
@reports_errors()
def setup() -> None:
    """Do nothing: the face models come with the package. To be removed in the next release."""
    print("Nothing to set up: the face models come with the package.")


@app.command()
@reports_errors()
def doctor(as_json: AsJson = False) -> None:
    """Check the installation; exit with 1 if something is missing."""
    from talkernel.cli.terminal import show
    from talkernel.diagnose.doctor import diagnose

    diagnosis = diagnose()
    show(diagnosis, as_json=as_json)
    if not diagnosis.ok:
        raise SystemExit(1)


@app.command()
@reports_errors(when_interrupted="interrupted; the sample is incomplete")
def sample(
    out: Annotated[Path, typer.Option(help="Folder for the files, created if missing.")] = Path(
        "out"
    ),
    overwrite: Annotated[bool, typer.Option(help="Replace the files of an earlier sample.")] = True,
    quiet: Quiet = False,
) -> None:
    """Make a portrait that comes with the package speak: demo.mp4 and demo.png."""
    from talkernel.cli.terminal import progress_bar
    from talkernel.sample.portrait import run_sample

    with progress_bar(shown=not quiet) as progress:
        video = run_sample(out, overwrite=overwrite, progress=progress)
    if not quiet:
        print(f"Wrote {video} and its contact sheet {video.with_suffix('.png')}.")


@app.command()
@reports_errors()
def benchmark(
    face: Annotated[Path | None, typer.Option(help="Video. Default: the sample's.")] = None,
    audio: Annotated[
        Path | None,
        typer.Option(help="Speech. Default: the sample's, or a synthetic sound without espeak-ng."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the speed of each stage and of the whole job."""
    from talkernel.cli.terminal import show
    from talkernel.diagnose.benchmark import benchmark as run

    show(run(face, audio), as_json=as_json)


@app.command()
@reports_errors()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint made by training.")],
    outdir: Annotated[Path, typer.Argument(help="Folder for the exported files.")],
) -> None:
    """Export a checkpoint for the engines that do not need PyTorch."""
    from talkernel.model.export import export_checkpoint

    print(f"Wrote {export_checkpoint(checkpoint, outdir)} and the graphs beside it.")
