"""`talkernel evaluate`: one evaluation from its options to its report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkernel.errors import OptionError
from talkernel.lab.evaluate.adapter import load_adapter
from talkernel.lab.evaluate.cases import Case, Protocol, pair_up, plan
from talkernel.lab.evaluate.clips import find_clips
from talkernel.lab.evaluate.html import write_report
from talkernel.lab.evaluate.measure import CaseEvaluator
from talkernel.lab.evaluate.result_folder import ResultFolder, code_digest
from talkernel.lab.evaluate.results import Results
from talkernel.lab.evaluate.run import Log, evaluate
from talkernel.lab.evaluate.systems import OwnSystem, System

if TYPE_CHECKING:
    from talkernel.lab.evaluate.syncnet import SyncNet


def measure_folder(
    data: Path,
    out: Path,
    *,
    protocol: Protocol | None = None,
    real: Path | None = None,
    adapter: Path | None = None,
    options: Mapping[str, Any] | None = None,
    syncnet: Path | None = None,
    split: str = "test",
    limit: int | None = None,
    per_person: bool = False,
    mouth_only: bool = False,
    overwrite: bool = False,
    log: Log = lambda _: None,
) -> Results:
    """Measure videos that exist, or generate them first, and write the report.

    Args:
        data: Real clips with a protocol; generated videos, or a CSV of pairs, without.
        out: Folder for everything; an interrupted evaluation resumes in it.
        protocol: What is driven by what; None where the videos exist.
        real: Folder of the real videos, where `data` is a folder of generated ones.
        adapter: File that names another system; ours generates where it is None.
        options: Passed on to `generate`.
        syncnet: SyncNet's official weights, for LSE.
        split: Which part of LRW, LRS2 or LRS3.
        limit: At most this many clips.
        per_person: One clip of each person only.
        mouth_only: Only metrics of the mouth's opening; needs neither dlib nor torch.
        overwrite: Delete an evaluation that is in `out` and start again.
        log: Called with a line per clip.

    Raises:
        TalkernelError: Anything that the user can fix; see `talkernel.errors`.
    """
    _check(protocol, real, adapter, data)
    network = _syncnet(syncnet)
    system = _system(protocol, adapter, options or {})
    clips = find_clips(data, split=split, per_person=per_person, limit=limit) if protocol else []
    options_used = {
        "split": split,
        "limit": limit,
        "per_person": per_person,
        "syncnet": syncnet is not None,
        "mouth_only": mouth_only,
    }
    settings = _settings(protocol, data, real, system) | options_used
    folder = ResultFolder.open(out, settings, overwrite)
    cases = plan(protocol, clips, folder.inputs) if protocol else _pairs(data, real, folder, limit)
    evaluator = CaseEvaluator(protocol or "pairs", network, mouth_only)
    results = evaluate(cases, evaluator, system, folder, settings, log)
    write_report(results, out)
    return results


def _check(protocol: Protocol | None, real: Path | None, adapter: Path | None, data: Path) -> None:
    if protocol and real:
        raise OptionError(
            "--real and --protocol exclude each other.",
            remedy="With --protocol, DATA are the real videos.",
        )
    if adapter and not protocol:
        raise OptionError("--system needs a --protocol.", remedy="Add --protocol photo.")
    if protocol is None and real is None and data.is_dir():
        raise OptionError(
            "Neither --protocol nor --real is given.",
            remedy="Give --protocol to generate, or --real FOLDER.",
        )


def _system(
    protocol: Protocol | None, adapter: Path | None, options: Mapping[str, Any]
) -> System | None:
    if protocol is None:
        return None
    return OwnSystem(options) if adapter is None else load_adapter(adapter)


def _syncnet(weights: Path | None) -> SyncNet | None:
    if weights is None:
        return None
    from talkernel.lab.evaluate.syncnet import load_syncnet  # needs torch

    return load_syncnet(weights)


def _settings(
    protocol: Protocol | None, data: Path, real: Path | None, system: System | None
) -> dict[str, Any]:
    """What decides the results besides the options of choice and measurement."""
    own = {} if system is None else system.settings()
    return own | {
        "code": code_digest(),
        "protocol": protocol or "pairs",
        "data": str(data.absolute()),
        "real": None if real is None else str(real.absolute()),
    }


def _pairs(data: Path, real: Path | None, folder: ResultFolder, limit: int | None) -> list[Case]:
    return pair_up(data, real, folder.inputs)[:limit]
