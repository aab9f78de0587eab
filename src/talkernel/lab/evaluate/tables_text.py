"""Renders tables as Markdown, CSV and HTML; every cell names its source: paper or measured."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence

from talkernel.lab.evaluate.paper import PaperTable

PAPER, MEASURED = "paper", "measured"
Line = tuple[str, str, list[str]]  # method, PAPER or MEASURED, cells; empty: not measured
Filled = Sequence[tuple[PaperTable, list[Line]]]


def as_markdown(filled: Filled) -> str:
    """One section per table."""
    text = "# Tables I to IV\n\nEvery cell says whether it is the paper's or measured by us.\n"
    for table, lines in filled:
        rows = _grid(table, lines)
        rows.insert(1, ["---"] * len(rows[0]))
        body = "\n".join("| " + " | ".join(_escaped(row)) + " |" for row in rows)
        text += f"\n## Table {table.number}. {table.title}\n\n{body}\n\n{table.note}\n"
    return text


def as_csv(filled: Filled) -> str:
    """One line per cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("table", "method", "metric", "source", "value"))
    for table, lines in filled:
        for name, source, cells in lines:
            for (title, _), cell in zip(table.columns, cells, strict=True):
                writer.writerow((table.number, name, title, source, cell))
    return buffer.getvalue()


def as_html(filled: Filled) -> str:
    """One page."""
    parts = ["<!DOCTYPE html>\n<html lang='en'><meta charset='utf-8'><title>Tables</title>\n"]
    for table, lines in filled:
        head, *body = _grid(table, lines)
        rows = [_html_row("th", head), *(_html_row("td", row) for row in body)]
        parts.append(f"<h2>Table {table.number}. {html.escape(table.title)}</h2>\n")
        parts.append(f"<table>\n{''.join(rows)}</table>\n<p>{html.escape(table.note)}</p>\n")
    return "".join(parts) + "</html>\n"


def _grid(table: PaperTable, lines: Sequence[Line]) -> list[list[str]]:
    """Header and rows of texts, each cell with its source."""
    head = ["method", *(title for title, _ in table.columns)]
    return [
        head,
        *([name, *(_with_source(cell, source) for cell in cells)] for name, source, cells in lines),
    ]


def _with_source(cell: str, source: str) -> str:
    if not cell:
        return "not measured"
    return cell if cell == "/" else f"{cell} ({source})"


def _escaped(cells: Sequence[str]) -> list[str]:
    return [cell.replace("|", "\\|") for cell in cells]


def _html_row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>\n"
