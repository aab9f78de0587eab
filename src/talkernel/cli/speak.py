"""Commands that make faces speak, and look after the installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from talkernel.cli.app import VERSION, AsJson, Quiet, app
from talkernel.cli.options import parse_box, parse_fps, reports_errors


@app.command()
@reports_errors()
def generate(
    face: Annotated[Path, typer.Option(help="Video or photo of the face.")],
    audio: Annotated[Path, typer.Option(help="Speech: any sound, or a video with sound.")],
    outfile: Annotated[Path, typer.Option(help="Video to write: .mp4, .mov, .mkv or .webm.")],
    loop: Annotated[
        Literal["pingpong", "forward", "freeze"],
        typer.Option(help="What follows the video's end while the speech goes on."),
    ] = "pingpong",
    fps: Annotated[
        str | None, typer.Option(help="Frames a second for a photo, as 25 or 30000/1001.")
    ] = None,
    crf: Annotated[int, typer.Option(min=0, max=63, help="Quality: lower is better.")] = 18,
    preset: Annotated[str, typer.Option(help="The encoder's speed preset.")] = "veryfast",
    codec: Annotated[
        str | None, typer.Option(help="The output's video codec; h264, in .webm vp9.")
    ] = None,
    face_index: Annotated[
        int | None, typer.Option(min=0, help="Which face speaks: 0 is the leftmost.")
    ] = None,
    reference_face: Annotated[
        Path | None, typer.Option(help="Picture of the person who is to speak.")
    ] = None,
    box: Annotated[
        str | None, typer.Option(metavar="T,B,L,R", help="Where the face is, in pixels.")
    ] = None,
    hearing: Annotated[
        Literal["recorded", "live"],
        typer.Option(help="live: hear 120 ms ahead at most, as a live avatar must."),
    ] = "recorded",
    engine: Annotated[
        Literal["auto", "openvino", "onnxruntime", "torch"],
        typer.Option(help="What runs the network."),
    ] = "auto",
    device: Annotated[
        str | None, typer.Option(help="The engine's device, as `talkernel doctor` lists them.")
    ] = None,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"], typer.Option(help="Number format.")
    ] = "auto",
    checkpoint: Annotated[Path | None, typer.Option(help="Weights other than our own.")] = None,
    audio_net: Annotated[
        Path | None, typer.Option(help="Wav2Lip checkpoint whose audio encoder to use.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make the face in --face speak --audio."""
    from talkernel.cli.terminal import progress_bar, show
    from talkernel.pipeline.generate import generate as run

    with progress_bar(shown=not quiet) as progress:
        report = run(
            face,
            audio,
            outfile,
            loop=loop,
            fps=parse_fps(fps),
            codec=codec,
            crf=crf,
            preset=preset,
            face_index=face_index,
            reference_face=reference_face,
            box=parse_box(box),
            hearing=hearing,
            engine=engine,
            device=device,
            precision=precision,
            checkpoint=checkpoint,
            audio_net=audio_net,
            overwrite=overwrite,
            progress=progress,
        )
    if as_json or not quiet:
        show(report, as_json=as_json)


@app.command()
@reports_errors()
def setup() -> None:
    """Fetch the face models, once; everything else works offline."""
    from talkernel.face.models import cache_dir, fetch_models, models_present

    if not models_present():
        fetch_models()
    print(f"The face models are in {cache_dir()}.")


@app.command()
@reports_errors()
def doctor(as_json: AsJson = False) -> None:
    """Check that everything is in place; exit with 1 if not."""
    from talkernel.cli.terminal import show
    from talkernel.diagnose.doctor import diagnose

    diagnosis = diagnose()
    show(diagnosis, as_json=as_json)
    if not diagnosis.ok:
        raise SystemExit(1)


@app.command()
@reports_errors(when_interrupted="interrupted; the sample is incomplete")
def sample(
    out: Annotated[Path, typer.Option(help="Folder for it, made if need be.")] = Path("out"),
    overwrite: Annotated[
        bool, typer.Option(help="Replace what an earlier sample left in the folder.")
    ] = True,
    quiet: Quiet = False,
) -> None:
    """Make a portrait that comes with the package speak: demo.mp4 and demo.png."""
    from talkernel.cli.terminal import progress_bar
    from talkernel.sample.portrait import run_sample

    with progress_bar(shown=not quiet) as progress:
        video = run_sample(out, overwrite=overwrite, progress=progress)
    if not quiet:
        print(f"Wrote {video} and, at a glance, {video.with_suffix('.png')}.")


@app.command()
@reports_errors()
def benchmark(
    face: Annotated[Path | None, typer.Option(help="Video; the sample's.")] = None,
    audio: Annotated[Path | None, typer.Option(help="Speech; the sample's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the speed, stage by stage."""
    from talkernel.cli.terminal import show
    from talkernel.diagnose.benchmark import benchmark as run

    show(run(face, audio), as_json=as_json)


@app.command()
@reports_errors()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint made by training.")],
    outdir: Annotated[Path, typer.Argument(help="Folder for the exported files.")],
) -> None:
    """Turn a checkpoint into the files that the engines without torch run."""
    from talkernel.model.export import export_checkpoint

    print(f"Wrote {export_checkpoint(checkpoint, outdir)} and the graphs beside it.")


@app.command()
@reports_errors()
def version() -> None:
    """Print the version."""
    print(VERSION)
