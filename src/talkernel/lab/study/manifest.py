"""The manifest of a study: its groups of videos, stored under random names."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from talkernel.errors import NotAStudyError

MANIFEST, VIDEOS, DATABASE = "study.json", "videos", "answers.sqlite3"
VERSION = 1
PROPER, BROKEN = "proper", "broken"  # the systems of an attention check


@dataclass(frozen=True)
class Group:
    """Videos made from the same input, from which a rater chooses.

    Attributes:
        name: Its random key.
        source: The input's file name, without its ending.
        systems: Which system made each video, by the video's file name.
        is_check: Whether this is an attention check, in which all videos but one are broken.
    """

    name: str
    source: str
    systems: dict[str, str]
    is_check: bool = False


@dataclass(frozen=True)
class Manifest:
    """A study's definition; it does not change while people rate.

    Attributes:
        systems: In the order in which they were given; `real` last where there is one.
        groups: Attention checks included.
        groups_per_rater: How many each rater sees, besides the checks.
        seed: Of the raters' random groups and orders.
        consent: Text that raters agree to.
        encoded: Files that browsers do not play and that were re-encoded.
        unequal: Groups whose videos differ by more than 0.2 s in length, by input.
    """

    systems: list[str]
    groups: list[Group]
    groups_per_rater: int
    seed: int
    consent: str
    encoded: list[str]
    unequal: list[str]

    @property
    def checks(self) -> list[Group]:
        """The attention checks, which every rater sees."""
        return [group for group in self.groups if group.is_check]

    @property
    def compared(self) -> list[Group]:
        """The groups that compare systems."""
        return [group for group in self.groups if not group.is_check]

    @property
    def shown_per_rater(self) -> int:
        """Groups that one rater sees, attention checks included."""
        return self.groups_per_rater + len(self.checks)

    @cached_property
    def system_of(self) -> dict[str, str]:
        """Which system made a video, by its file name."""
        return {video: one for group in self.groups for video, one in group.systems.items()}

    def write(self, folder: Path) -> None:
        """Write it into a study's folder."""
        content = {"version": VERSION, **dataclasses.asdict(self)}
        (folder / MANIFEST).write_text(
            json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8"
        )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a study's folder.

    Raises:
        NotAStudyError: There is none, or it is of another version.
    """
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if content.pop("version") != VERSION:
            raise NotAStudyError(f"{folder} was made by another version of Talkernel.")
        groups = [Group(**group) for group in content.pop("groups")]
        return Manifest(groups=groups, **content)
    except OSError as error:
        raise NotAStudyError(f"{folder} holds no {MANIFEST}: {error.strerror}.") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotAStudyError(f"{folder / MANIFEST} is damaged: {error!r}.") from None
