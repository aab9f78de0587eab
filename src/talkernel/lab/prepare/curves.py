"""How well sound and mouth of every track agree, found once, on any worker."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from talkernel.files.atomic import write_text
from talkernel.lab.prepare.listen import agreement
from talkernel.lab.prepare.record import Candidate, rounded
from talkernel.lab.prepare.work import WITH_EVERYTHING, load_found
from talkernel.workers.executor import Lost, executor

Listen = Callable[[Sequence[Candidate]], dict[str, list[float]]]


def listen_to(stored: Path) -> list[float] | Lost:
    """A track's `agreement`, kept beside its data, so that it is found but once.

    Raises:
        ModelsMissingError: The face models cannot be fetched, which concerns every track.
    """
    kept = stored.with_suffix(".curve.json")
    if not kept.exists():
        track = load_found(stored)
        try:
            found = agreement(track)
        except WITH_EVERYTHING:
            raise
        except Exception as failure:  # in ways that nobody has thought of; others can be heard
            return Lost(f"{type(failure).__name__}: {failure}")
        write_text(kept, json.dumps(rounded(found)))
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
        ray_address: See `talkernel.workers.executor.executor`.
        progress: Called with tracks done and in all.
    """
    known = {c.name: c.curve for c in candidates if c.curve is not None}
    unheard = [c.stored(out) for c in candidates if c.curve is None]
    outcomes = executor(workers, ray_address).map(listen_to, unheard)
    for done, (stored, outcome) in enumerate(outcomes, 1):
        if progress is not None:
            progress(done, len(unheard))
        if isinstance(outcome, Lost):
            warnings.warn(f"{stored.stem} was not listened to: {outcome.reason}.", stacklevel=2)
        else:
            known[stored.stem] = outcome
    return known
