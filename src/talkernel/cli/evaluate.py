"""Commands that measure talking faces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from talkernel.cli.app import AsJson, Quiet, app, log_to_stderr
from talkernel.cli.endings import reports_errors

RESUMABLE = "interrupted; the results so far are kept, run the same command to continue"


@app.command()
@reports_errors(when_interrupted=RESUMABLE)
def evaluate(
    data: Annotated[
        Path,
        typer.Argument(
            help="Real clips (folder, LRW, LRS2, LRS3, HDTF or CSV); or, without "
            "--protocol, generated videos (folder with --real, or CSV of pairs)."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for report, figures and videos.")],
    protocol: Annotated[
        Literal["photo", "cross", "self", "silence"] | None,
        typer.Option(help="Generate first: which faces speak which sounds."),
    ] = None,
    real: Annotated[
        Path | None, typer.Option(help="Folder of real videos with the same names as DATA's.")
    ] = None,
    system: Annotated[
        Path | None, typer.Option(help="Adapter file of another system that generates.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Weights to use instead of the package's.")
    ] = None,
    engine: Annotated[
        Literal["auto", "openvino", "onnxruntime", "torch"],
        typer.Option(help="What runs the network."),
    ] = "auto",
    lookahead: Annotated[
        Literal["full", "live"],
        typer.Option(help="live: our model uses about 150 ms of speech ahead."),
    ] = "full",
    hearing: Annotated[str | None, typer.Option(hidden=True)] = None,
    syncnet: Annotated[
        Path | None, typer.Option(help="Official syncnet_v2.model, for LSE-C and LSE-D.")
    ] = None,
    split: Annotated[str, typer.Option(help="Part of LRW, LRS2 or LRS3.")] = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="Largest number of clips.")] = None,
    per_person: Annotated[
        bool, typer.Option("--per-person", help="Use one clip of each person.")
    ] = False,
    mouth_only: Annotated[
        bool, typer.Option("--mouth-only", help="Measure only how far the mouth opens: faster.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Measure everything again, replacing the results in --out."
        ),
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure generated videos, or first generate them by a protocol."""
    from talkernel.cli.terminal import show
    from talkernel.lab.evaluate.session import measure_folder

    ours: dict[str, Any] = {"engine": engine, "lookahead": hearing or lookahead}
    results = measure_folder(
        data,
        out,
        protocol=protocol,
        real=real,
        adapter=system,
        syncnet=syncnet,
        split=split,
        limit=limit,
        per_person=per_person,
        mouth_only=mouth_only,
        overwrite=overwrite,
        options=ours | ({} if checkpoint is None else {"checkpoint": checkpoint}),
        log=log_to_stderr(quiet),
    )
    if as_json or not quiet:
        show(results, as_json=as_json)


@app.command()
@reports_errors()
def tables(
    out: Annotated[Path, typer.Option(help="Folder for tables.md, .csv and .html.")],
    results: Annotated[
        list[str] | None,
        typer.Argument(help="Folders that `evaluate --out` wrote, as FOLDER or NAME=FOLDER."),
    ] = None,
    speed: Annotated[
        Path | None,
        typer.Option(
            help="An earlier speed.json, or the output of `talkernel benchmark --json`. "
            "Default: measure our speed and Wav2Lip's."
        ),
    ] = None,
    no_speed: Annotated[
        bool, typer.Option("--no-speed", help="Measure no speed for Table IV.")
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="CPU threads of each timed network. Default: all cores."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the tables.")] = False,
    quiet: Quiet = False,
) -> None:
    """Compare our figures with the paper's: Tables I to IV."""
    from talkernel.lab.evaluate.tables import write_tables

    for path in write_tables(
        results or [],
        out,
        speed=speed,
        measure_speed=not no_speed,
        threads=threads,
        overwrite=overwrite,
        log=log_to_stderr(quiet),
    ):
        print(f"Wrote {path}.")


@app.command(hidden=True)
@reports_errors()
def cuts(
    videos: Annotated[
        list[Path], typer.Argument(help="Videos or folders; each shows one person in one shot.")
    ],
    limit: Annotated[int | None, typer.Option(min=1, help="Largest number of pairs.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random effects.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure shot boundary detection on cuts, flashes, pans and more, made from videos."""
    from talkernel.cli.terminal import progress_bar, show
    from talkernel.lab.prepare.videos import find_videos
    from talkernel.lab.shots.measure import measure_cuts

    with progress_bar(shown=not quiet, unit="pairs") as progress:
        scores = measure_cuts(find_videos(videos), limit=limit, seed=seed, progress=progress)
    show(scores, as_json=as_json)
