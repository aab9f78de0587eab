"""What every engine does: features and kernels from speech, mask and motion from a face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from talkernel.choices import Precision
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis

Array = NDArray[np.float32]


@dataclass(frozen=True)
class EngineInfo:
    """Where and how an engine computes.

    Attributes:
        name: openvino, onnxruntime or torch.
        device: The engine's own name of it, such as CPU or cuda:0.
        precision: Of the generator's arithmetic.
    """

    name: str
    device: str
    precision: Precision


class Engine(Protocol):
    """A loaded model, ready to run."""

    info: EngineInfo
    config: ModelConfig
    basis: LipBasis | None  # what a lip code means, where the reference is warped by it

    def encode(self, mel: Array) -> Array:
        """Mel columns `[1, 80, 2 T]` to the speech encoder's tokens `[1, C, T]`, if it has one."""
        ...

    def predict_lip_code(self, speech: Array) -> Array:
        """Speech windows `[B, 1, F, W]` to lip codes `[B, K]`; without, AudioNet's features."""
        ...

    def kernels(self, heard: Array) -> Array:
        """What is heard `[B, K or 512]` to kernels `[B, layers, c1, c2 * ks * ks + 1]` (eq. 2)."""
        ...

    def synthesise(self, face: Array, kernels: Array) -> tuple[Array, Array]:
        """Faces `[B, 3 or 6, S, S]` in -1..1, kernels to alpha `[B, 1, S, S]`, M `[B, 3, S, S]`."""
        ...
