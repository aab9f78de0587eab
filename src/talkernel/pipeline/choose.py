"""Creates the face chooser and the engine that the options ask for."""

from __future__ import annotations

from pathlib import Path

from talkernel.engine import Engine, load_engine
from talkernel.errors import OptionError
from talkernel.face.choose import (
    Chooser,
    FaceByIndex,
    FaceInBox,
    FaceLikeReference,
    LargestFace,
)
from talkernel.media import FaceSource, open_face
from talkernel.pipeline.options import Options


def choose_face(source: FaceSource, options: Options) -> Chooser:
    """The chooser of the face to edit.

    Raises:
        OptionError: More than one of `face_index`, `reference_face` and `box` is given.
        FaceChoiceError: The choice fits no frame of this source.
    """
    index, reference, box = options.face_index, options.reference_face, options.box
    if sum(choice is not None for choice in (index, reference, box)) > 1:
        raise OptionError(
            "--face-index, --reference-face and --box exclude each other.",
            remedy="Give only one of them.",
        )
    if index is not None:
        return FaceByIndex(index)
    if reference is not None:
        return FaceLikeReference(next(iter(open_face(reference).frames())))
    return LargestFace() if box is None else FaceInBox(box, source.width, source.height)


def choose_engine(options: Options) -> Engine:
    """The engine with its checkpoint.

    Raises:
        MissingFileError: A file does not exist.
        EngineNotInstalledError: The engine or its device is missing.
        CheckpointError: A file is damaged or does not match its config.
    """
    checkpoint = None if options.checkpoint is None else Path(options.checkpoint)
    return load_engine(
        options.engine,
        device=options.device,
        precision=options.precision,
        checkpoint=checkpoint,
    )
