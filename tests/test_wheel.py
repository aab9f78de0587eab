"""The wheel is complete: installed alone, without a network, it makes the portrait speak."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

from tests.faces import portrait_on_canvas
from tests.jobs import babble
from tests.test_media_support import write_sound

ROOT = Path(__file__).resolve().parents[1]
NOWHERE = "http://127.0.0.1:9"  # nobody listens on the discard port


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's own files, none of the clone's."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT],
        check=True,
    )
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True)
    return folder / "site"


def run(installed: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python with the installed package, away from the clone, offline."""
    environment = dict(os.environ, PYTHONPATH=str(installed), PYTHONNOUSERSITE="1")
    environment |= dict.fromkeys(("http_proxy", "https_proxy", "PIP_INDEX_URL"), NOWHERE)
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=installed,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_the_wheel_makes_the_portrait_speak_offline(installed: Path, tmp_path: Path) -> None:
    from PIL import Image

    where = run(installed, "-c", "import talkernel; print(talkernel.__file__)").stdout
    assert Path(where.strip()).is_relative_to(installed)
    Image.fromarray(portrait_on_canvas(320, 240, (40, 4), 0.7)).save(tmp_path / "face.png")
    speech, out = write_sound(tmp_path / "speech.wav", babble(0.6, seed=0)), tmp_path / "out.mp4"
    job = ["--face", tmp_path / "face.png", "--audio", speech, "--outfile", out]
    done = run(installed, "-m", "talkernel", "generate", *job)
    assert done.returncode == 0, done.stderr
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 15


def test_the_wheel_has_its_licences_and_data(installed: Path) -> None:
    package = installed / "talkernel"
    for name in (
        "face/models/NOTICE",
        "face/models/face_recognition_sface.onnx",
        "weights/LICENSE.whisper",
        "weights/README.md",
        "py.typed",
        "sample/portrait.webp",
    ):
        assert (package / name).is_file(), name
    assert not (package / "tests").exists()
