"""`talkernel explain`: measures, stores and draws every figure of one model."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from talkernel.errors import DataError, OutputExistsError, OutputNotWritableError
from talkernel.lab.explain import (
    face_figures,
    kernel_images,
    kernel_map,
    sensitivity,
    theory_figure,
)
from talkernel.lab.explain.faces import find_faces
from talkernel.lab.explain.scene import Scene, load_explained
from talkernel.lab.explain.stored import (
    NOT_EXPLAINED_REMEDY,
    Arrays,
    read_numbers,
    write,
    write_figure,
    write_numbers,
)
from talkernel.lab.explain.summary import summarise
from talkernel.lab.explain.utterance import analyse_speech
from talkernel.media import open_speech
from talkernel.sample.speech import SENTENCE
from talkernel.speech.voices.espeak import speak
from talkernel.summary import Summary

Draw = Callable[[Arrays], Figure]


class Plot(NamedTuple):
    """How the data of some figures are measured, and how each figure is drawn from them."""

    measure: Callable[[Scene], Arrays]
    drawings: Mapping[str, Draw]


PLOTS = {
    "masks": Plot(face_figures.measure_masks, {"fig4_masks": face_figures.draw_masks}),
    "sounds": Plot(face_figures.measure_sounds, {"fig6_sounds": face_figures.draw_mouths}),
    "word": Plot(face_figures.measure_word, {"fig6_word": face_figures.draw_mouths}),
    "kernels": Plot(
        kernel_images.measure,
        {"fig7_kernels": kernel_images.draw_corner, "fig7_whole": kernel_images.draw_whole},
    ),
    "map": Plot(
        kernel_map.measure, {"map": kernel_map.draw_map, "smoothness": kernel_map.draw_smoothness}
    ),
    "sensitivity": Plot(sensitivity.measure, {"sensitivity": sensitivity.draw}),
    "theory": Plot(theory_figure.measure, {"theory": theory_figure.draw}),
}


@dataclass(frozen=True)
class Explained:
    """The main results of `explain`; the rest is in the figures.

    Attributes:
        out: The folder.
        facts: Values by name.
    """

    out: str
    facts: dict[str, str | float]

    def to_json(self) -> str:
        """For programs."""
        return json.dumps(asdict(self), indent=1)

    def summary(self) -> Summary:
        """For people."""
        facts = [(name, str(value)) for name, value in self.facts.items()]
        return Summary(f"Figures in {self.out}", facts)


def explain(
    out: Path,
    faces: Sequence[Path] = (),
    *,
    audio: Path | None = None,
    text: str | None = None,
    checkpoint: Path | None = None,
    at: tuple[float | None, float | None] = (None, None),
    only: Sequence[str] = (),
    seed: int = 0,
    umap: bool = False,
    overwrite: bool = False,
    log: Callable[[str], None] = lambda _: None,
) -> Explained:
    """Measure, store and draw.

    Args:
        out: Folder, created if missing, for `NAME.npz`, `NAME.svg`, `NAME.png`, `explain.json`.
        faces: Videos and photos; views of the sample's portrait if there are none.
        audio: Speech. Without it, espeak-ng speaks `text`, and the phonemes are known.
        text: English; the sample's sentence if neither is given.
        checkpoint: Other weights than the package's.
        at: Seconds of the two sounds compared; if None, those with the most different kernels.
        only: Names out of `PLOTS`; all if empty.
        seed: Of the random kernels for the theorem's check, and of UMAP.
        umap: Whether to draw a map by UMAP too; needs the extra `umap`.
        overwrite: Whether files in `out` may be replaced.
        log: Called with a line before each step.

    Raises:
        OutputExistsError: A file exists that may not be replaced.
        TalkernelError: Anything else that the user can fix.
    """
    wanted = {name: plot for name, plot in PLOTS.items() if name in (only or PLOTS)}
    if umap:
        kernel_map.require_umap()
    _prepare_folder(out, wanted, overwrite)
    log("speech, faces, weights")
    scene = replace(_scene(faces, audio, text, checkpoint, at, seed), umap=umap)
    measured: dict[str, Arrays] = {}
    for name, plot in wanted.items():
        log(name)
        measured[name] = plot.measure(scene)
        write_numbers(out / f"{name}.npz", measured[name], overwrite=overwrite)
        _draw(plot, measured[name], out, overwrite=overwrite)
    found = Explained(str(out), summarise(scene, measured))
    write(out / "explain.json", lambda path: path.write_text(found.to_json()), overwrite=overwrite)
    return found


def redraw(out: Path) -> list[str]:
    """Draw every figure again from the data stored in a folder.

    Returns:
        Names of the figures.

    Raises:
        DataError: The folder holds no such data.
    """
    stored = {name: plot for name, plot in PLOTS.items() if (out / f"{name}.npz").is_file()}
    if not stored:
        raise DataError(f"{out} holds no data of `talkernel explain`.", remedy=NOT_EXPLAINED_REMEDY)
    for name, plot in stored.items():
        _draw(plot, read_numbers(out / f"{name}.npz"), out, overwrite=True)
    return [drawing for plot in stored.values() for drawing in plot.drawings]


def _scene(
    faces: Sequence[Path],
    audio: Path | None,
    text: str | None,
    checkpoint: Path | None,
    at: tuple[float | None, float | None],
    seed: int,
) -> Scene:
    model = load_explained(checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        wave = audio or Path(folder) / "spoken.wav"
        phonemes = [] if audio else speak(text or SENTENCE, wave)
        speech = analyse_speech(model, open_speech(wave).wave(), phonemes)
    chosen = zip(at, speech.most_different_frames(), strict=True)
    first, second = (default if time is None else speech.at(time) for time, default in chosen)
    word = speech.fastest_change(face_figures.SUCCESSIVE)
    return Scene(model, speech, find_faces(faces, model.config), (first, second), word, seed)


def _draw(plot: Plot, arrays: Arrays, out: Path, *, overwrite: bool) -> None:
    for name, draw in plot.drawings.items():
        write_figure(draw, arrays, out / name, overwrite=overwrite)


def _prepare_folder(out: Path, wanted: Mapping[str, Plot], overwrite: bool) -> None:
    """Create the folder; raise before any work if a file may not be replaced."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputNotWritableError(f"Cannot write into {out}: {error.strerror}.") from error
    stems = [name for plot in wanted.values() for name in plot.drawings]
    names = ["explain.json", *(f"{name}.npz" for name in wanted)]
    names += [stem + suffix for stem in stems for suffix in (".svg", ".png")]
    for name in names:
        if (out / name).exists() and not overwrite:
            raise OutputExistsError(f"{out / name} exists.")
