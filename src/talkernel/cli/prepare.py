"""Commands that process many files: training data, batches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from talkernel.cli.app import AsJson, Quiet, app
from talkernel.cli.endings import reports_errors

Workers = Annotated[
    int,
    typer.Option(
        min=1,
        help="Processes, or cores of a local Ray. They divide the CPU's threads; "
        "TALKERNEL_THREADS=N sets the threads of each.",
    ),
]
RayAddress = Annotated[
    str | None, typer.Option(help="Run on this Ray cluster; `local` starts one here for the job.")
]
RESUMABLE = "interrupted; run the same command to continue"


@app.command()
@reports_errors(when_interrupted=RESUMABLE)
def prepare(
    videos: Annotated[list[Path], typer.Argument(help="Videos, and folders of videos.")],
    out: Annotated[Path, typer.Option(help="Folder for shards, index and report.")],
    workers: Workers = 1,
    ray_address: RayAddress = None,
    sync: Annotated[
        Literal["auto", "taught", "model", "none"],
        typer.Option(help="How to check that sound and mouth are in sync."),
    ] = "auto",
    identity_from_name: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help="Its first group finds the person in a file's name."),
    ] = None,
    val: Annotated[
        float, typer.Option(min=0, max=1, help="Fraction of people for validation.")
    ] = 0.05,
    test: Annotated[
        float, typer.Option(min=0, max=1, help="Fraction of people for testing.")
    ] = 0.05,
    min_seconds: Annotated[
        float, typer.Option(min=1, help="Length of the shortest track, in seconds.")
    ] = 2.0,
    min_size: Annotated[
        float, typer.Option(min=0, help="Height of the smallest face, in pixels.")
    ] = 72.0,
    max_turn: Annotated[
        float, typer.Option(min=0, help="Largest turn of the head, in radians.")
    ] = 0.85,
    min_sharpness: Annotated[
        float, typer.Option(min=0, help="Smallest sharpness of the face; usual: 0.1 to 0.5.")
    ] = 0.16,
    min_speech: Annotated[
        float, typer.Option(min=0, max=1, help="Smallest fraction of speech.")
    ] = 0.3,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make training tracks from raw videos. Resumes an interrupted run."""
    from talkernel.cli.terminal import progress_bar, show
    from talkernel.lab.prepare.run import prepare as run
    from talkernel.lab.prepare.settings import Settings

    settings = Settings(
        min_seconds=min_seconds,
        min_size=min_size,
        max_turn=max_turn,
        min_sharpness=min_sharpness,
        min_speech=min_speech,
        sync=sync,
        identity_pattern=identity_from_name,
        val=val,
        test=test,
    )
    with progress_bar(shown=not quiet, unit="videos, then tracks") as progress:
        report = run(
            videos, out, settings, workers=workers, ray_address=ray_address, progress=progress
        )
    if as_json or not quiet:
        show(report, as_json=as_json)


@app.command()
@reports_errors(when_interrupted=RESUMABLE)
def batch(
    jobs: Annotated[
        Path,
        typer.Argument(help="CSV with the columns face, audio, outfile and options of `generate`."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the videos and results.csv.")],
    workers: Workers = 1,
    ray_address: RayAddress = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that these jobs did not make.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make every video of a list. A second run makes only the missing ones."""
    from talkernel.batch.run import batch as run
    from talkernel.cli.terminal import progress_bar, show
    from talkernel.errors import TalkernelError

    with progress_bar(shown=not quiet, unit="jobs") as progress:
        report = run(
            jobs,
            out,
            workers=workers,
            ray_address=ray_address,
            overwrite=overwrite,
            progress=progress,
        )
    if as_json or not quiet:
        show(report, as_json=as_json)
    if report.failed:
        raise TalkernelError(
            f"{len(report.failed)} of {len(report.outcomes)} jobs failed.",
            remedy="See results.csv; run again to try these once more.",
        )
