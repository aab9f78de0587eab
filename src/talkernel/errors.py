"""Every way a job can fail, each with its own class, remedy and exit code.

An error says what is wrong and where (its message) and how to mend it (its
`remedy`); the command line prints both on one line and exits with `exit_code`.
"""

from __future__ import annotations

from typing import ClassVar


class TalkernelError(Exception):
    """Base of all errors a user can mend.

    Args:
        message: What is wrong and where, as one line.
        remedy: How to mend it; the class's own remedy when omitted.
    """

    exit_code: ClassVar[int] = 1
    default_remedy: ClassVar[str] = "See `talkernel --help`."

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy or self.default_remedy

    def one_line(self) -> str:
        """Message and remedy, as the command line prints them."""
        return f"{self} {self.remedy}"


class MissingFileError(TalkernelError):
    """A file named by the user does not exist or cannot be read."""

    exit_code = 10
    default_remedy = "Check the path and your permission to read it."


class NotMediaError(TalkernelError):
    """A file exists but is neither a video, a picture nor a sound."""

    exit_code = 11
    default_remedy = "Give a video, photo or sound that ffmpeg can play."


class NoVideoError(TalkernelError):
    """The face file has no picture stream."""

    exit_code = 12
    default_remedy = "Give --face a video or a photo."


class NoAudioError(TalkernelError):
    """The speech file has no sound stream."""

    exit_code = 13
    default_remedy = "Give --audio a file that has sound."


class SpeechTooShortError(TalkernelError):
    """The speech is empty or shorter than 0.2 s, the width of one mel window."""

    exit_code = 14
    default_remedy = "Give at least 0.2 s of sound."


class NoFaceError(TalkernelError):
    """No frame of the video shows a face that can be used."""

    exit_code = 15
    default_remedy = "Use a picture in which a face is seen from the front."


class FaceTooSmallError(TalkernelError):
    """The face is under 32 pixels."""

    exit_code = 16
    default_remedy = "Use a larger picture or crop nearer to the face."


class FaceChoiceError(TalkernelError):
    """--face-index, --reference-face or --box names no face in the video."""

    exit_code = 17
    default_remedy = "Leave the option out to take the largest face."


class OutputExistsError(TalkernelError):
    """The output file exists and would be overwritten."""

    exit_code = 18
    default_remedy = "Give --overwrite or another name."


class OutputNotWritableError(TalkernelError):
    """The output cannot be created where it is asked for."""

    exit_code = 19
    default_remedy = "Choose a folder that exists and that you may write to."


class UnknownCodecError(TalkernelError):
    """The codec is unknown, or cannot go into the output's container."""

    exit_code = 20
    default_remedy = "Leave --codec out for H.264, or use an .mp4, .mov or .mkv output."


class DiskFullError(TalkernelError):
    """The disk filled up while writing."""

    exit_code = 21
    default_remedy = "Free some space and run again; the partial file is gone."


class CorruptMediaError(TalkernelError):
    """A file opens but not one of its frames decodes."""

    exit_code = 22
    default_remedy = "Re-encode or re-download the file."


class CheckpointError(TalkernelError):
    """A weight file is damaged or of another shape than its config says."""

    exit_code = 23
    default_remedy = "Use a checkpoint made by `talkernel train`, or leave the option out."


class ModelsMissingError(TalkernelError):
    """A face model that belongs to the package is missing."""

    exit_code = 24
    default_remedy = "Install the package again."


class EngineNotInstalledError(TalkernelError):
    """The engine asked for is not installed, or lacks the device asked for."""

    exit_code = 25
    default_remedy = "Install it, or choose another --engine."


class NoClipsError(TalkernelError):
    """A folder or list that is to be measured holds no videos."""

    exit_code = 50
    default_remedy = "Give a folder of videos, or a data set in its usual layout."


class NoPairsError(TalkernelError):
    """No generated video has the name of a real one."""

    exit_code = 51
    default_remedy = "Name each generated video as its real one, or give a CSV of pairs."


class ClipListError(TalkernelError):
    """A CSV of clips or pairs lacks a column or names a file that does not exist."""

    exit_code = 52
    default_remedy = "See docs/evaluation.md for the columns."


class NothingMeasuredError(TalkernelError):
    """Every clip had to be left out."""

    exit_code = 53
    default_remedy = "Mend the first clip's problem, or give other clips."


class UnalignableError(TalkernelError):
    """Two videos are too different in length to be compared frame by frame."""

    exit_code = 54
    default_remedy = "Give videos of the same length."


class AdapterError(TalkernelError):
    """A system's adapter file is malformed, or its command made no video."""

    exit_code = 55
    default_remedy = "Run the command by hand; see docs/evaluation.md for adapter files."


class ResultsError(TalkernelError):
    """A stored result is missing, damaged or made with other settings."""

    exit_code = 56
    default_remedy = "Give a folder that `talkernel evaluate --out` wrote."


class OptionError(TalkernelError):
    """An option's value is out of its range."""

    exit_code = 2


class NoVideosError(TalkernelError):
    """Nothing to prepare: no video among what was given."""

    exit_code = 40
    default_remedy = "Give videos, or folders that hold some."


class NoTracksError(TalkernelError):
    """No video gave a track that could be kept."""

    exit_code = 41
    default_remedy = "The report says what was dropped and why; widen the gates, or add videos."


class PreparedOtherwiseError(TalkernelError):
    """The folder was prepared with other settings, or holds something else."""

    exit_code = 42
    default_remedy = "Give another --out, or the settings of the first run."


class InUseError(TalkernelError):
    """Another run is working in the folder."""

    exit_code = 43
    default_remedy = "Wait for it to end, or give another --out."


class JobListError(TalkernelError):
    """The list of jobs cannot be read, or asks for what cannot be done."""

    exit_code = 44
    default_remedy = "Give a CSV with the columns face, audio and outfile."


class JobsFailedError(TalkernelError):
    """Some jobs of a batch failed; the others are done."""

    exit_code = 45
    default_remedy = "See results.csv; run again to try these once more."


class NotPreparedError(TalkernelError):
    """A folder holds no prepared tracks."""

    exit_code = 46
    default_remedy = "Make some with `talkernel prepare`."


class StudyVideosError(TalkernelError):
    """Systems' videos of the same inputs are missing, doubled or damaged."""

    exit_code = 60
    default_remedy = "Give each system one whole video, with sound, of every input."


class NotAStudyError(TalkernelError):
    """A folder holds no study, or a damaged one."""

    exit_code = 61
    default_remedy = "Make one with `talkernel study new`."


class CannotListenError(TalkernelError):
    """The study's page cannot be served at the address asked for."""

    exit_code = 62
    default_remedy = "Choose another --port, or 0 for any that is free."


class NoKernelsError(TalkernelError):
    """The model has no dynamic kernels that could be explained."""

    exit_code = 68
    default_remedy = "Give a checkpoint whose config says fusion: dck."


class NotExplainedError(TalkernelError):
    """A folder holds none of the numbers that `talkernel explain` stores."""

    exit_code = 69
    default_remedy = "Run `talkernel explain --out` with it first, without --redraw."


class RunConfigError(TalkernelError):
    """A training run's config names something that does not exist, or is no YAML."""

    exit_code = 70
    default_remedy = "Compare it with the examples in the folder configs."


class TrainingDivergedError(TalkernelError):
    """A training loss is no longer a finite number."""

    exit_code = 71
    default_remedy = "Go on from the last checkpoint with a lower recipe.learning_rate."


class TrainingDataError(TalkernelError):
    """The prepared tracks are missing, too few, or lack what the run needs."""

    exit_code = 72
    default_remedy = "Make them with `talkernel prepare`, and check the run's data section."


class LoaderKilledError(TalkernelError):
    """A process that makes training samples was killed."""

    exit_code = 73
    default_remedy = (
        "Where memory ran out, set a smaller recipe.workers or recipe.pairs.size; "
        "the same command goes on from the last checkpoint."
    )
