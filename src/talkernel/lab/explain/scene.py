"""The inputs of all figures: a model, analysed speech, faces, and selected frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from talkernel.errors import ModelError
from talkernel.lab.ablation.compare import load_trained
from talkernel.lab.explain.faces import Face
from talkernel.lab.explain.utterance import Utterance
from talkernel.model.checkpoint import load_model
from talkernel.model.talking_face import TalkingFace
from talkernel.model.weights import find_weights


@dataclass(frozen=True)
class Scene:
    """The inputs of every figure.

    Attributes:
        model: In evaluation mode.
        speech: With its kernels.
        faces: At least one.
        compared: Two frames of the speech, whose sounds are compared.
        word: First of some successive frames.
        seed: Of all random choices.
        umap: Whether to map the kernels by UMAP too.
    """

    model: TalkingFace
    speech: Utterance
    faces: list[Face]
    compared: tuple[int, int]
    word: int
    seed: int
    umap: bool = False


def load_explained(checkpoint: Path | None) -> TalkingFace:
    """A model with dynamic kernels, in evaluation mode.

    Args:
        checkpoint: A safetensors file, a folder made by `talkernel export`, or a generator's
            `last.pt`; None for the package's weights.

    Raises:
        MissingFileError: It does not exist.
        CheckpointError: It is damaged, or something else.
        ModelError: The model has no dynamic kernels.
    """
    path = find_weights(checkpoint)
    model = load_trained(path) if path.suffix == ".pt" else load_model(path).eval()
    if model.config.fusion != "dck":
        raise ModelError(
            f"{path} has no dynamic kernels (fusion: {model.config.fusion}).",
            remedy="Give a checkpoint whose config says fusion: dck.",
        )
    return model
