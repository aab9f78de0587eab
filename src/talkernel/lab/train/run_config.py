"""One YAML file says all there is to say about a run; it is stored in the run's checkpoints."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from talkernel.errors import MissingFileError, RunConfigError
from talkernel.lab.train.recipes import AudioNetRecipe, GeneratorRecipe
from talkernel.model.config import ModelConfig

T = TypeVar("T")


@dataclass(frozen=True)
class Hardware:
    """What a run computes on, in Lightning Fabric's words.

    Attributes:
        accelerator: "auto", "cpu", "cuda", "mps".
        devices: How many processes, each with a device of its own.
        nodes: How many machines.
        precision: "bf16-mixed", "32-true", "16-mixed"; "auto": bfloat16 where it is native.
        threads: Of each process on the CPU; 0 leaves it to torch.
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: str = "auto"
    threads: int = 0


@dataclass(frozen=True)
class Data:
    """What a run learns from.

    Attributes:
        tracks: Folder of prepared tracks.
        basis: The lip basis, `.npz`.
        twins: Folder of Wav2Lip's twins of the tracks, as `talkernel train twins` makes them.
        held_out: People not to train on; none given: every tenth.
    """

    tracks: Path
    basis: Path
    twins: Path | None = None
    held_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class GeneratorRun:
    """Training of f, h2 and D.

    Attributes:
        data: What to learn from.
        out: Folder of checkpoints, curves and pictures.
        start: What this stage begins with: `last.pt` of an earlier one, or a weight file or
            folder of a model that is done, such as the package's.
        audio_net: `audio_net.pt` of the AudioNet that is heard, where the run is driven by
            sound and its start has none.
        model: Shape of the model.
        recipe: How to train.
        hardware: What on.

    Raises:
        RunConfigError: The model's reference cannot be warped like that.
    """

    data: Data
    out: Path
    start: Path | None = None
    audio_net: Path | None = None
    model: ModelConfig = field(default_factory=ModelConfig)
    recipe: GeneratorRecipe = field(default_factory=GeneratorRecipe)
    hardware: Hardware = field(default_factory=Hardware)

    def __post_init__(self) -> None:
        coded = self.model.reference and self.model.lip_code and self.recipe.drive == "seen"
        if self.model.warped and not coded:  # who is driven by sound has no code yet to warp by
            message = "model.warped needs model.reference, model.lip_code and recipe.drive: seen."
            raise RunConfigError(message)


@dataclass(frozen=True)
class AudioNetRun:
    """Pre-training of AudioNet; see also `GeneratorRun`.

    Attributes:
        whisper: Weights for the speech encoder, as `load_speech_encoder` takes them; None: the
            package's own.
    """

    data: Data
    out: Path
    whisper: Path | None = None
    model: ModelConfig = field(default_factory=ModelConfig)
    recipe: AudioNetRecipe = field(default_factory=AudioNetRecipe)
    hardware: Hardware = field(default_factory=Hardware)


def load_run(kind: type[T], path: Path, changes: Sequence[str] = ()) -> T:
    """Read a run from YAML.

    Args:
        kind: `GeneratorRun` or `AudioNetRun`.
        path: The file; paths in it are relative to the working directory.
        changes: `recipe.steps=100` and the like, which win over the file.

    Raises:
        MissingFileError: There is no such file.
        RunConfigError: It is not YAML, or holds a name or value that the run does not have.
    """
    try:
        values = yaml.safe_load(path.read_text()) or {}
    except OSError as error:
        raise MissingFileError(f"{path} cannot be read: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise RunConfigError(f"{path} is not YAML: {error}") from None
    for change in changes:
        _change(values, change)
    run: T = _build(kind, values, where="")
    return run


def to_yaml(run: GeneratorRun | AudioNetRun) -> str:
    """What `load_run` reads."""
    return str(yaml.safe_dump(_plain(dataclasses.asdict(run)), sort_keys=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def _change(values: Any, change: str) -> None:
    name, equals, text = change.partition("=")
    *groups, last = name.split(".")
    for group in groups:
        values = values.setdefault(group, {}) if isinstance(values, dict) else None
    if not equals or not isinstance(values, dict):
        raise RunConfigError(f"{change!r} is not of the form group.name=value.")
    values[last] = yaml.safe_load(text)


def _build(kind: Any, value: Any, where: str) -> Any:
    """A value of YAML as one of type `kind`."""
    if dataclasses.is_dataclass(kind):
        return _build_group(kind, value, where)
    if get_origin(kind) in (Union, types.UnionType):
        if value is None and type(None) in get_args(kind):
            return None
        kind = next(option for option in get_args(kind) if option is not type(None))
    if get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
        raise RunConfigError(f"{where} is {value!r}, where there are {', '.join(get_args(kind))}.")
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_build(get_args(kind)[0], inner, where) for inner in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise RunConfigError(f"{where} is {value!r}, where {kind.__name__} is wanted.")


def _build_group(kind: Any, values: Any, where: str) -> Any:
    if not isinstance(values, dict):
        raise RunConfigError(f"{where or 'The file'} is {values!r}, where names are wanted.")
    kinds, prefix = get_type_hints(kind), where + "." if where else ""
    known = {part.name: part for part in dataclasses.fields(kind)}
    for name in values:
        if name not in known:
            raise RunConfigError(f"There is no {prefix}{name}; there are {', '.join(known)}.")
    missing = dataclasses.MISSING
    for name, part in known.items():
        if name not in values and part.default is missing and part.default_factory is missing:
            raise RunConfigError(f"{prefix}{name} is missing.")
    return kind(
        **{name: _build(kinds[name], value, prefix + name) for name, value in values.items()}
    )
