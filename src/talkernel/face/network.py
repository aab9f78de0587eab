"""Runs the face detection and landmark networks with OpenVINO."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from talkernel.errors import InstallationError

Reader = Callable[[Path], ov.Model]


def model_path(name: str) -> Path:
    """Path of a face model that comes with the package.

    Args:
        name: A file name in `face/models`.

    Raises:
        InstallationError: The installation is incomplete.
    """
    path = Path(str(files("talkernel.face"))) / "models" / name
    if not path.is_file():
        raise InstallationError(
            f"The face model {path} is missing.", remedy="Install the package again."
        )
    return path


class Network:
    """A compiled network that runs in one thread.

    Args:
        path: A TFLite file.
        read: Reads the file; by default OpenVINO's own reader, which lacks custom operations.
    """

    def __init__(self, path: Path, read: Reader | None = None) -> None:
        self._request = _compiled(path, read).create_infer_request()

    def __call__(self, tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run the network on `[1, H, W, 3]`; returns its outputs in order, as copies."""
        self._request.infer([tensor])
        return [np.array(output.data) for output in self._request.output_tensors]


@cache
def _compiled(path: Path, read: Reader | None) -> Any:
    """Compiled once per process: that can take longer than tracking a short video."""
    options = {
        "INFERENCE_NUM_THREADS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    return ov.Core().compile_model(str(path) if read is None else read(path), "CPU", options)
