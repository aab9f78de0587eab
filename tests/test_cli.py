"""The command line, with `generate` itself replaced."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command
from typer.testing import CliRunner

from talkernel import __version__, errors
from talkernel.cli import app
from talkernel.cli.endings import EXTRA_OF_MODULE
from talkernel.cli.terminal import progress_bar
from talkernel.errors import FaceChoiceError, InstallationError, OptionError, TalkernelError
from talkernel.pipeline.options import read_box, read_fps
from talkernel.pipeline.report import Report

ROOT = Path(__file__).resolve().parents[1]
REQUIRED = ["generate", "--face", "f.mp4", "--audio", "a.wav", "--outfile", "o.mp4"]
ERRORS = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, TalkernelError)
]


class FakeGenerate:
    """Remembers what it was called with, and reports or raises what it was told to."""

    def __init__(self) -> None:
        self.arguments: tuple[Any, ...] = ()
        self.options: dict[str, Any] = {}
        self.error: BaseException | None = None

    def __call__(self, *arguments: Any, **options: Any) -> Report:
        given = vars(arguments[3]) if len(arguments) > 3 else {}
        self.arguments, self.options = arguments[:3], options | given
        if self.error:
            raise self.error
        return Report(
            outfile=str(arguments[2]),
            frames=50,
            fps="25",
            width=640,
            height=360,
            duration=2.0,
            faces=1,
            engine="openvino",
            device="CPU",
            precision="float32",
            sound="copied",
            elapsed=4.0,
        )


def replace_module(monkeypatch: pytest.MonkeyPatch, name: str, **content: Any) -> None:
    """Put a module in the place of a heavy one, which is then not even imported."""
    module = types.ModuleType(name)
    vars(module).update(content)
    monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeGenerate:
    generate = FakeGenerate()
    replace_module(monkeypatch, "talkernel.pipeline.generate", generate=generate)
    return generate


def talkernel(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments)


def python(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, **options)


def test_help_lists_the_commands() -> None:
    result = python("-m", "talkernel", "--help")
    assert result.returncode == 0
    for command in (
        "generate",
        "doctor",
        "sample",
        "benchmark",
        "export",
        "prepare",
        "batch",
        "evaluate",
        "tables",
        "speaking",
        "train",
        "ablation",
    ):
        assert command in result.stdout


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The command and all below it, each with the words that call it."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


@pytest.mark.parametrize(("path", "command"), list(commands(get_command(app))))
def test_every_commands_help_explains_every_option(path: tuple[str, ...], command: Any) -> None:
    result = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "400"})
    assert result.exit_code == 0
    shown = squeezed(result.stdout)
    assert command.help and squeezed(command.help) in shown
    for parameter in command.params:
        if not getattr(parameter, "hidden", False):
            assert parameter.help, parameter.name
            assert squeezed(parameter.help) in shown, parameter.name


def squeezed(text: str) -> str:
    """Text without spaces, line ends and the borders of tables."""
    return re.sub(r"[\s│]", "", text)


def test_nothing_slow_is_imported_for_help() -> None:
    code = "import sys, talkernel.cli; print(*sys.modules)"
    loaded = set(python("-c", code, check=True).stdout.split())
    assert not loaded & {"numpy", "cv2", "av", "torch", "openvino", "scipy", "rich.progress"}


def test_version() -> None:
    told = talkernel("--version")
    assert (told.exit_code, told.stdout) == (0, f"talkernel {__version__}\n")


def test_help_begins_with_the_main_job() -> None:
    commands = [
        line.split()[1]
        for line in python("-m", "talkernel", "--help").stdout.splitlines()
        if line.startswith("│ ") and line[2].isalpha()
    ]
    assert commands[0] == "generate"


def test_defaults(fake: FakeGenerate) -> None:
    assert talkernel(*REQUIRED).exit_code == 0
    assert fake.arguments == (Path("f.mp4"), Path("a.wav"), Path("o.mp4"))
    assert fake.options == {
        "loop": "pingpong",
        "fps": None,
        "codec": None,
        "crf": 18,
        "preset": "veryfast",
        "face_index": None,
        "reference_face": None,
        "box": None,
        "people": "one",
        "lookahead": "full",
        "engine": "auto",
        "device": None,
        "precision": "auto",
        "checkpoint": None,
        "overwrite": False,
        "progress": None,
    }


def test_options_are_passed_on(fake: FakeGenerate) -> None:
    chosen = [
        "--loop=freeze",
        "--fps=30000/1001",
        "--crf=0",
        "--preset=slow",
        "--codec=hevc",
        "--face-index=2",
        "--reference-face=me.png",
        "--box=1,2,3,4",
        "--people=all",
        "--lookahead=live",
        "--engine=torch",
        "--device=cuda:1",
        "--precision=bfloat16",
        "--checkpoint=c.safetensors",
        "--overwrite",
    ]
    assert talkernel(*REQUIRED, *chosen).exit_code == 0
    assert fake.options == {
        "loop": "freeze",
        "fps": Fraction(30000, 1001),
        "codec": "hevc",
        "crf": 0,
        "preset": "slow",
        "face_index": 2,
        "reference_face": Path("me.png"),
        "box": (1, 2, 3, 4),
        "people": "all",
        "lookahead": "live",
        "engine": "torch",
        "device": "cuda:1",
        "precision": "bfloat16",
        "checkpoint": Path("c.safetensors"),
        "overwrite": True,
        "progress": None,
    }


@pytest.mark.parametrize(("earlier", "now"), [("recorded", "full"), ("live", "live")])
def test_the_look_aheads_earlier_name_still_works(
    fake: FakeGenerate, earlier: str, now: str
) -> None:
    assert talkernel(*REQUIRED, f"--hearing={earlier}").exit_code == 0
    assert fake.options["lookahead"] == now
    assert "--hearing" not in talkernel("generate", "--help").stdout


@pytest.mark.parametrize(
    "name", ["-x.mp4", "--face", "two words.mp4", "Gesicht ü 顔.mp4", "a[b].mp4"]
)
def test_odd_file_names(fake: FakeGenerate, name: str) -> None:
    result = talkernel("generate", f"--face={name}", f"--audio={name}", f"--outfile={name}")
    assert result.exit_code == 0
    assert fake.arguments == (Path(name), Path(name), Path(name))
    assert name in result.stdout


def test_json_is_all_there_is_on_stdout(fake: FakeGenerate) -> None:
    result = talkernel(*REQUIRED, "--json")
    assert json.loads(result.stdout)["frames"] == 50
    assert result.stderr == ""


def test_quiet_prints_nothing_but_the_json_asked_for(fake: FakeGenerate) -> None:
    assert talkernel(*REQUIRED, "--quiet").output == ""
    assert json.loads(talkernel(*REQUIRED, "--quiet", "--json").output)["frames"] == 50


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_is_one_line_and_an_exit_code(
    fake: FakeGenerate, error: type[TalkernelError]
) -> None:
    fake.error = error("It went\nwrong.")
    result = talkernel(*REQUIRED)
    assert result.exit_code == error.exit_code
    assert result.stderr == f"error: It went wrong. {error.default_remedy}\n"
    assert result.stdout == ""


def test_ctrl_c(fake: FakeGenerate) -> None:
    fake.error = KeyboardInterrupt()
    result = talkernel(*REQUIRED)
    assert (result.exit_code, result.stderr) == (130, "interrupted; nothing was written\n")


def test_a_bug_shows_where_and_asks_for_a_report(fake: FakeGenerate) -> None:
    fake.error = ZeroDivisionError("oh")
    result = talkernel(*REQUIRED)
    assert result.exit_code == 1
    assert "ZeroDivisionError: oh" in result.stderr
    assert result.stderr.endswith("Please report it with the lines above.\n")


@pytest.mark.parametrize(("module", "extra"), EXTRA_OF_MODULE.items())
def test_a_missing_extra_is_named(module: str, extra: str, fake: FakeGenerate) -> None:
    fake.error = ModuleNotFoundError(f"No module named {module!r}", name=module)
    result = talkernel(*REQUIRED)
    assert result.exit_code == InstallationError.exit_code
    wanted = f"error: {module} is not installed. Run `pip install '.[{extra}]'` in the clone.\n"
    assert result.stderr == wanted
    assert f"\n{extra} = [\n" in (ROOT / "pyproject.toml").read_text()


def test_a_missing_module_that_no_extra_brings_is_a_bug(fake: FakeGenerate) -> None:
    fake.error = ModuleNotFoundError("No module named 'numpy'", name="numpy")
    assert "bug in Talkernel" in talkernel(*REQUIRED).stderr


def test_a_reader_who_leaves_is_no_error() -> None:
    code = "from talkernel.cli import app; app(['doctor', '--help'])"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 1


@pytest.mark.parametrize("option", ["--loop=sideways", "--engine=steam", "--crf=64", "--speed=9"])
def test_an_unknown_option_or_choice_is_refused(fake: FakeGenerate, option: str) -> None:
    assert talkernel(*REQUIRED, option).exit_code == OptionError.exit_code
    assert not fake.arguments


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "1,2,3,x", "1.5,2,3,4", "1 2 3 4"])
def test_a_box_is_four_whole_numbers(text: str) -> None:
    with pytest.raises(OptionError, match="four whole numbers"):
        read_box(text)


@pytest.mark.parametrize("text", ["10,10,0,5", "10,5,0,5", "0,5,10,10", "-1,5,0,5", "0,5,-1,5"])
def test_an_empty_box_holds_no_face(text: str) -> None:
    with pytest.raises(FaceChoiceError, match="no part of the picture"):
        read_box(text)


@given(st.integers(0, 9999), st.integers(1, 999), st.integers(0, 9999), st.integers(1, 999))
def test_a_proper_box_is_read_as_written(top: int, height: int, left: int, width: int) -> None:
    box = (top, top + height, left, left + width)
    assert read_box(",".join(map(str, box))) == box


@pytest.mark.parametrize(
    ("text", "fps"),
    [("25", Fraction(25)), ("29.97", Fraction(2997, 100)), ("30000/1001", Fraction(30000, 1001))],
)
def test_frame_rates(text: str, fps: Fraction) -> None:
    assert read_fps(text) == fps


@pytest.mark.parametrize("text", ["", "0", "-25", "1/0", "nan", "inf", "fast", "1e99999999"])
def test_frame_rates_that_are_none(text: str) -> None:
    with pytest.raises(OptionError, match="not a frame rate"):
        read_fps(text)


def test_setup_stays_for_one_release_and_says_that_it_is_not_needed() -> None:
    result = talkernel("setup")
    assert result.exit_code == 0 and "come with the package" in result.stdout
    assert "setup" not in talkernel("--help").stdout


def test_export(monkeypatch: pytest.MonkeyPatch) -> None:
    def export_checkpoint(checkpoint: Path, folder: Path) -> Path:
        return folder / checkpoint.name

    replace_module(monkeypatch, "talkernel.model.export", export_checkpoint=export_checkpoint)
    result = talkernel("export", "c.safetensors", "folder")
    assert result.exit_code == 0
    assert str(Path("folder") / "c.safetensors") in result.stdout


def test_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    def benchmark(face: Path | None, audio: Path | None) -> Report:
        assert (face, audio) == (None, Path("a.wav"))
        return FakeGenerate()(face, audio, "o.mp4")

    replace_module(monkeypatch, "talkernel.diagnose.benchmark", benchmark=benchmark)
    result = talkernel("benchmark", "--audio=a.wav", "--json")
    assert json.loads(result.stdout)["frames"] == 50


def test_no_progress_outside_a_terminal() -> None:
    with progress_bar() as progress:
        assert progress is None


def test_progress_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar() as progress:
        assert progress is not None
        progress(3, 4)
    output = capsys.readouterr()
    assert "3/4" in output.err
    assert output.out == ""
