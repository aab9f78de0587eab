"""Golden test: the main job still gives the stored results.

`python -m tests.test_golden` stores new ones. The commit that does so says why they differ.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from tests.golden import CASES, STORED, run_case, write_inputs

CODE = 0.02  # standard deviations of a lip code; other CPUs differ by a thousandth of this
MEAN, MOST = 0.05, 4.0  # of 255: tolerances of the regions' mean and largest difference


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden")
    write_inputs(folder)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_the_job_gives_the_stored_results(name: str, inputs: Path) -> None:
    results = run_case(name, inputs)
    with np.load(STORED) as stored:
        codes = np.abs(results[f"{name}.codes"] - stored[f"{name}.codes"])
        regions = np.abs(results[f"{name}.regions"] - stored[f"{name}.regions"])
    assert codes.max() < CODE
    assert regions.mean() < MEAN and regions.max() < MOST


def test_the_tolerances_are_smaller_than_real_differences() -> None:
    with np.load(STORED) as stored:
        video = stored["video.regions"]
        for name in ("silence", "live"):
            assert np.abs(video - stored[f"{name}.regions"]).mean() > 2 * MEAN
        for one, other in (("video", "silence"), ("video", "live")):
            apart = np.abs(stored[f"{one}.codes"] - stored[f"{other}.codes"])
            assert apart.max() > 10 * CODE
        assert np.abs(np.diff(stored["photo.regions"], axis=0)).max() > 2 * MOST


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(Path(folder))
        arrays = {
            key: value for name in CASES for key, value in run_case(name, Path(folder)).items()
        }
        STORED.parent.mkdir(exist_ok=True)
        np.savez_compressed(STORED, **arrays)
