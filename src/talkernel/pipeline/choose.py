"""Creates the face tracker and the engine that the options ask for."""

from __future__ import annotations

from pathlib import Path

from talkernel.engine import Engine, load_engine
from talkernel.errors import OptionError
from talkernel.face.choose import Chooser, FaceByIndex, FaceInBox, FaceLikeReference, LargestFace
from talkernel.face.track import FaceTracker
from talkernel.media import FaceSource, open_face
from talkernel.pipeline.options import Options


def choose_tracker(source: FaceSource, options: Options) -> FaceTracker:
    """The tracker of the faces to edit.

    Raises:
        OptionError: Options exclude each other.
        FaceChoiceError: The choice fits no frame of this source.
    """
    index, reference, box = options.face_index, options.reference_face, options.box
    choices = sum(choice is not None for choice in (index, reference, box))
    if choices > 1:
        raise OptionError(
            "--face-index, --reference-face and --box exclude each other.",
            remedy="Give only one of them.",
        )
    if choices and options.people != "one":
        raise OptionError(
            f"--people {options.people} does not choose one person.",
            remedy="Leave out --face-index, --reference-face and --box, or use --people one.",
        )
    chooser = choose_face(source, options)
    return FaceTracker(chooser, everybody=options.people != "one")


def choose_face(source: FaceSource, options: Options) -> Chooser:
    """The chooser of the face to edit.

    Raises:
        FaceChoiceError: The choice fits no frame of this source.
    """
    if options.face_index is not None:
        return FaceByIndex(options.face_index)
    if options.reference_face is not None:
        return FaceLikeReference(next(iter(open_face(options.reference_face).frames())))
    if options.box is not None:
        return FaceInBox(options.box, source.width, source.height)
    return LargestFace()


def choose_engine(options: Options) -> Engine:
    """The engine with its checkpoint.

    Raises:
        MissingFileError: A file does not exist.
        EngineNotInstalledError: The engine or its device is missing.
        CheckpointError: A file is damaged or does not match its config.
    """
    checkpoint = None if options.checkpoint is None else Path(options.checkpoint)
    return load_engine(
        options.engine, device=options.device, precision=options.precision, checkpoint=checkpoint
    )
