"""Table IV side by side, and Wav2Lip as a system of its own; its weights here are random."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from talkernel.choices import AnyPath
from talkernel.diagnose.benchmark import benchmark
from talkernel.diagnose.frame_cost import frame_cost
from talkernel.engine.base import Array, EngineInfo
from talkernel.errors import (
    AdapterError,
    CheckpointError,
    InputError,
    MissingFileError,
    NoFaceError,
)
from talkernel.files.wave import write_wave
from talkernel.lab.evaluate import speed, timed_systems
from talkernel.lab.evaluate.adapter import load_adapter
from talkernel.lab.evaluate.cases import Case
from talkernel.lab.evaluate.speed import Speeds, load_speeds, measure_speeds
from talkernel.lab.evaluate.tables import write_tables
from talkernel.lab.evaluate.timed_systems import RANDOM, torch_threads
from talkernel.lab.wav2lip.engines import OpenVinoWav2Lip, TorchWav2Lip, as_graph
from talkernel.lab.wav2lip.network import SIDE, Wav2Lip
from talkernel.lab.wav2lip.system import Wav2LipSystem
from talkernel.lab.wav2lip.video import make_video, mel_windows
from talkernel.lab.wav2lip.view import face_box, network_input, paste_back
from talkernel.media import open_face, open_speech
from talkernel.speech.mel import MelSpectrogram
from tests.faces import write_portrait
from tests.jobs import left_behind


class White:
    """Stands for the network: every face comes back white."""

    info, batch = EngineInfo("none", "CPU", "float32"), 16

    def __init__(self) -> None:
        self.windows: list[Array] = []

    def speak(self, mel: Array, face: Array) -> Array:
        assert mel.shape[1:] == (1, 80, 16) and face.shape == (len(mel), 3, SIDE, SIDE)
        assert 0 <= face.min() and face.max() <= 1
        self.windows += list(mel)
        return np.ones_like(face)


def test_both_engines_compute_the_same() -> None:
    torch.manual_seed(0)
    model = Wav2Lip().eval()
    rng = np.random.default_rng(0)
    mel = rng.normal(size=(2, 1, 80, 16)).astype(np.float32)
    face = rng.uniform(size=(2, 3, SIDE, SIDE)).astype(np.float32)
    by_openvino = OpenVinoWav2Lip(as_graph(model), "float32", threads=1)
    by_torch = TorchWav2Lip(model)
    one, other = by_openvino.speak(mel, face), by_torch.speak(mel, face)
    assert by_openvino.info == EngineInfo("openvino", "CPU", "float32")
    np.testing.assert_allclose(one, other, atol=1e-4)
    assert np.abs(one[0] - one[1]).max() > 1e-6


def test_a_face_is_cropped_and_pasted_back_where_it_was() -> None:
    y, x = np.mgrid[:64, :64]
    view = np.stack([4 * x, 4 * y, 255 - 4 * x], 2).astype(np.uint8)  # each colour its own ramp
    box = face_box(np.array([[8.0, 10.0], [56.0, 50.0]]), 64)
    assert box == (slice(10, 53), slice(8, 56))  # a little below the chin
    small = network_input(view, box)
    assert small.shape == (3, SIDE, SIDE) and small.max() <= 1
    weight, picture = paste_back(small, box, 64)
    assert weight[30, 30] == 1 and weight[9].max() == 0 == weight[:, 56:].max()
    inside = weight == 1
    assert np.abs(picture - view)[inside].max() < 4  # RGB again, enlarged and reduced


def test_a_video_is_made_and_only_the_face_changes(talking: Path, tmp_path: Path) -> None:
    network = White()
    frames = make_video(network, talking, talking, tmp_path / "out.mp4")
    made, real = (list(open_face(path).frames()) for path in (tmp_path / "out.mp4", talking))
    assert frames == len(made) == len(real) == len(network.windows)
    changed = np.abs(made[9].planes[0].astype(int) - real[9].planes[0]) > 60
    assert 0.01 < changed.mean() < 0.5
    rows = np.flatnonzero(changed.any(1))
    assert rows.min() > 10 and not changed[:, :5].any()
    assert left_behind(tmp_path) == ["out.mp4"]


def test_its_windows_begin_with_their_frames(talking: Path) -> None:
    spectrogram = MelSpectrogram()
    mel = np.hstack([spectrogram.push(open_speech(talking).wave()), spectrogram.flush()])
    source = open_face(talking)
    windows = mel_windows(open_speech(talking), source.fps, 29)
    for frame in (0, 7):
        start = int(frame * 80 / source.fps)
        np.testing.assert_allclose(windows[frame, 0], mel[:, start : start + 16], atol=1e-5)
    np.testing.assert_allclose(windows[28, 0], mel[:, -16:], atol=1e-5)


def test_no_face_leaves_no_video(talking: Path, tmp_path: Path) -> None:
    face = write_portrait(tmp_path / "faceless.mp4", hidden=range(30))
    with pytest.raises(NoFaceError, match="faceless"):
        make_video(White(), face, talking, tmp_path / "out.mp4")
    assert left_behind(tmp_path) == ["faceless.mp4"]


def test_official_weights_make_it_a_system(talking: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "wav2lip.yaml"
    adapter.write_text("name: Wav2Lip\nwav2lip: weights.pth\n")
    with pytest.raises(MissingFileError, match="weights"):
        load_adapter(adapter)
    torch.save({"state_dict": {"module.conv.weight": torch.zeros(3)}}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="Wav2Lip"):
        load_adapter(adapter)
    system = Wav2LipSystem("Wav2Lip", tmp_path / "weights.pth")
    system.__dict__["network"] = White()  # as if loaded
    case = Case("one", "one", talking, talking, talking, open_face(talking).fps)
    assert system.make(case, tmp_path / "out.mp4")["ms_per_frame"] > 0
    assert (tmp_path / "out.mp4").stat().st_size > 1000
    assert system.settings()["system"] == "Wav2Lip" and len(system.settings()["weights"]) == 64


@pytest.mark.parametrize("text", ["name: A\n", "wav2lip: x\n", "name: A\nwav2lip: x\ncommand: y\n"])
def test_an_adapter_says_one_thing(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(AdapterError, match="not an adapter file"):
        load_adapter(tmp_path / "a.yaml")


class Counting:
    """A timed system that takes no time, and records whose turn it was."""

    info = EngineInfo("none", "CPU", "float32")

    def __init__(self, name: str, whole: bool, turns: list[str], video: Path) -> None:
        self.name, self.whole, self.remark = name, whole, RANDOM if name == "Wav2Lip" else ""
        self._turns, self._video = turns, video

    def network(self) -> int:
        self._turns.append(self.name)
        return 4

    def job(self, face: Path, speech: Path, outfile: Path) -> int:
        self._turns.append(f"{self.name}'s job")
        outfile.write_bytes(self._video.read_bytes())
        return 29


@pytest.fixture
def turns(talking: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    noted: list[str] = []

    def two(threads: int) -> Iterator[Counting]:
        assert torch.get_num_threads() == threads == 3
        yield Counting("Talkernel", True, noted, talking)
        yield Counting("Wav2Lip", True, noted, talking)
        yield Counting("Wav2Lip", False, noted, talking)

    monkeypatch.setattr(timed_systems, "timed_systems", two)
    monkeypatch.setattr("talkernel.sample.portrait.make_sample", lambda _, **__: (talking, talking))
    return noted


def test_speeds_are_measured_in_turn_and_stand_in_table_iv(
    turns: list[str], tmp_path: Path
) -> None:
    before = torch.get_num_threads()
    written = write_tables([], tmp_path, threads=3)
    assert torch.get_num_threads() == before
    assert left_behind(tmp_path) == ["speed.json", "tables.csv", "tables.html", "tables.md"]
    assert written[0] == tmp_path / "speed.json"
    one_round = ["Talkernel", "Wav2Lip", "Wav2Lip"]
    jobs = ["Talkernel's job", "Wav2Lip's job"]
    assert turns == one_round * (1 + speed.ROUNDS) + jobs * speed.JOBS
    found = load_speeds(tmp_path / "speed.json")
    assert [len(rate.model_ms) for rate in found.rates] == [speed.ROUNDS] * 3
    assert [len(rate.fps) for rate in found.rates] == [speed.JOBS, speed.JOBS, 0]
    assert found.threads == 3 and found.frames == 29 and found.machine
    text = (tmp_path / "tables.md").read_text()
    note = text.split("## Table IV")[1]
    assert found.machine in note and "3 threads" in note and found.picture in note
    again = write_tables([], tmp_path / "again", speed=tmp_path / "speed.json")
    assert again[0].read_text() == text


def test_cells_are_medians_with_their_spread_and_say_whose_weights(tmp_path: Path) -> None:
    rates = [
        speed.Rate("Talkernel", "openvino CPU bfloat16", "", [5.0, 4.0, 8.0], [30.0, 20.0]),
        speed.Rate("Wav2Lip", "torch cpu float32", RANDOM, [100.0, 200.0, 400.0], []),
    ]
    (tmp_path / "speed.json").write_text(Speeds("A CPU", 2, "64x48", 9, rates).to_json())
    write_tables([], tmp_path / "out", speed=tmp_path / "speed.json")
    rows = list(csv.DictReader((tmp_path / "out" / "tables.csv").open()))
    cells = {
        (r["method"], r["metric"]): (r["value"], r["source"])
        for r in rows
        if r["table"] == "IV" and r["source"] != "paper"
    }
    ours, theirs = "Talkernel, openvino CPU bfloat16", "Wav2Lip, torch cpu float32"
    columns = (
        "ms a frame without background",
        "Frames/s without background",
        "Frames/s with background",
    )
    assert [cells[ours, c][0] for c in columns] == [
        "5.0 [4.0, 8.0]",
        "200 [125, 250]",
        "25.0 [20.0, 30.0]",
    ]
    assert [cells[theirs, c][0] for c in columns] == ["200.0 [100.0, 400.0]", "5 [2, 10]", ""]
    assert {source for _, source in cells.values()} == {"measured", "measured, random weights"}
    assert (
        "200.0 [100.0, 400.0] (measured, random weights)"
        in (tmp_path / "out" / "tables.md").read_text()
    )


def test_threads_are_put_back_after_a_failure() -> None:
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError), torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise RuntimeError
    assert torch.get_num_threads() == before


def test_all_cpus_are_taken_where_nothing_is_said(
    turns: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "available_cores", lambda: 3)
    assert measure_speeds().threads == 3


def test_start_up_is_no_part_of_a_frames_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, delays = {"wall": 0.0, "cpu": 0.0}, iter([0.0, 3.0, 7.0, 0.0, 0.0, 0.0])
    monkeypatch.setattr("time.perf_counter", lambda: clock["wall"])
    monkeypatch.setattr("time.process_time", lambda: clock["cpu"])

    def job(sound: AnyPath) -> int:
        frames, delay = {"short": 10, "long": 50}[str(sound)], next(delays)
        clock["wall"] += 2.0 + 0.01 * frames + delay
        clock["cpu"] += 1.5 + 0.02 * frames + delay
        return frames

    cost = frame_cost(job, "long", "short")
    np.testing.assert_allclose(cost, (0.01, 0.02))


def test_a_sound_that_is_too_short_to_measure_with(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"only 1\.00 s of sound"):
        benchmark(folder / "face.mp4", folder / "speech.wav")


def test_benchmark_measures_a_job_and_its_parts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkernel.diagnose.frame_cost.ROUNDS", 1)
    rng = np.random.default_rng(0)
    write_wave(tmp_path / "noise.wav", 16000, rng.integers(-9000, 9000, 32000, "<i2").tobytes())
    found = benchmark(folder / "face.mp4", tmp_path / "noise.wav")
    assert found.frames == 50 and 0.0 < found.ratio < 1.0 and found.first_frame_s > 0.0
    assert found.own_cpu_ms > 0.0 and found.codec_cpu_ms > 0.0
    assert "CPU ms a frame, our own" in {row[0] for row in found.summary().rows}
    assert set(found.stage_ms) >= {"decode", "track", "generator", "blend", "encode"}
    path = tmp_path / "benchmark.json"
    path.write_text(found.to_json())
    assert load_speeds(path).rates[0].fps == [found.end_to_end_fps]
