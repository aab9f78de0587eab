"""Batches: lists, failures, going on, and a real Ray whose worker is killed."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest

from talkernel.batch.jobs import SpeakJob, read_jobs
from talkernel.batch.run import batch
from talkernel.cli import app
from talkernel.errors import JobListError, OutputError
from talkernel.files.lock import folder_lock
from talkernel.media import open_face
from talkernel.pipeline import generate as pipeline


def write_list(path: Path, *rows: str, columns: str = "face,audio,outfile") -> Path:
    path.write_text("\n".join([columns, *rows]) + "\n")
    return path


def results_of(out: Path) -> dict[str, dict[str, str]]:
    with (out / "results.csv").open(newline="") as file:
        return {row["outfile"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("face,audio\na,b", "no column 'outfile'"),
        ("face,audio,outfile,colour\na,b,c,d", "'colour' that is not an option"),
        ("face,audio,outfile\n", "lists no job"),
        ("face,audio,outfile\na,b,x.mp4\nc,d,./x.mp4", "for more than one job"),
        ("face,audio,outfile\na,b,../x.mp4", "line 2: ../x.mp4 is not within"),
        ("face,audio,outfile\na,,x.mp4", "line 2"),
        ("face,audio,outfile,crf\na,b,x.mp4,low", "line 2"),
        ("face,audio,outfile,box\na,b,x.mp4,7", "line 2: --box 7"),
    ],
)
def test_a_list_that_cannot_be_done_is_refused_before_anything_starts(
    text: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "jobs.csv").write_text(text)
    with pytest.raises(JobListError, match=re.escape(said)):
        batch(tmp_path / "jobs.csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_options_come_from_columns_and_paths_from_the_lists_folder(tmp_path: Path) -> None:
    row = "a.mp4,/b.wav,c.mp4,20,,30000/1001"
    table = write_list(tmp_path / "jobs.csv", row, columns="face,audio,outfile,crf,box,fps")
    (job,) = read_jobs(table, tmp_path / "out")
    assert (job.face, job.audio) == (str(tmp_path / "a.mp4"), "/b.wav")
    assert job.options == {"crf": "20", "fps": "30000/1001"}


@pytest.mark.usefixtures("painted")
def test_a_failure_stops_nothing_and_a_rerun_does_only_what_is_missing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speech = folder / "speech.wav"
    rows = (
        f"{folder}/face.mp4,{speech},a/one.mp4",
        f"none.mp4,{speech},two.mp4",
        f"{folder}/gap.mp4,{speech},three.mp4",
    )
    table, out = write_list(tmp_path / "jobs.csv", *rows), tmp_path / "out"
    report = batch(table, out)
    assert report.failed == ["two.mp4"]
    rows_found = results_of(out)
    assert [row["status"] for row in rows_found.values()] == ["done", "failed", "done"]
    assert "none.mp4" in rows_found["two.mp4"]["error"]
    assert not (out / "two.mp4").exists() and rows_found["a/one.mp4"]["frames"] == "25"
    assert [row["untouched"] for row in rows_found.values()] == ["0", "0", "5"]
    assert not rows_found["three.mp4"]["warnings"]
    made = (out / "a/one.mp4").stat().st_mtime_ns
    (out / "three.mp4").unlink()
    calls = []
    real = pipeline.generate
    monkeypatch.setattr(pipeline, "generate", lambda *a, **o: calls.append(a) or real(*a, **o))
    again = batch(table, out)
    assert [Path(call[0]).name for call in calls] == ["none.mp4", "gap.mp4"]
    assert again.outcomes["three.mp4"].fresh and not again.outcomes["a/one.mp4"].fresh
    assert (out / "a/one.mp4").stat().st_mtime_ns == made


@pytest.mark.usefixtures("painted")
def test_a_strangers_file_stays_unless_it_may_be_replaced(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.mp4").write_text("mine")
    row = f"{folder}/face.mp4,{folder}/speech.wav,a.mp4"
    table = write_list(tmp_path / "jobs.csv", row)
    assert "already exists" in batch(table, out).outcomes["a.mp4"].error
    assert (out / "a.mp4").read_text() == "mine"
    assert not batch(table, out, overwrite=True).failed
    assert len(list(open_face(out / "a.mp4").frames())) == 25


@pytest.mark.usefixtures("painted")
def test_a_job_killed_before_its_record_was_written_is_not_done_twice(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = f"{folder}/face.mp4,{folder}/speech.wav,a.mp4"
    table, out = write_list(tmp_path / "jobs.csv", row), tmp_path / "out"
    batch(table, out)
    for record in (out / ".batch").glob("*.json"):
        record.unlink()
    monkeypatch.setattr(pipeline, "generate", lambda *_, **__: pytest.fail("done twice"))
    assert batch(table, out).outcomes["a.mp4"].frames == 25


def test_two_runs_in_one_folder_are_kept_apart(folder: Path, tmp_path: Path) -> None:
    table = write_list(tmp_path / "jobs.csv", "a,b,c.mp4")
    out = tmp_path / "out"
    out.mkdir()
    with folder_lock(out), pytest.raises(OutputError):
        batch(table, out)


@pytest.mark.usefixtures("painted")
def test_the_exit_code_tells_that_some_failed(folder: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    table = write_list(tmp_path / "jobs.csv", f"none.mp4,{folder}/speech.wav,a.mp4")
    result = CliRunner().invoke(app, ["batch", str(table), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "1 of 1 jobs failed." in result.stderr


def test_a_ray_worker_killed_while_it_writes_loses_no_video_and_doubles_none(
    folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    names = [f"{number}.mp4" for number in range(2)]
    rows = [
        f"{folder}/face.mp4,{folder}/{('speech', 'other')[n % 2]}.wav,{name}"
        for n, name in enumerate(names)
    ]
    table, out = write_list(tmp_path / "jobs.csv", *rows), tmp_path / "out"
    killed: list[int] = []
    killer = threading.Thread(target=kill_a_writer, args=[out, killed], daemon=True)
    killer.start()
    report = batch(table, out, workers=2, ray_address="local")
    killer.join(timeout=1)
    assert killed and not report.failed
    assert list(report.outcomes) == names == [*results_of(out)]
    assert sorted(path.name for path in out.glob("*.mp4")) == names
    assert all(len(list(open_face(out / name).frames())) == 25 for name in names)
    again = batch(table, out)
    assert not any(one.fresh for one in again.outcomes.values())
    assert not [path for path in (out / ".batch").iterdir() if path.is_dir()]


def kill_a_writer(out: Path, killed: list[int]) -> None:
    """SIGKILL to the first process found writing a video, which its file's name tells."""
    while not killed:
        for path in out.glob(".batch/*/.video.*"):
            pid = int(path.name.split(".")[2].split("-")[0])
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
            break
        time.sleep(0.01)


def test_equal_values_make_the_same_job() -> None:
    """The hash of version 0.1.0, so that a batch begun with it can be continued."""
    one, same, other = (
        SpeakJob("f.mp4", "a.wav", "o.mp4", {"crf": crf, "fps": fps, "box": "0,4,0,4"})
        for crf, fps in (("20", "25"), ("20", "25.0"), ("21", "25"))
    )
    assert one.key == same.key != other.key
    fields = {"face": "f.mp4", "audio": "a.wav", "outfile": "o.mp4"}
    options = {"crf": 20, "fps": "25", "box": (0, 4, 0, 4)}
    text = json.dumps(fields | {"options": options}, sort_keys=True)
    assert one.key == hashlib.sha1(text.encode()).hexdigest()[:16]
