"""How well sound and mouth of every track agree, found once, on any worker."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from talkernel.cluster import Lost, executor
from talkernel.prepare.listen import agreement
from talkernel.prepare.record import Candidate, rounded
from talkernel.prepare.work import WITH_EVERYTHING, load_found
from talkernel.whole_file import write_text_apart

Listen = Callable[[Sequence[Candidate]], dict[str, list[float]]]


@dataclass(frozen=True)
class ListenTask:
    """A track that is to be listened to.

    Attributes:
        folder: Its video's part of the work folder.
        name: The track's.
    """

    folder: Path
    name: str


def listen_to(task: ListenTask) -> list[float] | Lost:
    """The track's `agreement`, kept beside it, so that it is found but once.

    Raises:
        ModelsMissingError: The face models cannot be fetched, which concerns every track.
    """
    kept = task.folder / f"{task.name}.curve.json"
    if not kept.exists():
        track = load_found(task.folder / f"{task.name}.tar")
        try:
            found = agreement(track)
        except WITH_EVERYTHING:
            raise
        except Exception as failure:  # in ways that nobody has thought of; others can be heard
            return Lost(f"{type(failure).__name__}: {failure}")
        write_text_apart(kept, json.dumps(rounded(found)))
    curve: list[float] = json.loads(kept.read_text())
    return curve


def curves_of(
    out: Path,
    candidates: Sequence[Candidate],
    workers: int = 1,
    ray_address: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, list[float]]:
    """Correlations over `LAGS` of every track, by name; of the others, a warning says why not.

    Args:
        out: The folder of the whole set.
        candidates: The tracks; where faces vied for the sound, it has been listened to already.
        workers: Processes.
        ray_address: See `talkernel.cluster.executor`.
        progress: Called with tracks done and in all.
    """
    known = {c.name: c.curve for c in candidates if c.curve is not None}
    tasks = [ListenTask(out / "work" / c.key, c.name) for c in candidates if c.curve is None]
    outcomes = executor(workers, ray_address).map(listen_to, tasks)
    for done, (task, outcome) in enumerate(outcomes, 1):
        if progress is not None:
            progress(done, len(tasks))
        if isinstance(outcome, Lost):
            warnings.warn(f"{task.name} was not listened to: {outcome.reason}.", stacklevel=2)
        else:
            known[task.name] = outcome
    return known
