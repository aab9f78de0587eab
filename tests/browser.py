"""A real Chromium without a window, driven by Selenium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--mute-audio",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextmanager
def chromium(profile: Path, *, width: int = 1280, height: int = 900) -> Iterator[Any]:
    """A driver with a new profile; without Chromium the test is skipped.

    Where `TALKERNEL_REQUIRE_BROWSER=1` says that it must be there, the test fails instead.
    """
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        if os.environ.get("TALKERNEL_REQUIRE_BROWSER") == "1":
            pytest.fail("chromium and chromedriver must be there and are not")
        pytest.skip("no chromium and chromedriver on this machine")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    if width < 600:  # no window is so narrow; a phone's screen is
        metrics = {"width": width, "height": height, "pixelRatio": 2.0}
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    service = webdriver.ChromeService(executable_path=driver)  # so that it looks for none online
    with webdriver.Chrome(options=options, service=service) as window:
        yield window
