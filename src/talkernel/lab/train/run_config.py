"""One YAML file says all there is to say about a run; it is stored in the run's checkpoints."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

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
        wav2lip_pairs: Folder of what `talkernel train wav2lip-pairs` made of the tracks.
        held_out: People not to train on; none given: every tenth.
    """

    tracks: Path
    basis: Path
    wav2lip_pairs: Path | None = None
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
    config = OmegaConf.structured(kind)
    for values in (_read(path), *map(_parsed, changes)):
        for name, value in _settings(OmegaConf.to_container(values)):
            config = _with(config, name, value)
    try:
        return cast(T, OmegaConf.to_object(config))
    except OmegaConfBaseException as error:  # a value is missing
        raise RunConfigError(f"{path} lacks {error.full_key} ({_reason(error)}).") from None


def to_yaml(run: GeneratorRun | AudioNetRun) -> str:
    """What `load_run` reads."""
    plain = json.loads(json.dumps(dataclasses.asdict(run), default=str))  # paths become texts
    return str(yaml.safe_dump(plain, sort_keys=False))


def _read(path: Path) -> DictConfig:
    try:
        values = OmegaConf.load(path)
    except OSError as error:
        raise MissingFileError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RunConfigError(f"{path} is not YAML: {error}") from None
    if not isinstance(values, DictConfig):
        raise RunConfigError(f"{path} holds a list, where names are wanted.")
    return values


def _parsed(change: str) -> DictConfig:
    if "=" not in change:
        raise RunConfigError(f"{change!r} is not of the form group.name=value.")
    return OmegaConf.from_dotlist([change])


def _settings(values: Any, *groups: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Names, such as `("recipe", "steps")`, and their values."""
    if not isinstance(values, dict):
        yield groups, values
        return
    for name, value in values.items():
        yield from _settings(value, *groups, str(name))


def _with(config: DictConfig, name: tuple[str, ...], value: Any) -> DictConfig:
    """The config with one value of another; set one by one, so that an error tells which."""
    nested = reduce(lambda inner, group: {group: inner}, reversed(name), value)
    try:
        return cast(DictConfig, OmegaConf.merge(config, nested))
    except OmegaConfBaseException as error:
        raise RunConfigError(f"{'.'.join(name)} cannot be {value!r} ({_reason(error)}).") from None


def _reason(error: OmegaConfBaseException) -> str:
    """Without the lines that tell the types in OmegaConf's own words."""
    return str(error).splitlines()[0]
