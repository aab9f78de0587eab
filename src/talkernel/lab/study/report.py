"""`talkernel study report`: Table III from the answers so far."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkernel.errors import OutputNotWritableError
from talkernel.files.atomic import write_text
from talkernel.lab.study.count import Rater, Share, count_shares, judge_raters
from talkernel.lab.study.database import read_votes
from talkernel.lab.study.manifest import read_manifest
from talkernel.lab.study.questions import QUESTIONS
from talkernel.summary import Summary

RULE = (
    "Counted are raters who chose no broken video in any attention check and got all questions "
    "of at least one right; in a study without checks, all raters. Every stored answer of a "
    "rater who counts is counted, those of groups not yet finished included."
)
INTERVALS = (
    "Shares of answers, with 95 % intervals: by bootstrap over raters, widened to Wilson's where "
    "that reaches further. CSV and JSON hold both, and the shares among all raters."
)
COLUMNS = (
    "system",
    "question",
    "votes",
    "answers",
    "share",
    "wilson_low",
    "wilson_high",
    "bootstrap_low",
    "bootstrap_high",
    "share_of_all",
)


@dataclass(frozen=True)
class StudyReport:
    """A study's results so far.

    Attributes:
        study: Its folder.
        systems: In the order of the table.
        groups: Number of inputs compared.
        checks: Attention checks that each rater sees.
        enrolled: Number of people who started.
        raters: Raters with at least one answer.
        shares: Percentages by question and system.
        agreement: Krippendorff's alpha by question, among raters who count.
        encoded: Videos that were re-encoded for browsers.
        unequal: Inputs whose videos differ in length by more than 0.2 s.
    """

    study: str
    systems: list[str]
    groups: int
    checks: int
    enrolled: int
    raters: list[Rater]
    shares: list[Share]
    agreement: dict[str, float | None]
    encoded: list[str]
    unequal: list[str]

    def to_json(self) -> str:
        """The whole report as JSON."""
        return json.dumps({**dataclasses.asdict(self), "rule": RULE}, indent=1)

    def to_csv(self) -> str:
        """A line for every system and question."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for one in self.shares:
            intervals = (*(one.wilson or (None, None)), *(one.bootstrap or (None, None)))
            writer.writerow(
                [
                    one.system,
                    one.question,
                    one.votes,
                    one.answers,
                    one.share,
                    *intervals,
                    one.share_of_all,
                ]
            )
        return text.getvalue()

    def to_markdown(self) -> str:
        """Table III with the counting rule and the facts needed to assess it."""
        headings = [question.heading for question in QUESTIONS.values()]
        lines = [
            "# Perceptual study",
            "",
            _row("Methods", *headings),
            _row(*["---"] * (len(headings) + 1)),
        ]
        lines += [_row(_plain(system), *cells) for system, cells in self._rows()]
        lines += [_row("Krippendorff's α", *map(_figure, self.agreement.values()))]
        lines += ["", INTERVALS, ""]
        lines += [_row("what", "number"), _row("---", "---")]
        lines += [_row(*fact) for fact in self._facts()]
        lines += ["", RULE, ""]
        excluded = [rater for rater in self.raters if not rater.counts]
        if excluded:
            lines += [
                _row("rater left out", "answers", "checks passed", "checks failed"),
                _row(*["---"] * 4),
            ]
            lines += [_row(r.rater, r.answers, r.checks_passed, r.checks_failed) for r in excluded]
            lines += [""]
        lines += [f"- Encoded once more for browsers: {_plain(path)}" for path in self.encoded]
        lines += [f"- Videos of unequal length: {_plain(name)}" for name in self.unequal]
        return "\n".join(lines).rstrip() + "\n"

    def summary(self) -> Summary:
        """A table for the terminal."""
        facts = "; ".join(f"{name}: {value}" for name, value in self._facts())
        rows = [[system, *cells] for system, cells in self._rows()]
        rows.append(["agreement α", *map(_figure, self.agreement.values())])
        header = ("Methods", *(question.heading for question in QUESTIONS.values()))
        return Summary(self.study, rows, header, caption=facts)

    def _rows(self) -> Iterator[tuple[str, list[str]]]:
        for system in self.systems:
            yield system, [_cell(one) for one in self.shares if one.system == system]

    def _facts(self) -> Iterator[tuple[str, str]]:
        counting = [rater for rater in self.raters if rater.counts and rater.answers]
        failed = sum(rater.checks_failed > 0 for rater in self.raters)
        unchecked = sum(not (rater.counts or rater.checks_failed) for rater in self.raters)
        yield "groups", f"{self.groups}, and {self.checks} attention checks"
        yield "raters counted", f"{len(counting)} of {len(self.raters)} who answered"
        yield "raters who began", str(self.enrolled)
        yield "failed a check, left out", str(failed)
        yield "passed no check yet, left out", str(unchecked)
        yield "answers counted", str(sum(rater.answers for rater in counting))


def report_study(folder: Path) -> StudyReport:
    """Count a study's answers, while it is running or after.

    Raises:
        NotAStudyError: The folder holds none.
    """
    manifest = read_manifest(folder)
    enrolled, votes = read_votes(folder)
    raters = judge_raters(manifest, votes)
    shares, agreement = count_shares(manifest, votes, {r.rater for r in raters if r.counts})
    return StudyReport(
        str(folder),
        manifest.systems,
        len(manifest.compared),
        len(manifest.checks),
        enrolled,
        raters,
        shares,
        agreement,
        manifest.encoded,
        manifest.unequal,
    )


def write_report(report: StudyReport, out: Path) -> None:
    """Write `table3.md`, `table3.csv` and `study-report.json`, replacing earlier ones.

    Raises:
        OutputNotWritableError: The folder cannot be made or written to.
    """
    texts = {
        "table3.md": report.to_markdown(),
        "table3.csv": report.to_csv(),
        "study-report.json": report.to_json(),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_text(out / name, text)
    except OSError as error:
        raise OutputNotWritableError(f"{out} cannot be written to: {error}.") from None


def _cell(one: Share) -> str:
    if one.share is None:
        return "–"
    intervals = [interval for interval in (one.wilson, one.bootstrap) if interval]
    low, high = min(low for low, _ in intervals), max(high for _, high in intervals)
    return f"{100 * one.share:.1f}% ({100 * low:.1f}–{100 * high:.1f})"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _plain(text: str) -> str:
    """A name with the characters escaped that would break a Markdown table."""
    return " ".join(text.replace("|", r"\|").split())
