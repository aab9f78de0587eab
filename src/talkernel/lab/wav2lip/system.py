"""Wav2Lip with official weights as a system that `evaluate` can measure."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkernel.errors import MissingFileError

if TYPE_CHECKING:
    from talkernel.lab.evaluate.cases import Case
    from talkernel.lab.wav2lip.engines import Wav2LipNetwork


@dataclass(frozen=True)
class Wav2LipSystem:
    """Wav2Lip run here, without its own installation.

    Attributes:
        name: Name in reports.
        weights: `wav2lip.pth` or `wav2lip_gan.pth`.
    """

    name: str
    weights: Path

    @staticmethod
    def load(name: str, weights: Path) -> Wav2LipSystem:
        """Read the weights, so that errors in them are raised before any work.

        Raises:
            MissingFileError: The file does not exist.
            CheckpointError: It is of another network.
        """
        if not weights.is_file():
            raise MissingFileError(f"{weights} does not exist.")
        system = Wav2LipSystem(name, weights)
        assert system.network
        return system

    @cached_property
    def network(self) -> Wav2LipNetwork:
        """Run by OpenVINO in float32."""
        from talkernel.lab.wav2lip.engines import OpenVinoWav2Lip, as_graph
        from talkernel.lab.wav2lip.network import load_wav2lip

        return OpenVinoWav2Lip(as_graph(load_wav2lip(self.weights)), "float32")

    def make(self, case: Case, outfile: Path) -> dict[str, float]:
        """See `System.make`: time only, without loading the network."""
        from talkernel.lab.wav2lip.video import make_video

        started = time.perf_counter()
        frames = make_video(self.network, case.face, case.speech, outfile, case.fps)
        return {"ms_per_frame": 1000.0 * (time.perf_counter() - started) / frames}

    def settings(self) -> dict[str, Any]:
        """See `System.settings`."""
        digest = hashlib.sha256(self.weights.read_bytes()).hexdigest()
        return {"system": self.name, "weights": digest}
