"""What several test files need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

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
