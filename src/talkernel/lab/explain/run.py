"""Every figure of one model, some speech and some faces; redrawn from what was stored."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from talkernel.errors import NotExplainedError, OutputExistsError, OutputNotWritableError
from talkernel.lab.explain import (
    kernel_images,
    kernel_map,
    masks,
    mouths,
    sensitivity,
    theory_figure,
)
from talkernel.lab.explain.faces import find_faces
from talkernel.lab.explain.scene import Scene, load_explained
from talkernel.lab.explain.stored import Arrays, read_numbers, write, write_figure, write_numbers
from talkernel.lab.explain.summary import summarise
from talkernel.lab.explain.utterance import listen
from talkernel.media import open_speech
from talkernel.sample.portrait import SENTENCE
from talkernel.speech.voices.espeak import speak
from talkernel.summary import Summary

Draw = Callable[[Arrays], Figure]


class Plot(NamedTuple):
    """How the numbers of some figures are found, and how each is drawn of them."""

    measure: Callable[[Scene], Arrays]
    drawings: Mapping[str, Draw]


PLOTS = {
    "masks": Plot(masks.measure, {"fig4_masks": masks.draw}),
    "sounds": Plot(mouths.measure_sounds, {"fig6_sounds": mouths.draw}),
    "word": Plot(mouths.measure_word, {"fig6_word": mouths.draw}),
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
    """What `explain` found, in a few numbers; the rest is in the figures.

    Attributes:
        out: The folder.
        facts: Names and values.
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
    tell: Callable[[str], None] = lambda _: None,
) -> Explained:
    """Measure, store and draw.

    Args:
        out: Folder, made if need be, for `NAME.npz`, `NAME.svg`, `NAME.png`, `explain.json`.
        faces: Videos and photos; views of the sample's portrait if there are none.
        audio: Speech; else `text` is spoken by espeak-ng, and phonemes are known.
        text: English; the sample's sentence if neither is given.
        checkpoint: Other weights than the package's.
        at: Seconds of the two sounds compared; chosen by how far the kernels differ if None.
        only: Names out of `PLOTS`; all if empty.
        seed: Of the random kernels that the theorem is checked with, and of UMAP.
        umap: Whether the map is drawn by UMAP too, which takes the extra `umap`.
        overwrite: Whether files in `out` may be replaced.
        tell: Called with a line before each step.

    Raises:
        OutputExistsError: A file exists that may not be replaced.
        TalkernelError: Anything else the user can mend.
    """
    wanted = {name: plot for name, plot in PLOTS.items() if name in (only or PLOTS)}
    if umap:
        kernel_map.require_umap()
    _make_room(out, wanted, overwrite)
    tell("speech, faces, weights")
    scene = replace(_scene(faces, audio, text, checkpoint, at, seed), umap=umap)
    measured: dict[str, Arrays] = {}
    for name, plot in wanted.items():
        tell(name)
        measured[name] = plot.measure(scene)
        write_numbers(out / f"{name}.npz", measured[name], overwrite=overwrite)
        _draw(plot, measured[name], out, overwrite=overwrite)
    found = Explained(str(out), summarise(scene, measured))
    write(out / "explain.json", lambda path: path.write_text(found.to_json()), overwrite=overwrite)
    return found


def redraw(out: Path) -> list[str]:
    """Draw every figure anew from the numbers stored in a folder.

    Returns:
        Names of the figures.

    Raises:
        NotExplainedError: There are no such numbers.
    """
    stored = {name: plot for name, plot in PLOTS.items() if (out / f"{name}.npz").is_file()}
    if not stored:
        raise NotExplainedError(f"{out} holds no numbers of `talkernel explain`.")
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
        speech = listen(model, open_speech(wave).wave(), phonemes)
    chosen = zip(at, speech.farthest_sounds(), strict=True)
    first, second = (far if time is None else speech.at(time) for time, far in chosen)
    word = speech.liveliest(mouths.SUCCESSIVE)
    return Scene(model, speech, find_faces(faces, model.config), (first, second), word, seed)


def _draw(plot: Plot, arrays: Arrays, out: Path, *, overwrite: bool) -> None:
    for name, draw in plot.drawings.items():
        write_figure(draw, arrays, out / name, overwrite=overwrite)


def _make_room(out: Path, wanted: Mapping[str, Plot], overwrite: bool) -> None:
    """Refuse before anything is computed."""
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
