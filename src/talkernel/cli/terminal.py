"""Output in the terminal: progress on stderr, results on stdout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task
from rich.progress import TimeRemainingColumn as TimeLeft
from rich.table import Table
from rich.text import Text

from talkernel.summary import Summary


class Result(Protocol):
    """The result of a command."""

    def to_json(self) -> str:
        """JSON for programs."""

    def summary(self) -> Summary:
        """A table for people."""


def show(result: Result, *, as_json: bool = False) -> None:
    """Print a result on stdout, as JSON or as a table."""
    if as_json:
        print(result.to_json())
    else:
        Console().print(table_of(result.summary()))


def table_of(summary: Summary) -> Table:
    """A table whose texts are neither read as markup nor cut off."""
    table = Table(
        title=_plain(summary.title),
        caption=_plain(summary.caption) if summary.caption else None,
        show_header=bool(summary.header),
        title_justify="left",
        caption_justify="left",
    )
    for name in summary.header:
        table.add_column(name, overflow="fold")
    if not summary.header:
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
    for row in summary.rows:
        table.add_row(*map(_plain, row))
    return table


def _plain(text: str) -> Text:
    """Text without markup; undecodable bytes of file names are shown as escapes."""
    return Text(text.encode("utf-8", "backslashreplace").decode(), overflow="fold")


class PerSecond(ProgressColumn):
    """A column that shows a task's speed.

    Args:
        unit: Plural name of the counted things.
    """

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """The column's text; empty until the speed is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {self._unit}/s" if speed else "", style="cyan")


@contextmanager
def progress_bar(
    *, shown: bool = True, unit: str = "frames"
) -> Iterator[Callable[[int, int], None] | None]:
    """Show a progress bar on stderr.

    Args:
        shown: Whether to show it; outside a terminal it is never shown.
        unit: Plural name of the counted things.

    Yields:
        A function to call with the units done and their total; None without a bar.
    """
    console = Console(stderr=True)
    if not (shown and console.is_terminal):
        yield None
        return
    columns = (BarColumn(), MofNCompleteColumn(), PerSecond(unit), TimeLeft())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(unit, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
