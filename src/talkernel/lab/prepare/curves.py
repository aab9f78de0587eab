"""Sync curves of all tracks, each computed once, on any number of workers."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from talkernel.files.atomic import write_text
from talkernel.lab.prepare.model_sync import sync_curve
from talkernel.lab.prepare.record import Candidate, rounded
from talkernel.lab.prepare.work import AFFECTS_ALL, load_found
from talkernel.workers.choose import executor
from talkernel.workers.local import Lost

CurvesOf = Callable[[Sequence[Candidate]], dict[str, list[float]]]


def stored_curve(stored: Path) -> list[float] | Lost:
    """A track's `sync_curve`, saved beside its data so that it is computed only once.

    Args:
        stored: The track's tar in the work folder.

    Raises:
        InstallationError: The face models are missing, which affects every track.
    """
    kept = stored.with_suffix(".curve.json")
    if not kept.exists():
        track = load_found(stored)
        try:
            found = sync_curve(track)
        except AFFECTS_ALL:
            raise
        except Exception as failure:  # one unusual track must not stop the others
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
    """Correlations over `LAGS` of every track, by name.

    A track whose curve cannot be computed is left out, with a warning.

    Args:
        out: The folder of the whole set.
        candidates: The tracks. Those that shared the picture with other faces already have a
            curve: it decided who speaks.
        workers: Processes.
        ray_address: See `talkernel.workers.local.executor`.
        progress: Called with the number of tracks done and the total.
    """
    known = {c.name: c.curve for c in candidates if c.curve is not None}
    missing = [c.stored(out) for c in candidates if c.curve is None]
    outcomes = executor(workers, ray_address).map(stored_curve, missing)
    for done, (stored, outcome) in enumerate(outcomes, 1):
        if progress is not None:
            progress(done, len(missing))
        if isinstance(outcome, Lost):
            warnings.warn(f"The sync of {stored.stem} is unknown: {outcome.reason}.", stacklevel=2)
        else:
            known[stored.stem] = outcome
    return known
