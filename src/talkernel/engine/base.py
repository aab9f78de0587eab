"""The protocol of every engine: speech to lip codes and kernels, a face to its new mouth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from talkernel.choices import Precision
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from talkernel.speech.mel import N_MELS

Array = NDArray[np.float32]


@dataclass(frozen=True)
class EngineInfo:
    """Where and how an engine computes.

    Attributes:
        name: openvino, onnxruntime or torch.
        device: The engine's own name of the device, such as CPU or cuda:0.
        precision: Precision of the generator's arithmetic.
    """

    name: str
    device: str
    precision: Precision


class Engine(Protocol):
    """A loaded model, ready to run.

    Each method may be used from one thread at a time, different methods from different threads.
    Further users of the same method, such as a second job, take a `session`.

    Attributes:
        info: Where and how it computes.
        config: The model's shape.
        basis: The basis of the lip codes; None for a model that does not warp its reference.
    """

    info: EngineInfo
    config: ModelConfig
    basis: LipBasis | None

    def encode(self, mel: Array) -> Array:
        """Mel columns `[1, 80, 2 T]` to tokens `[1, C, T]`. Needs a model with a speech encoder."""
        ...

    def predict_lip_code(self, speech: Array) -> Array:
        """Speech windows `[B, 1, F, W]` to lip codes `[B, K]`.

        A model without lip codes returns the audio network's features `[B, 512]` instead.
        """
        ...

    def kernels(self, lip_code: Array) -> Array:
        """Lip codes `[B, K]` to kernels `[B, layers, c1, c2 * ks * ks + 1]` (eq. 2)."""
        ...

    def synthesise(self, face: Array, kernels: Array) -> tuple[Array, Array]:
        """Faces and kernels to the attention mask and the painted image (eq. 2).

        Args:
            face: `[B, 3, S, S]` RGB in -1..1, with a reference `[B, 6, S, S]`.
            kernels: `[B, layers, c1, c2 * ks * ks + 1]`.

        Returns:
            The mask `[B, 1, S, S]` in 0..1 and the painted image `[B, 3, S, S]` in -1..1.
        """
        ...

    def session(self) -> Engine:
        """An engine for another thread, over the same compiled graphs."""
        ...

    def warm_up(self) -> None:
        """Wait until every graph is compiled and has run once.

        Raises:
            CheckpointError: A graph cannot be compiled.
        """
        ...


def run_every_graph(engine: Engine) -> None:
    """Run each graph of an engine once, on zeros."""
    config = engine.config
    if config.encoder_layers:
        engine.encode(np.zeros((1, N_MELS, 2 * config.speech_window), np.float32))
    lip_code = engine.predict_lip_code(np.zeros((1, 1, *config.speech_shape), np.float32))
    face = np.zeros((1, *config.face_shape), np.float32)
    engine.synthesise(face, engine.kernels(lip_code))
