"""What the user chose, made into the objects that do it: the face to follow, the engine."""

from __future__ import annotations

import os
from pathlib import Path

from talkernel.engine import Engine, EngineName, load_engine
from talkernel.engine.base import Precision
from talkernel.errors import MissingFileError, OptionError
from talkernel.face.choose import (
    Box,
    Chooser,
    FaceByIndex,
    FaceInBox,
    FaceLikeReference,
    LargestFace,
)
from talkernel.media import FaceSource, open_face

AnyPath = str | os.PathLike[str]


def choose_face(
    source: FaceSource, index: int | None, reference: AnyPath | None, box: Box | None
) -> Chooser:
    """How to find the face to follow; at most one of the three ways is given.

    Raises:
        OptionError: More than one is given.
        FaceChoiceError: The choice cannot fit any picture of this source.
    """
    if sum(choice is not None for choice in (index, reference, box)) > 1:
        raise OptionError(
            "--face-index, --reference-face and --box exclude each other.",
            remedy="Give one of them.",
        )
    if index is not None:
        return FaceByIndex(index)
    if reference is not None:
        return FaceLikeReference(next(iter(open_face(reference).frames())))
    return LargestFace() if box is None else FaceInBox(box, source.width, source.height)


def choose_engine(
    name: EngineName,
    device: str | None,
    precision: Precision | str,
    checkpoint: AnyPath | None,
    audio_net: AnyPath | None,
) -> Engine:
    """The engine of that name with that checkpoint, Wav2Lip's audio encoder in it if given.

    Raises:
        OptionError: No such precision, or an audio network for another engine than torch.
        MissingFileError: A file does not exist.
        EngineNotInstalledError: The engine or its device is missing.
        CheckpointError: A file is damaged or of another shape.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise OptionError(
            f"There is no precision {precision!r}.", remedy="Use auto, float32 or bfloat16."
        )
    weights = None if checkpoint is None else Path(checkpoint)
    if audio_net is None:
        return load_engine(name, device=device, precision=precision, checkpoint=weights)
    if not Path(audio_net).is_file():
        raise MissingFileError(f"{audio_net} does not exist.")
    if name not in ("auto", "torch"):
        raise OptionError(
            f"The {name} engine cannot take another audio network.",
            remedy="Use --engine torch with --audio-net.",
        )
    from talkernel.engine.torch import TorchEngine

    engine = load_engine("torch", device=device, precision=precision, checkpoint=weights)
    assert isinstance(engine, TorchEngine)
    engine.use_wav2lip_audio(Path(audio_net))
    return engine
