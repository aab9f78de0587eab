"""What the user chose, made into the objects that do it: the face to edit, the engine."""

from __future__ import annotations

from pathlib import Path

from talkernel.engine import Engine, load_engine
from talkernel.errors import OptionError
from talkernel.face.choose import Chooser, FaceByIndex, FaceInBox, FaceLikeReference, LargestFace
from talkernel.media import FaceSource, open_face
from talkernel.pipeline.options import Options


def choose_face(source: FaceSource, options: Options) -> Chooser:
    """How to find the face to edit; at most one of the three ways is given.

    Raises:
        OptionError: More than one is given.
        FaceChoiceError: The choice cannot fit any picture of this source.
    """
    index, reference, box = options.face_index, options.reference_face, options.box
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


def choose_engine(options: Options) -> Engine:
    """The engine asked for, with the checkpoint asked for.

    Raises:
        MissingFileError: A file does not exist.
        EngineNotInstalledError: The engine or its device is missing.
        CheckpointError: A file is damaged or of another shape.
    """
    checkpoint = None if options.checkpoint is None else Path(options.checkpoint)
    return load_engine(
        options.engine, device=options.device, precision=options.precision, checkpoint=checkpoint
    )
