"""Makes and measures the videos of all cases; finished cases are kept for the next run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from talkernel.errors import DataError, TalkernelError
from talkernel.files.atomic import write_text
from talkernel.lab.evaluate.cases import Case
from talkernel.lab.evaluate.measure import GENERATED, NOTHING, TRUTH, CaseEvaluator, Row, shuffled
from talkernel.lab.evaluate.result_folder import ResultFolder
from talkernel.lab.evaluate.results import Results
from talkernel.lab.evaluate.systems import System
from talkernel.media.transcode import transcode

Log = Callable[[str], None]


def evaluate(
    cases: Sequence[Case],
    evaluator: CaseEvaluator,
    system: System | None,
    folder: ResultFolder,
    settings: Mapping[str, Any],
    log: Log = lambda _: None,
) -> Results:
    """Measure all cases; those measured before are not measured again.

    Args:
        cases: What is driven by what.
        evaluator: Computes the metrics.
        system: Makes the videos; None where every case has one.
        folder: Keeps videos and metrics.
        settings: Stored with the results.
        log: Called with a line per case.

    Raises:
        DataError: No case could be measured.
    """
    rows: list[Row] = []
    left_out: dict[str, str] = {}
    for number, case in enumerate(cases, 1):
        log(f"{number} of {len(cases)}: {case.name}")
        try:
            rows += _rows_of(case, evaluator, system, folder)
        except TalkernelError as error:
            left_out[case.name] = error.one_line()
            log(f"left out: {error.one_line()}")
    if not rows:
        first, why = next(iter(left_out.items()))
        raise DataError(
            f"None of {len(cases)} clips could be measured; {first}: {why}",
            remedy="Mend the first clip's problem, or give other clips.",
        )
    if evaluator.protocol == "cross":
        rows += shuffled(rows)
    name = "given videos" if system is None else system.name
    results = Results(evaluator.protocol, name, dict(settings), rows, left_out)
    results.save(folder.root)
    return results


def _rows_of(
    case: Case, evaluator: CaseEvaluator, system: System | None, folder: ResultFolder
) -> list[Row]:
    stored = folder.measured(case)
    if not stored.is_file():
        videos, made = _videos(case, evaluator, system, folder)
        write_text(stored, json.dumps(evaluator.rows(case, videos, made)))
    rows: list[Row] = json.loads(stored.read_text())
    return rows


def _videos(
    case: Case, evaluator: CaseEvaluator, system: System | None, folder: ResultFolder
) -> tuple[dict[str, Path], dict[str, float]]:
    """The files to measure, by kind, and the metrics measured while they were made."""
    made: dict[str, float] = {}
    generated = case.generated or folder.video(GENERATED, case)
    if case.generated is None:
        assert system is not None
        made = _generate(case, system, generated)
    videos = {GENERATED: generated}
    if evaluator.protocol != "silence":  # no real video shows the person silent
        videos[TRUTH] = folder.video(TRUTH, case)
        transcode(case.real, case.speech, videos[TRUTH], overwrite=True)
    videos[NOTHING] = folder.video(NOTHING, case)
    transcode(case.face, case.speech, videos[NOTHING], fps=case.fps, overwrite=True)
    return videos, made


def _generate(case: Case, system: System, outfile: Path) -> dict[str, float]:
    """Make a system's video; one that exists with its metrics is not made again."""
    metrics = outfile.with_suffix(".json")
    if not (outfile.is_file() and metrics.is_file()):
        metrics.write_text(json.dumps(system.make(case, outfile)))
    made: dict[str, float] = json.loads(metrics.read_text())
    return made
