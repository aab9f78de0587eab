"""Decides which raters count, and computes each system's percentage of votes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from talkernel.lab.study.database import Vote
from talkernel.lab.study.manifest import BROKEN, Manifest
from talkernel.lab.study.questions import QUESTIONS
from talkernel.lab.study.statistics import bootstrap, krippendorff_alpha, wilson


@dataclass(frozen=True)
class Rater:
    """One rater's participation.

    Attributes:
        rater: Number, in the order of enrolment.
        answers: Answers to questions about systems, without attention checks.
        checks_passed: Attention checks of which all questions were answered correctly.
        checks_failed: Attention checks in which a broken video was chosen.
        counts: Whether the answers are counted: no check failed, and at least one passed if
            the study has checks.
    """

    rater: int
    answers: int
    checks_passed: int
    checks_failed: int
    counts: bool


@dataclass(frozen=True)
class Share:
    """How often a system was chosen.

    Attributes:
        system: Name of the system.
        question: Key of the question.
        votes: How often the raters who count chose it.
        answers: Number of their answers to this question.
        share: Fraction of the answers, 0 to 1; None without an answer.
        wilson: 95 % interval of the fraction, treating answers as independent.
        bootstrap: 95 % interval by bootstrap over raters; None for fewer than two.
        share_of_all: The fraction over all raters, excluded ones too.
    """

    system: str
    question: str
    votes: int
    answers: int
    share: float | None
    wilson: tuple[float, float] | None
    bootstrap: tuple[float, float] | None
    share_of_all: float | None


def judge_raters(manifest: Manifest, votes: Sequence[Vote]) -> list[Rater]:
    """Raters with at least one answer, and whether each counts."""
    checks = {group.name for group in manifest.checks}
    by_rater: dict[int, list[Vote]] = {}
    for vote in votes:
        by_rater.setdefault(vote.rater, []).append(vote)
    return [_judge(manifest, checks, rater, own) for rater, own in by_rater.items()]


def _judge(manifest: Manifest, checks: set[str], rater: int, votes: list[Vote]) -> Rater:
    on_checks = [vote for vote in votes if vote.group in checks]
    failed = {v.group for v in on_checks if manifest.system_of[v.video] == BROKEN}
    answered = Counter(vote.group for vote in on_checks)
    passed = {name for name, count in answered.items() if count == len(QUESTIONS)} - failed
    counts = not failed and (bool(passed) or not checks)
    return Rater(rater, len(votes) - len(on_checks), len(passed), len(failed), counts)


def count_shares(
    manifest: Manifest, votes: Iterable[Vote], counting: set[int]
) -> tuple[list[Share], dict[str, float | None]]:
    """Percentages by system and question, and Krippendorff's alpha by question.

    Args:
        manifest: The study.
        votes: All votes.
        counting: Raters whose answers count.
    """
    checks = {group.name for group in manifest.checks}
    asked: dict[str, list[Vote]] = {question: [] for question in QUESTIONS}
    for vote in votes:
        if vote.group not in checks:
            asked[vote.question].append(vote)
    shares, agreement = [], {}
    for question, every in asked.items():
        own = [vote for vote in every if vote.rater in counting]
        shares += [_share(manifest, one, question, own, every) for one in manifest.systems]
        agreement[question] = _agreement(manifest, own)
    return shares, agreement


def _share(
    manifest: Manifest, system: str, question: str, own: list[Vote], every: list[Vote]
) -> Share:
    chosen = [vote for vote in own if manifest.system_of[vote.video] == system]
    chosen_by_all = sum(manifest.system_of[vote.video] == system for vote in every)
    n = len(own)
    return Share(
        system,
        question,
        len(chosen),
        n,
        share=len(chosen) / n if n else None,
        wilson=wilson(len(chosen), n) if n else None,
        bootstrap=_over_raters(chosen, own),
        share_of_all=chosen_by_all / len(every) if every else None,
    )


def _over_raters(chosen: list[Vote], own: list[Vote]) -> tuple[float, float] | None:
    votes, answers = Counter(v.rater for v in chosen), Counter(v.rater for v in own)
    return bootstrap([votes[rater] for rater in answers], list(answers.values()))


def _agreement(manifest: Manifest, votes: list[Vote]) -> float | None:
    units: dict[str, list[str]] = {}
    for vote in votes:
        units.setdefault(vote.group, []).append(manifest.system_of[vote.video])
    return krippendorff_alpha(units.values())
