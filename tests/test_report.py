"""The report, and the names that the package exports."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest
from rich.console import Console

import talkernel
from talkernel.cli.terminal import table_of
from talkernel.pipeline.report import Report, Span


@pytest.fixture
def report() -> Report:
    return Report(
        outfile="out [hd].mp4",
        frames=100,
        fps="30000/1001",
        width=1280,
        height=720,
        duration=100 * 1001 / 30000,
        faces=2,
        engine="openvino",
        device="CPU",
        precision="bfloat16",
        sound="encoded",
        elapsed=5.0,
        passed_through=[Span(3, 7, "no face"), Span(90, 99, "turned too far")],
        stage_ms={"decode": 1.0, "track": 4.0, "generator": 12.5},
        corrupt_packets=1,
        warnings=["The sound is longer than the video."],
    )


def rendered(report: Report) -> str:
    text = io.StringIO()
    Console(file=text, width=100).print(table_of(report.summary()))
    return text.getvalue()


def test_json_round_trip(report: Report) -> None:
    assert Report.from_json(report.to_json()) == report


def test_json_holds_the_derived_numbers(report: Report) -> None:
    values = json.loads(report.to_json())
    assert values["frames_per_second"] == 20.0
    assert values["fps"] == "30000/1001"
    assert values["fps_value"] == pytest.approx(29.97, abs=0.001)
    assert values["passed_through"][0] == {"first": 3, "last": 7, "reason": "no face"}


def test_json_is_ascii_for_any_file_name(report: Report) -> None:
    report.outfile = "顔\udcff.mp4"  # how Python represents a file name that is not UTF-8
    assert report.to_json().isascii()
    assert Report.from_json(report.to_json()) == report


def test_the_summary_is_complete(report: Report) -> None:
    text = rendered(report)
    for part in (
        "out [hd].mp4",
        "1280 x 720",
        "30000/1001",
        "3.34 s",
        "100 frames",
        "encoded",
        "3-7: no face",
        "90-99: turned too far",
        "openvino on CPU, bfloat16",
        "20.0 frames/s",
        "generator 12.5",
        "longer than the video",
    ):
        assert part in text


def test_the_summary_escapes_a_file_name_that_no_terminal_can_show(report: Report) -> None:
    report.outfile = "a\udcff.mp4"
    assert "a\\udcff.mp4" in rendered(report)


def test_a_job_without_duration_has_no_speed(report: Report) -> None:
    report.elapsed = 0.0
    assert report.frames_per_second == 0.0


def test_importing_the_package_loads_no_large_library() -> None:
    code = "import sys, talkernel; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert not set(loaded.decode().split()) & {"numpy", "cv2", "av", "torch", "openvino"}


@pytest.mark.parametrize("name", talkernel.__all__)
def test_the_package_exports(name: str) -> None:
    assert getattr(talkernel, name).__name__ == name
    assert name in dir(talkernel)


def test_the_package_exports_nothing_else() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = talkernel.nonsense
