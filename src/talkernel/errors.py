"""Every error that a user can mend, in eight categories.

An error says what is wrong and where (its message) and how to mend it (its `remedy`). The command
line prints both on one line and exits with `exit_code`. Each category has its own exit code, which
its subclasses share. Exit codes stay the same from version to version.
"""

from __future__ import annotations

from typing import ClassVar


class TalkernelError(Exception):
    """Base of all errors that a user can mend.

    Args:
        message: What is wrong and where, as one line.
        remedy: How to mend it; the class's own remedy when omitted.
    """

    exit_code: ClassVar[int] = 1
    default_remedy: ClassVar[str] = "See `talkernel --help`."

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy or self.default_remedy
        if hasattr(self, "add_note"):  # Python 3.11: tracebacks show it
            self.add_note(self.remedy)

    def one_line(self) -> str:
        """Message and remedy, as the command line prints them."""
        return f"{self} {self.remedy}"


class OptionError(TalkernelError):
    """An option, a config or a list of jobs has a value that is not allowed."""

    exit_code = 2


class JobListError(OptionError):
    """The list of jobs cannot be read, or names something that is not allowed."""

    default_remedy = "Give a CSV with the columns face, audio and outfile."


class RunConfigError(OptionError):
    """A training run's config is not YAML, or names something that does not exist."""

    default_remedy = "Compare it with the examples in the folder configs."


class InputError(TalkernelError):
    """A file cannot be read, or lacks what is needed."""

    exit_code = 10
    default_remedy = "Give a video, photo or sound that ffmpeg can play."


class MissingFileError(InputError):
    """A file that the user named does not exist or cannot be read."""

    default_remedy = "Check the path and your permission to read it."


class NotMediaError(InputError):
    """A file is neither a video, a picture nor a sound."""


class NoAudioError(InputError):
    """A file has no sound stream."""

    default_remedy = "Give --audio a file that has sound."


class CorruptMediaError(InputError):
    """A file can be opened, but none of its frames can be decoded."""

    default_remedy = "Re-encode the file or download it again."


class FaceError(TalkernelError):
    """The video has no face that can be used."""

    exit_code = 15
    default_remedy = "Use a picture in which a face is seen from the front."


class NoFaceError(FaceError):
    """No frame of the video shows a face that can be used."""


class FaceChoiceError(FaceError):
    """--face-index, --reference-face or --box selects no face in the video."""

    default_remedy = "Leave the option out to take the largest face."


class OutputError(TalkernelError):
    """The output cannot be written."""

    exit_code = 18
    default_remedy = "Choose a folder that exists and that you may write to."


class OutputExistsError(OutputError):
    """The output exists already."""

    default_remedy = "Give --overwrite or another name."


class OutputNotWritableError(OutputError):
    """The output cannot be created in this place."""


class ModelError(TalkernelError):
    """A model cannot be loaded, or does not fit its use."""

    exit_code = 23
    default_remedy = "Use a checkpoint made by `talkernel train`, or leave the option out."


class CheckpointError(ModelError):
    """A weight file is damaged, or does not fit its config."""


class InstallationError(TalkernelError):
    """An engine, a device, a package or a model is not installed."""

    exit_code = 25
    default_remedy = "Install it, or choose another --engine."


class EngineNotInstalledError(InstallationError):
    """The engine is not installed, or lacks the device."""


class DataError(TalkernelError):
    """A data set, or a folder of an evaluation or a study, cannot be used."""

    exit_code = 40
    default_remedy = "See docs/evaluation.md and docs/training.md for the layout."


class AdapterError(DataError):
    """An adapter file of another system is malformed, or its command made no video."""

    default_remedy = "Run the command by hand; see docs/evaluation.md for adapter files."


class PreparedOtherwiseError(DataError):
    """The folder was prepared with other settings, or contains something else."""

    default_remedy = "Give another --out, or the settings of the first run."


class NotAStudyError(DataError):
    """The folder contains no study, or a damaged one."""

    default_remedy = "Make one with `talkernel study new`."


class TrainingError(TalkernelError):
    """A training run cannot start or go on."""

    exit_code = 70
    default_remedy = "Make tracks with `talkernel prepare`, and check the run's data section."


class TrainingDataError(TrainingError):
    """The prepared tracks are missing, too few, or lack what the run needs."""
