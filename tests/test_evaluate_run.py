"""Whole evaluations on an LRW-shaped tree of the portrait, with an engine that costs no time."""

from __future__ import annotations

import csv
import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from talkernel.cli import app
from talkernel.errors import (
    AdapterError,
    DataError,
    InstallationError,
    NoFaceError,
    OptionError,
    OutputExistsError,
)
from talkernel.lab.evaluate import identity, result_folder, session
from talkernel.lab.evaluate.adapter import load_adapter
from talkernel.lab.evaluate.cases import Case
from talkernel.lab.evaluate.html import write_report
from talkernel.lab.evaluate.measure import CaseEvaluator
from talkernel.lab.evaluate.result_folder import ResultFolder, code_digest
from talkernel.lab.evaluate.results import Results, ranked
from talkernel.lab.evaluate.session import measure_folder
from talkernel.lab.evaluate.systems import OwnSystem
from talkernel.lab.evaluate.tables import write_tables
from talkernel.media import open_face, open_speech
from talkernel.media.transcode import transcode
from tests.faces import write_portrait
from tests.jobs import left_behind

pytestmark = pytest.mark.usefixtures("painted")


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Fewer face embeddings and no report, which are slow; one test has the report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "INSTANTS", 2)
        patch.setattr(session, "write_report", lambda *_: None)
        yield


@pytest.fixture(scope="session")
def lrw(talking: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A word of 29 frames, and one that is spoken by nobody."""
    root = tmp_path_factory.mktemp("lrw")
    faceless = write_portrait(folder / "faceless.mp4", hidden=range(30))
    for word, face in (("ABOUT", talking), ("NOBODY", faceless)):
        (root / word / "test").mkdir(parents=True)
        transcode(face, talking, root / word / "test" / f"{word}_00001.mp4")
    return root


@pytest.fixture(scope="module")
def photo(lrw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished evaluation of the paper's protocol."""
    from talkernel.pipeline import generate as pipeline
    from tests.jobs import Painter

    out = tmp_path_factory.mktemp("out") / "photo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "choose_engine", lambda *_: Painter())
        write_report(measure_folder(lrw, out, protocol="photo"), out)
    return out


def test_photo_protocol_has_its_rows_and_leaves_out_a_clip_without_a_face(photo: Path) -> None:
    found = Results.load(photo)
    assert found.names == ["generated", "ground truth", "do nothing"]
    assert found.clips == 1 and list(found.left_out) == ["NOBODY_00001"]
    assert "face" in found.left_out["NOBODY_00001"]
    truth, nothing = found.means("ground truth"), found.means("do nothing")
    assert truth["psnr"].mean > 35 > nothing["psnr"].mean
    assert truth["ssim"].mean > 0.95 and truth["lmd"].mean < nothing["lmd"].mean
    assert nothing["identity"].mean == 0 and truth["identity"].mean > 0
    made = found.means("generated")
    assert made["seam"].mean == 0 and 0 < made["mask_share"].mean <= 1
    assert made["psnr"].mean < truth["psnr"].mean  # the painter paints the mouth white
    assert abs(made["sound_excess"].mean) < 0.041


def test_report_shows_rows_plots_examples_and_rules(photo: Path) -> None:
    page = (photo / "report.html").read_text("utf-8")
    for text in ("ground truth", "do nothing", "NOBODY_00001", "priming", "80 %", "median"):
        assert text in page
    plots = left_behind(photo / "plots")
    for name in ("psnr.svg", "psnr.png", "lmd.svg", "sheet-best.png", "mouth-worst.svg"):
        assert name in plots
    assert not [name for name in left_behind(photo) if ".part" in name]


def test_figures_clip_by_clip_come_back_as_they_were(tmp_path: Path) -> None:
    row = {"row": "generated", "clip": "a", "person": "ann", "psnr": 31.5, "lse_c": math.nan}
    curve = [0.5, math.nan, 2.0]
    Results("photo", "ours", {}, [row | {"opening": curve}], {"b": "no face"}).save(tmp_path)
    (line,) = (tmp_path / "clips.jsonl").read_text().splitlines()
    assert json.loads(line, parse_constant=pytest.fail)["opening"] == [0.5, None, 2.0]
    found = Results.load(tmp_path)
    assert found.left_out == {"b": "no face"} and found.mean("generated", "psnr").mean == 31.5
    assert not found.mean("generated", "lse_c").clips
    np.testing.assert_array_equal(found.rows[0]["opening"], curve)


@pytest.mark.parametrize("damage", ["", "[]", '{"row": ', "7"])
def test_damaged_figures_are_named(tmp_path: Path, damage: str) -> None:
    Results("photo", "ours", {}, [], {}).save(tmp_path)
    (tmp_path / "clips.jsonl").write_text(damage + "\n")
    with pytest.raises(DataError, match=re.escape(str(tmp_path))):
        Results.load(tmp_path)


def test_a_finished_evaluation_is_not_made_again(
    photo: Path, lrw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Results.load(photo).to_json()
    made: list[str] = []

    def make(self: OwnSystem, case: Case, outfile: Path) -> dict[str, float]:
        made.append(case.name)
        raise NoFaceError("None.")

    monkeypatch.setattr(OwnSystem, "make", make)
    found = json.loads(measure_folder(lrw, photo, protocol="photo").to_json())
    assert found["rows"] == json.loads(before)["rows"]
    assert made == ["NOBODY_00001"]  # it might have been mended


def test_an_interrupted_evaluation_goes_on(
    talking: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two clips; the second breaks off once. Only making and measuring are replaced."""
    made: list[str] = []

    def make(self: OwnSystem, case: Case, outfile: Path) -> dict[str, float]:
        made.append(case.name)
        if made == ["talking", "talking-2"]:
            raise KeyboardInterrupt
        outfile.write_bytes(talking.read_bytes())
        return {"ms_per_frame": 1.0}

    def rows(self: CaseEvaluator, case: Case, videos: Any, figures: dict[str, float]) -> list[Any]:
        return [
            {
                "row": "generated",
                "clip": case.name,
                "person": case.name,
                "lmd": 1.0,
                "opening": [0.0],
                "wanted": [0.0],
                **figures,
            }
        ]

    monkeypatch.setattr(OwnSystem, "make", make)
    monkeypatch.setattr(CaseEvaluator, "rows", rows)
    (tmp_path / "clips.csv").write_text(f"video\n{talking}\n{talking}\n")
    with pytest.raises(KeyboardInterrupt):
        measure_folder(tmp_path / "clips.csv", tmp_path / "out", protocol="photo")
    assert not (tmp_path / "out/results.json").exists()
    found = measure_folder(tmp_path / "clips.csv", tmp_path / "out", protocol="photo")
    assert made == ["talking", "talking-2", "talking-2"]
    assert found.clips == 2 and found.mean("generated", "ms_per_frame").mean == 1.0


def test_other_settings_do_not_overwrite(photo: Path, lrw: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputExistsError, match=r"other settings \(protocol\)"):
        measure_folder(lrw, photo, protocol="self")
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(OutputExistsError, match="not empty"):
        measure_folder(lrw, tmp_path, protocol="photo", overwrite=True)
    assert left_behind(tmp_path) == ["mine.txt"]


def test_results_of_other_code_are_not_reused(
    photo: Path, lrw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (photo / "settings.json").read_text()
    monkeypatch.setattr(session, "code_digest", lambda: "of other code")
    with pytest.raises(OutputExistsError, match=r"other settings \(code\)") as refused:
        measure_folder(lrw, photo, protocol="photo")
    assert "--overwrite" in refused.value.remedy
    assert (photo / "settings.json").read_text() == before


def test_the_digest_is_of_code_and_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, code = tmp_path / "weights.safetensors", tmp_path / "lab" / "module.py"
    code.parent.mkdir()
    monkeypatch.setattr(result_folder, "files", lambda _: tmp_path)
    monkeypatch.setattr(result_folder, "default_weights", lambda: weights)
    digests = []
    for module, numbers in (("a = 1", "x"), ("a = 1", "x"), ("a = 2", "x"), ("a = 2", "y")):
        code.write_text(module)
        weights.write_text(numbers)
        digests.append(code_digest())
    assert digests[0] == digests[1] and len(set(digests)) == 3


def test_overwriting_deletes_what_was_measured(tmp_path: Path) -> None:
    folder = ResultFolder.open(tmp_path / "out", {"code": "a"}, overwrite=False)
    (folder.root / "measured" / "one.json").write_text("[]")
    ResultFolder.open(folder.root, {"code": "a"}, overwrite=False)
    assert left_behind(folder.root / "measured") == ["one.json"]
    ResultFolder.open(folder.root, {"code": "b"}, overwrite=True)
    assert left_behind(folder.root / "measured") == []


def test_pairs_need_no_system(photo: Path, lrw: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    source = lrw / "ABOUT" / "test" / "ABOUT_00001.mp4"
    (real / source.name).write_bytes(source.read_bytes())
    found = measure_folder(photo / "videos/generated", tmp_path / "out", real=real)
    stored = Results.load(photo)
    assert found.protocol == "pairs" and found.clips == 1
    for metric in ("psnr", "ssim", "lmd", "r_speech"):
        assert found.mean("generated", metric) == stored.mean("generated", metric)
    assert not found.mean("generated", "seam").clips  # cannot be seen in an encoded video


def test_another_rate_and_size_are_aligned_and_another_length_is_refused(
    talking: Path, folder: Path, tmp_path: Path
) -> None:
    write_portrait(tmp_path / "fast.mp4", 58, fps=50, size=(480, 360), scale=1.0)
    transcode(tmp_path / "fast.mp4", talking, tmp_path / "fast-sound.mp4")
    write_portrait(tmp_path / "short.mp4", 20)
    (tmp_path / "pairs.csv").write_text(
        f"generated,real\nfast-sound.mp4,{talking}\nshort.mp4,{talking}\n"
    )
    found = measure_folder(tmp_path / "pairs.csv", tmp_path / "out")
    assert found.clips == 1 and "lasts 0.80 s" in found.left_out["short"]
    assert found.mean("generated", "lmd").mean < 3
    assert not found.mean("generated", "flicker").clips  # the sizes differ


def test_crossed_speech(talking: Path, tmp_path: Path) -> None:
    time = np.arange(30)
    for person, opened in (("ann", np.sin(time / 2.2)), ("bob", np.sin(time / 1.3 + 2))):
        mouth = write_portrait(tmp_path / "mouth.mp4", opened=8.0 + 8.0 * opened)
        transcode(mouth, talking, tmp_path / f"{person}.mp4")
    (tmp_path / "two.csv").write_text("video,person\nann.mp4,ann\nbob.mp4,bob\n")
    crossed = measure_folder(
        tmp_path / "two.csv", tmp_path / "cross", protocol="cross", mouth_only=True
    )
    assert crossed.names == ["generated", "ground truth", "do nothing", "shuffled"]
    assert crossed.mean("do nothing", "r_input").mean == pytest.approx(1)
    assert abs(crossed.mean("do nothing", "r_speech").mean) < 0.5
    assert crossed.mean("ground truth", "r_speech").mean > 0.9
    assert abs(crossed.mean("ground truth", "r_input").mean) < 0.5
    best = crossed.best_lag("ground truth")
    assert best is not None and best[0] == 0
    assert not crossed.mean("generated", "identity").clips


def test_nothing_to_measure(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text(f"video\n{folder / 'face.mp4'}\n")  # it has no sound
    with pytest.raises(DataError, match="None of 1 clips"):
        measure_folder(tmp_path / "one.csv", tmp_path / "out", protocol="photo")


def test_ranking_knows_what_is_better() -> None:
    rows = [{"clip": n, "r": r} for n, r in (("a", 0.2), ("b", -0.1), ("c", float("nan")))]
    assert [row["clip"] for row in ranked(rows, "r", "higher")] == ["a", "b"]
    assert [row["clip"] for row in ranked(rows, "r", "lower")] == ["b", "a"]
    assert [row["clip"] for row in ranked(rows, "r", "zero")] == ["b", "a"]


def adapter(tmp_path: Path, command: str, name: str = "Copy") -> Path:
    path = tmp_path / "copy.yaml"
    path.write_text(json.dumps({"name": name, "command": command}))  # JSON is YAML
    return path


def test_another_system_is_a_command(lrw: Path, photo: Path, tmp_path: Path) -> None:
    """Its output is the audio's own clip here, which is as good as the truth."""
    script = tmp_path / "system with space.py"
    truth = lrw / "ABOUT" / "test" / "ABOUT_00001.mp4"
    script.write_text(f"import shutil, sys\nshutil.copy({str(truth)!r}, sys.argv[3])\n")
    file = adapter(tmp_path, f"{sys.executable} '{script}' {{face}} {{audio}} {{out}}")
    found = measure_folder(lrw, tmp_path / "out", protocol="photo", adapter=file, limit=1)
    assert found.system == "Copy"
    assert found.mean("generated", "psnr").mean > 35
    assert found.mean("generated", "ms_per_frame").mean > 0
    assert left_behind(tmp_path / "out/videos/generated") == ["ABOUT_00001.json", "ABOUT_00001.mp4"]


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("false {face} {audio} {out}", "ended with 1"),
        ("true {face} {audio} {out}", "no video"),
        ("no-such-program {face} {audio} {out}", "cannot be run"),
    ],
)
def test_a_command_that_fails_is_reported(
    talking: Path, tmp_path: Path, command: str, problem: str
) -> None:
    case = Case("one", "one", talking, talking, talking, open_face(talking).fps)
    system = load_adapter(adapter(tmp_path, command))
    with pytest.raises(AdapterError, match=problem):
        system.make(case, tmp_path / "out.mp4")
    assert left_behind(tmp_path) == ["copy.yaml"]


@pytest.mark.parametrize("command", ["run {face} {out}", "", "run '{face} {audio} {out}"])
def test_a_malformed_adapter(tmp_path: Path, command: str) -> None:
    with pytest.raises(AdapterError):
        load_adapter(adapter(tmp_path, command))
    (tmp_path / "list.yaml").write_text("- a\n")
    with pytest.raises(AdapterError, match="not an adapter file"):
        load_adapter(tmp_path / "list.yaml")


def test_a_command_gets_the_exact_samples(talking: Path, tmp_path: Path) -> None:
    script = "import shutil, sys; shutil.copy(sys.argv[2], sys.argv[3] + '.kept.wav')"
    file = adapter(tmp_path, f'{sys.executable} -c "{script}" {{face}} {{audio}} {{out}}')
    case = Case("one", "one", talking, talking, talking, open_face(talking).fps)
    with pytest.raises(AdapterError):
        load_adapter(file).make(case, tmp_path / "out.mp4")
    (kept,) = tmp_path.glob(".*.kept.wav")
    assert len(open_speech(kept).wave()) == len(open_speech(talking).wave())


SPEED = {"model_fps": 160.0, "end_to_end_fps": 27.0}


def test_tables_put_ours_beside_the_papers(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "speed.json").write_text(json.dumps(SPEED))
    named = [str(photo), f"w/o DCKs={photo}", f"Other={photo}"]
    written = write_tables(named, tmp_path / "out", speed=tmp_path / "speed.json")
    assert [path.name for path in written] == ["tables.md", "tables.csv", "tables.html"]
    cells = list(csv.DictReader(written[1].open()))
    assert {cell["table"] for cell in cells} == {"I", "II", "III", "IV"}
    ours = {(c["table"], c["metric"]): c for c in cells if c["method"].startswith("Talkernel")}
    assert ours["II", "PSNR"]["source"] == "measured"
    psnr = Results.load(photo).mean("generated", "psnr").mean
    assert (
        ours["II", "PSNR"]["value"].startswith(f"{psnr:.2f} [")
        or ours["II", "PSNR"]["value"] == f"{psnr:.2f}"
    )
    assert ours["IV", "Frames/s with background"]["value"] == "27.0"
    methods = {table: [c["method"] for c in cells if c["table"] == table] for table in ("I", "II")}
    assert any(m.startswith("w/o DCKs (photo") for m in methods["I"])
    assert not any(m.startswith("Other") for m in methods["I"])
    assert any(m.startswith("Other (photo") for m in methods["II"])
    text = written[0].read_text()
    assert "31.98 (paper)" in text and "73.0% (paper)" in text and "(measured)" in text
    assert "212 (paper)" in text and "31.98 (paper)" in written[2].read_text()


def test_tables_are_not_overwritten_unasked(photo: Path, tmp_path: Path) -> None:
    write_tables([], tmp_path, measure_speed=False)
    with pytest.raises(OutputExistsError):
        write_tables([], tmp_path, measure_speed=False)
    write_tables([str(photo)], tmp_path, measure_speed=False, overwrite=True)
    assert left_behind(tmp_path) == ["tables.csv", "tables.html", "tables.md"]


def test_tables_refuse_what_they_cannot_use(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no results"):
        write_tables([str(tmp_path)], tmp_path / "out", measure_speed=False)
    (tmp_path / "speed.json").write_text("{}")
    with pytest.raises(DataError, match="no benchmark"):
        write_tables([], tmp_path / "out", speed=tmp_path / "speed.json")
    with pytest.raises(OptionError):
        write_tables([f"={photo}"], tmp_path / "out", measure_speed=False)
    assert left_behind(tmp_path / "out") == []


def talkernel(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_command_line(photo: Path, lrw: Path, tmp_path: Path) -> None:
    done = talkernel(
        "evaluate", lrw, "--protocol=silence", "--limit=1", "--out", tmp_path / "o", "--json"
    )
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["rows"]["do nothing"]["identity"]["mean"] == 0
    assert "1 of 1" in done.stderr
    tables = talkernel("tables", photo, "--no-speed", "--out", tmp_path / "t")
    assert tables.exit_code == 0 and "tables.md" in tables.stdout


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["--protocol=photo"], 40),
        ([], 2),
        (["--protocol=photo", "--real=x"], 2),
        (["--system=x"], 2),
        (["--real=none"], 40),
    ],
)
def test_bad_input_has_its_exit_code(tmp_path: Path, arguments: list[str], exit_code: int) -> None:
    (tmp_path / "empty").mkdir()
    done = talkernel("evaluate", tmp_path / "empty", "--out", tmp_path / "o", *arguments)
    assert done.exit_code == exit_code
    assert done.stderr.startswith("error: ")


def test_a_missing_extra_is_named(
    lrw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    done = talkernel("evaluate", lrw, "--protocol=photo", "--out", tmp_path / "o")
    assert done.exit_code == InstallationError.exit_code
    assert "pip install '.[eval]'" in done.stderr
