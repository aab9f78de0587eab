"""Commands that train, step by step: basis -> audio-net -> generator -> assemble."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkernel.cli.app import app
from talkernel.cli.endings import reports_errors
from talkernel.cli.prepare import RayAddress, Workers

train = typer.Typer(
    help="Train a model: basis, audio-net, then the generator (no command), then assemble.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(train, name="train")

Config = Annotated[Path, typer.Option(help="Config of the run, YAML; examples are in configs/.")]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change a value of the config, such as recipe.steps=100.",
    ),
]


@train.callback()
@reports_errors(when_interrupted="interrupted; run the same command to continue")
def generator(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="Config of the run, YAML.")] = None,
    changes: Changes = None,
) -> None:
    """Train the generator. Resumes an interrupted run."""
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise typer.BadParameter("--config is missing. Give it, or one of the commands.")
    from talkernel.lab.train.runs import train_generator

    print(f"Wrote {train_generator(config, changes or [])}.")


@train.command()
@reports_errors(when_interrupted="interrupted; run the same command to continue")
def audio_net(config: Config, changes: Changes = None) -> None:
    """Pre-train the audio network to predict lip codes from speech."""
    from talkernel.lab.train.runs import train_audio_net

    print(f"Wrote {train_audio_net(config, changes or [])}.")


@train.command()
@reports_errors()
def basis(
    tracks: Annotated[Path, typer.Option(help="Folder of prepared tracks.")],
    out: Annotated[Path, typer.Option(help="File for the basis, .npz.")],
    size: Annotated[int, typer.Option(min=1, help="Length of the lip code.")] = 12,
) -> None:
    """Find the principal components of lip motion."""
    from talkernel.lab.train.runs import fit_basis

    fit_basis(tracks, out, size)
    print(f"Wrote {out}.")


@train.command()
@reports_errors()
def pairs(
    config: Config,
    out: Annotated[Path, typer.Option(help="File for the sheet, .jpg.")],
    count: Annotated[int, typer.Option(min=1, help="Pairs to show.")] = 12,
    changes: Changes = None,
) -> None:
    """Draw random training pairs on a sheet, to check them before training."""
    from talkernel.lab.train.runs import draw_pairs

    print(f"Wrote {out}: {draw_pairs(config, changes or [], out, count)}")


@train.command()
@reports_errors()
def wav2lip_pairs(
    tracks: Annotated[Path, typer.Option(help="Folder of prepared tracks.")],
    weights: Annotated[Path, typer.Option(help="Official wav2lip.pth or wav2lip_gan.pth.")],
    out: Annotated[Path, typer.Option(help="Folder for the pairs, created if missing.")],
    videos: Annotated[int, typer.Option(min=1, help="Number of faces.")] = 550,
    audios: Annotated[int, typer.Option(min=1, help="Number of voices for each face.")] = 550,
    workers: Workers = 1,
    ray_address: RayAddress = None,
) -> None:
    """Synthesise training pairs with Wav2Lip, as in the paper."""
    from talkernel.lab.train.wav2lip_pair_shards import write_wav2lip_pairs

    count = write_wav2lip_pairs(tracks, weights, out, videos, audios, workers, ray_address)
    print(f"{out} holds {count} tracks.")


@train.command()
@reports_errors()
def assemble(
    generator: Annotated[
        list[Path],
        typer.Option(
            help="last.pt of a generator's run, or a weight folder. Several are averaged."
        ),
    ],
    audio_net: Annotated[
        Path, typer.Option(help="audio_net.pt of AudioNet's run, or a weight folder.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the weights, created if missing.")],
    gain: Annotated[
        float,
        typer.Option(
            help="Factor on the predicted lip code, whose motion is smaller than real lips'."
        ),
    ] = 1.0,
    weight: Annotated[
        list[float] | None,
        typer.Option(help="Weight of each generator in the mean. Default: equal."),
    ] = None,
    mantissa: Annotated[
        int,
        typer.Option(
            min=4, max=10, help="Bits kept of each weight's mantissa: fewer compress better."
        ),
    ] = 10,
) -> None:
    """Combine generator and audio network into a weight folder for all engines."""
    from talkernel.lab.train.runs import assemble_model

    print(f"Wrote {assemble_model(generator, audio_net, out, gain, weight or [], mantissa)}.")
