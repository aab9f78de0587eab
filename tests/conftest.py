"""What several test files need."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from talkernel.engine import Engine
    from talkernel.lab.tracks.track import Track
    from talkernel.model.lip_basis import LipBasis

# A busy machine is no reason to fail.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real clips beside the repository; without it the test is skipped.

    Where `TALKERNEL_REQUIRE_SHARED=1` says that it must be there, the test fails instead.
    """
    folder = Path(__file__).resolve().parents[2] / "shared"
    if folder.is_dir():
        return folder
    if os.environ.get("TALKERNEL_REQUIRE_SHARED") == "1":
        pytest.fail(f"{folder} must be there and is not")
    pytest.skip("no real clips beside the repository")


@pytest.fixture(scope="session")
def model() -> Engine:
    """The package's own model in the default engine."""
    from talkernel.engine import load_engine

    return load_engine()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds face.mp4, gap.mp4 (no face in pictures 12 to 16), speech.wav and other.wav."""
    from tests.faces import write_portrait
    from tests.jobs import babble
    from tests.test_media_support import write_sound

    folder = tmp_path_factory.mktemp("media")
    write_portrait(folder / "face.mp4")
    write_portrait(folder / "gap.mp4", hidden=range(12, 17))
    write_sound(folder / "speech.wav", babble(1.0, seed=0))
    write_sound(folder / "other.wav", babble(1.0, seed=1))
    return folder


@pytest.fixture()
def painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs run with the painter, which costs next to no time."""
    from talkernel.pipeline import generate as pipeline
    from tests.jobs import Painter

    monkeypatch.setattr(pipeline, "choose_engine", lambda *_: Painter())


@pytest.fixture(scope="session")
def talking(folder: Path) -> Path:
    """The portrait's video with sound: 1.16 s, as a clip of LRW."""
    from talkernel.media.transcode import transcode
    from tests.jobs import babble
    from tests.test_media_support import write_sound

    sound = write_sound(folder / "word.wav", babble(1.16, seed=2))
    transcode(folder / "face.mp4", sound, folder / "talking.mp4")
    return folder / "talking.mp4"


@pytest.fixture(scope="module")
def tracks() -> list[Track]:
    """Two people whose mouths open as loud as their tone is."""
    from tests.tracks import drawn_track

    return [drawn_track(number) for number in range(2)]


@pytest.fixture(scope="module")
def basis(tracks: list[Track]) -> LipBasis:
    """Of those people's lips."""
    from tests.tracks import fitted_basis

    return fitted_basis(tracks)
