"""Whole runs: configs, killing and resuming, two processes instead of one, warnings."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from talkernel.errors import (
    CheckpointError,
    MissingFileError,
    RunConfigError,
    TrainingDataError,
    TrainingError,
)
from talkernel.lab.tracks.track import load_tracks, write_tracks
from talkernel.lab.train.audio_net import train_lip_reader
from talkernel.lab.train.batch import ResumableSampler
from talkernel.lab.train.checkpoint import load_state
from talkernel.lab.train.contrast import SyncHead
from talkernel.lab.train.run_config import AudioNetRun, GeneratorRun, load_run, to_yaml
from talkernel.lab.train.runs import fit_basis, train_generator
from talkernel.lab.train.train_logger import WARN_FROM, ConditioningCheck, TrainLogger
from talkernel.model.config import ModelConfig
from tests.tracks import TINY, drawn_track, tiny_encoder, tiny_front_end

RUN = """
data: {{tracks: {folder}/tracks, basis: {folder}/basis.npz, held_out: [id1]}}
out: {out}
model: {{crop_size: 64, channels: [8, 8, 12, 16, 16], dck_rank: 4, lip_code: 4}}
recipe:
  pairs: {{size: 64}}
  steps: 12
  batch: 4
  learning_rate: 1e-3
  workers: 0
  log_every: 1
  save_minutes: 0.0
hardware: {{accelerator: cpu, precision: 32-true, threads: 1}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_tracks(folder / "tracks", "train", [drawn_track(number) for number in range(2)])
    fit_basis(folder / "tracks", folder / "basis.npz", 4)
    return folder


def config_of(folder: Path, out: Path) -> Path:
    path = out.with_suffix(".yaml")
    path.write_text(RUN.format(folder=folder, out=out))
    return path


def train(config: Path, *changes: str) -> subprocess.Popen[str]:
    options = [word for change in changes for word in ("--set", change)]
    command = [sys.executable, "-m", "talkernel", "train", "--config", str(config), *options]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def finished(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    return output


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Results are the same to the last bit only if sums are added in the same order."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_a_run_killed_and_resumed_ends_with_the_same_weights(
    folder: Path, tmp_path: Path, one_thread: None, capsys: pytest.CaptureFixture[str]
) -> None:
    process = train(config_of(folder, tmp_path / "killed"))
    train_generator(config_of(folder, tmp_path / "whole"), ["recipe.save_minutes=9"])
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step 4 "):
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    assert 0 < load_state(tmp_path / "killed" / "last.pt")["step"] < 12
    train_generator(config_of(folder, tmp_path / "killed"), ["recipe.save_minutes=9"])
    assert "Resuming from" in capsys.readouterr().out
    ends = [load_state(tmp_path / name / "last.pt") for name in ("whole", "killed")]
    assert ends[0]["step"] == ends[1]["step"] == 12
    for part in ("model", "average"):
        for name, value in ends[0][part].items():
            torch.testing.assert_close(ends[1][part][name], value, rtol=0, atol=0)


def test_two_processes_learn_what_one_does(
    folder: Path, tmp_path: Path, one_thread: None, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["recipe.steps=4", "recipe.save_minutes=9"]
    process = train(config_of(folder, tmp_path / "two"), *few, "hardware.devices=2")
    train_generator(config_of(folder, tmp_path / "one"), few)
    one, two = capsys.readouterr().out, finished(process)
    losses = [
        [float(x) for x in re.findall(r"^step \d+ rec ([\d.]+)", text, re.M)] for text in (one, two)
    ]
    assert len(losses[0]) == 4
    np.testing.assert_allclose(losses[1], losses[0], rtol=2e-3)
    ends = [load_state(tmp_path / name / "last.pt")["model"] for name in ("one", "two")]
    assert ends[0].keys() == ends[1].keys()
    name = "unet.stem.1.running_mean"
    torch.testing.assert_close(ends[1][name], ends[0][name], rtol=1e-3, atol=1e-5)


def test_pictures_and_curves_are_written(folder: Path, tmp_path: Path, one_thread: None) -> None:
    changes = ["recipe.steps=2", "recipe.drive=heard"]
    train_generator(config_of(folder, tmp_path / "run"), changes)
    events = list((tmp_path / "run" / "curves").iterdir())
    assert sum(event.stat().st_size for event in events) > 10_000
    assert load_run(GeneratorRun, tmp_path / "run" / "run.yaml").recipe.drive == "heard"


def test_the_sampler_splits_every_batch_between_processes() -> None:
    whole = list(ResumableSampler(first=2, steps=5, batch=6))
    halves = zip(*(ResumableSampler(2, 5, 6, rank, 2) for rank in range(2)), strict=True)
    assert whole == [a + b for a, b in halves]
    assert whole[0] == list(range(12, 18)) and len(ResumableSampler(2, 5, 6)) == 3


def test_a_config_survives_a_round_trip(folder: Path, tmp_path: Path) -> None:
    path = config_of(folder, tmp_path / "x")
    run = load_run(GeneratorRun, path, ["recipe.steps=7", "start=earlier.pt"])
    assert run.recipe.steps == 7 and run.start == Path("earlier.pt")
    assert run.model.channels == TINY.channels and run.data.held_out == ("id1",)
    again = tmp_path / "again.yaml"
    again.write_text(to_yaml(run))
    assert load_run(GeneratorRun, again) == run


@pytest.mark.parametrize(
    "change, wrong",
    [
        ("recipe.step=7", "recipe.step"),
        ("recipe.steps=many", "recipe.steps"),
        ("recipe.steps=true", "recipe.steps"),
        ("recipe.pairs=3", "recipe.pairs"),
        ("nonsense", "nonsense"),
        ("recipe.steps=1.5", "recipe.steps"),
        ("recipe.pairs={sze: 64}", "recipe.pairs.sze"),
        ("model.channels=[8, wide]", "model.channels"),
        ("model.static_layers=[1, 2, 3]", "model.static_layers"),
        ("out=null", "out"),
        ("out=${nowhere}", "out"),
        ("recipe.drive=sung", "drive"),
    ],
)
def test_a_wrong_config_raises_an_error_that_names_the_value(
    folder: Path, tmp_path: Path, change: str, wrong: str
) -> None:
    with pytest.raises(RunConfigError, match=re.escape(wrong)):
        load_run(GeneratorRun, config_of(folder, tmp_path / "x"), [change])


@pytest.mark.parametrize(
    "text, wrong",
    [
        ("out: x\ndata: {basis: b}", "data.tracks"),
        ("out: x", "data"),
        ("", "data"),
        ("- out", "holds a list"),
        ("out: [", "is not YAML"),
        ("out: x\nout: y", "duplicate key out"),
        ("words", "words"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(RunConfigError, match=re.escape(wrong)):
        load_run(GeneratorRun, tmp_path / "run.yaml")


@pytest.mark.parametrize("text", [None, "7"])
def test_a_file_that_holds_no_config_is_named(tmp_path: Path, text: str | None) -> None:
    if text:
        (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(MissingFileError, match=re.escape("run.yaml")):
        load_run(GeneratorRun, tmp_path / "run.yaml")


def test_a_person_held_out_whom_no_track_shows_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="nobody") as caught:
        train_generator(config_of(folder, tmp_path / "x"), ["data.held_out=[id1, nobody]"])
    assert "id1" not in str(caught.value) and "id0, id1" in caught.value.remedy


def test_the_example_configs_are_valid(request: pytest.FixtureRequest) -> None:
    configs = sorted((request.config.rootpath / "configs").glob("*.yaml"))
    assert len(configs) >= 3
    for path in configs:
        kind = AudioNetRun if path.stem.endswith("audio_net") else GeneratorRun
        load_run(kind, path)


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    logger = TrainLogger(None, first=0, steps=9, every=5, samples=4)
    logger.record(1, {"rec": 0.5})
    with pytest.raises(TrainingError, match=r"step 2.*'rec' is nan"):
        logger.record(2, {"rec": float("nan")})


@pytest.mark.parametrize("wrong, warned", [(0.101, True), (0.2, False)])
def test_a_mouth_that_ignores_its_lip_code_gives_a_warning(
    wrong: float, warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = TrainLogger(None, first=0, steps=9, every=5, samples=4)
    for step in (1, WARN_FROM):
        ConditioningCheck().check(
            step, lambda batch, shuffled: wrong if shuffled else 0.1, None, logger
        )  # type: ignore[arg-type]
    assert ("ignores its lip code" in capsys.readouterr().out) is warned


def test_a_damaged_checkpoint_raises_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match=re.escape("last.pt")):
        load_state(tmp_path / "last.pt")


def test_the_contrastive_loss_learns_which_movement_matches_which_sound() -> None:
    torch.manual_seed(0)
    movement = torch.randn(32, 5, 3)
    features = movement.flatten(1) @ torch.randn(15, 20)
    head = SyncHead(20, 3)
    optimiser = torch.optim.Adam(head.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        loss = head(features, movement)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    assert head(features, movement.roll(1, 0)) > 5 * losses[-1]


def test_an_interrupted_audio_net_run_resumes(folder: Path, tmp_path: Path) -> None:
    from talkernel.lab.train.audio_data import SpeechTable
    from talkernel.lab.train.lip_reader import LipReader
    from talkernel.lab.train.recipes import AudioNetRecipe
    from talkernel.lab.train.runs import load_basis

    basis = load_basis(folder / "basis.npz")
    table = SpeechTable.build(load_tracks(folder / "tracks", "train"), basis, tiny_front_end())
    recipe = AudioNetRecipe(steps=6, batch=16, contrast=0.1)

    def train(name: str, recipe: AudioNetRecipe) -> LipReader:
        folder = tmp_path / name
        return train_lip_reader(TINY, tiny_encoder(), table, table, basis, recipe, folder=folder)

    whole = train("whole", recipe)

    class Killed(Exception):
        pass

    import talkernel.lab.train.audio_net as module

    real, count = module.draw, [0]

    def draw(*arguments):  # type: ignore[no-untyped-def]
        count[0] += 1
        if count[0] == 4:
            raise Killed
        return real(*arguments)

    often = dataclasses.replace(recipe, save_minutes=0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "draw", draw)
        with pytest.raises(Killed):
            train("killed", often)
    resumed = train("killed", often)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0)


def test_shared_batch_norm_equals_torchs_for_one_process() -> None:
    """In a group of one process, both normalise alike."""
    from talkernel.lab.train.distributed import SharedBatchNorm

    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        own, x = nn.BatchNorm2d(3), torch.randn(4, 3, 5, 5)
        shared = SharedBatchNorm(nn.BatchNorm2d(3))
        torch.testing.assert_close(shared(x), own(x), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(shared.running_var, own.running_var)
        torch.testing.assert_close(shared.eval()(x), own.eval()(x))
    finally:
        torch.distributed.destroy_process_group()


def test_the_default_model_is_what_a_run_trains() -> None:
    assert GeneratorRun.__dataclass_fields__["model"].default_factory() == ModelConfig()  # type: ignore[misc]
