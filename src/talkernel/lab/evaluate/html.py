"""The HTML report of stored results, with plots and contact sheets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from talkernel.files.atomic import write_text
from talkernel.lab.evaluate.figures import draw, draw_mouth
from talkernel.lab.evaluate.measure import GENERATED, Row
from talkernel.lab.evaluate.metrics import BY_NAME, HEADLINE, METRICS
from talkernel.lab.evaluate.results import Results, ranked
from talkernel.sample.contact_sheet import contact_sheet

REPORT = "report.html"
PROTOCOLS = {
    "photo": "The clip's first frame is driven by the clip's own speech and compared with the "
    "clip (Section VI-E of the paper).",
    "self": "The clip is driven by its own speech and compared with itself.",
    "cross": "The clip of A is driven by the speech of B, another person. The ground truth is "
    "B's video; shuffled compares the result with the mouth of a third clip.",
    "silence": "The clip is driven by digital silence of its own length. There is no ground "
    "truth, because no video shows the person silent. Doing nothing shows the talking clip.",
    "pairs": "Videos that exist already are compared with the real ones. Doing nothing shows "
    "the real video's first frame.",
}
ALIGNMENT = (
    "Pictures are compared where they are shown at the same time: one pair per frame of the "
    "real video, as long as both last; a video that covers less than 80 % of the other's length "
    "is left out. Faces are aligned frame by frame, so that sizes may differ. Sound is decoded "
    "to the sample: an encoder's priming and padding are cut off, gaps are filled, and time zero "
    "is the first picture. Ground truth and do nothing are written by the same encoder with the "
    "same settings as the generated videos. Intervals are 95 %, by the bootstrap over people."
)


def write_report(results: Results, folder: Path) -> Path:
    """Write `report.html` from stored results and the videos beside them.

    Args:
        results: What to show.
        folder: An evaluation's folder.

    Returns:
        The page.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape

    plots = folder / "plots"
    drawn = draw(results, plots)
    environment = Environment(
        loader=PackageLoader("talkernel.lab.evaluate"),
        autoescape=select_autoescape(("html",), default=True),
    )
    page = environment.get_template("report.html").render(
        results=results,
        cells=results.cells(),
        plots=drawn,
        metrics=_shown(results),
        examples=_examples(results, folder, plots),
        protocol=PROTOCOLS[results.protocol],
        alignment=ALIGNMENT,
    )
    write_text(folder / REPORT, page)
    return folder / REPORT


def _shown(results: Results) -> list[Any]:
    present = {name for row in results.names for name in results.means(row)}
    return [metric for metric in METRICS if metric.name in present]


def _examples(results: Results, folder: Path, plots: Path) -> list[Mapping[str, str]]:
    """The best, median and worst clip, each with a contact sheet and its mouth's curve."""
    metric = BY_NAME[HEADLINE[results.protocol]]
    rows = ranked(results.of(GENERATED), metric.name, metric.better)
    if not rows:
        return []
    chosen = {"best": rows[0], "median": rows[len(rows) // 2], "worst": rows[-1]}
    return [
        _example(which, row, metric.name, results, folder, plots) for which, row in chosen.items()
    ]


def _example(
    which: str, row: Row, metric: str, results: Results, folder: Path, plots: Path
) -> Mapping[str, str]:
    videos = [
        folder / "videos" / name.replace(" ", "-") / f"{row['clip']}.mp4" for name in results.names
    ]
    there = [video for video in videos if video.is_file()]
    if there:
        contact_sheet(there, plots / f"sheet-{which}.png", columns=8, height=120)
    draw_mouth(row, plots / f"mouth-{which}")
    order = ", ".join(video.parent.name.replace("-", " ") for video in there)
    return {
        "which": which,
        "clip": row["clip"],
        "order": order,
        "figure": f"{BY_NAME[metric].title} {row[metric]:.3f}",
    }
