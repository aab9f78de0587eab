"""The main job changes the mouth and nothing else."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from talkernel.choices import LoopMode
from talkernel.engine import Engine
from talkernel.face.lips import JAW, OUTER_LIP
from talkernel.face.stabilise import FADE, Placement
from talkernel.face.track import FaceTracker
from talkernel.media import Picture, extend, open_face, open_speech, source_index
from talkernel.mouth.blend import border_window
from talkernel.mouth.mask import LIP_MARGIN, LIP_SOFT, SKIN_MARGIN, SKIN_SOFT
from talkernel.mouth.reference import WarpedReference
from talkernel.mouth.region import region_mask
from talkernel.mouth.renderer import Edit, MouthRenderer
from talkernel.pipeline.generate import open_job
from talkernel.pipeline.job import Job
from talkernel.pipeline.options import Options
from talkernel.pipeline.report import Span
from talkernel.speech.features import PAST, frames_of
from talkernel.speech.tokens import STRIDE
from tests.faces import write_portrait
from tests.jobs import Array, Painter, pictures_of


def open_test_job(
    engine: Engine | MouthRenderer,
    face: Path,
    speech: Path,
    loop: LoopMode = "pingpong",
    lookahead: str = "full",
) -> Job:
    source, sound = open_face(face), open_speech(speech)
    count = frames_of(sound.sample_count, source.fps)
    options = Options.of(loop=loop, lookahead=lookahead)
    renderer = engine if isinstance(engine, MouthRenderer) else MouthRenderer(engine)
    return open_job(source, sound, FaceTracker(), renderer, count, options)


def run_job(
    engine: Engine | MouthRenderer, face: Path, speech: Path, loop: LoopMode = "pingpong"
) -> tuple[Job, list[Picture], list[Picture], list[Placement | None]]:
    """The finished job, its input and output pictures, and the placement of each edit."""
    job = open_test_job(engine, face, speech, loop)
    after = list(job.pictures())
    source = open_face(face)
    before = [frame.picture for frame in extend(source, job.frame_count, loop)]
    placed = [
        frame.faces[0].placement if frame.faces else None
        for frame in job.avatar.frames(job.frame_count, loop)
    ]
    return job, before, after, placed


def assert_same_outside(before: Picture, after: Picture, placement: Placement | None) -> None:
    """Not one sample differs outside the crop."""
    for plane, (old, new) in enumerate(zip(before.planes, after.planes, strict=True)):
        sx, sy = before.layout.chroma_shift if plane else (0, 0)
        outside = np.ones(old.shape, bool)
        if placement is not None:
            crop = placement.crop
            rows, columns = max(0, crop.top), max(0, crop.left)
            outside[
                rows >> sy : (crop.top + crop.side) >> sy,
                columns >> sx : (crop.left + crop.side) >> sx,
            ] = False
        np.testing.assert_array_equal(new[outside], old[outside])


def change(before: Picture, after: Picture) -> float:
    """Sum of the absolute differences in luma."""
    return float(np.abs(before.planes[0].astype(int) - after.planes[0]).sum())


@pytest.mark.parametrize("loop", ["pingpong", "forward", "freeze"])
def test_loops(loop: LoopMode, tmp_path: Path, folder: Path) -> None:
    face = write_portrait(tmp_path / "face.mp4", 9)
    source = pictures_of(face)
    _, _, after, placements = run_job(Painter(), face, folder / "speech.wav", loop)
    assert len(after) == 25
    for number, (picture, placement) in enumerate(zip(after, placements, strict=True)):
        assert_same_outside(source[source_index(number, 9, loop)], picture, placement)


def test_nothing_but_the_mouth_changes(model: Engine, folder: Path) -> None:
    edits: list[Edit] = []
    renderer = MouthRenderer(model, edits.append)
    job, before, after, placements = run_job(renderer, folder / "face.mp4", folder / "speech.wav")
    assert job.spans == [] and len(edits) == len(after) == 25
    for old, new, placement, edit in zip(before, after, placements, edits, strict=True):
        assert_same_outside(old, new, placement)
        assert placement is not None
        alpha, near = expected_masks(placement, edit.shown.reference, model.config.face_size)
        np.testing.assert_allclose(edit.alpha, alpha, atol=1e-6)
        edited = np.maximum(alpha, near) * border_window(len(alpha))
        crop = placement.crop
        outside = cv2.resize(edited, (crop.side, crop.side), interpolation=cv2.INTER_LINEAR) == 0
        assert 0.2 < outside.mean() < 0.95
        place = slice(crop.top, crop.top + crop.side), slice(crop.left, crop.left + crop.side)
        seen_old, seen_new = old.planes[0][place], new.planes[0][place]
        outside = outside[: seen_old.shape[0], : seen_old.shape[1]]
        np.testing.assert_array_equal(seen_new[outside], seen_old[outside])
        lips = cv2.resize(alpha, (crop.side, crop.side)) > 0.5
        lips = lips[: seen_old.shape[0], : seen_old.shape[1]]
        assert (seen_new[lips] != seen_old[lips]).mean() > 0.5


def expected_masks(
    placement: Placement, reference: WarpedReference | None, face_size: float
) -> tuple[Array, Array]:
    """Where the shipped model, whose reference is warped, may change a view `[S, S]` each.

    First, where it draws the lips: none of the model's own attention. Second, around the lower
    face before and after the edit, where the frame's own skin may move.
    """
    assert reference is not None and reference.target is not None
    size = len(reference.image)
    points = placement.crop.to_view(placement.landmarks, size)[:, :2]
    lips = reference.target[: len(OUTER_LIP)]
    drawn = soft_hull(lips, size, LIP_MARGIN * face_size, LIP_SOFT * face_size)
    face = np.concatenate([points[[*OUTER_LIP, *JAW]], reference.target])
    reach = (SKIN_MARGIN + SKIN_SOFT / 2 + 0.02) * face_size
    return drawn, soft_hull(face, size, reach, 1.0)


def soft_hull(points: Array, size: int, margin: float, soft: float) -> Array:
    """Convex hull of points, grown by `margin` pixels, its edge `soft` pixels wide."""
    hull = region_mask([points], range(len(points)), size, margin)
    width = 2 * round(soft / 2) + 1
    return np.asarray(cv2.stackBlur(hull, (width, width)) / 255.0, np.float32)


def test_the_mouth_depends_on_the_sound(model: Engine, folder: Path) -> None:
    one, other = (
        run_job(model, folder / "face.mp4", folder / sound)[2]
        for sound in ("speech.wav", "other.wav")
    )
    differences = [
        np.abs(a.planes[0].astype(int) - b.planes[0]).max() for a, b in zip(one, other, strict=True)
    ]
    assert np.median(differences) >= 4


def test_a_live_job_encodes_each_window_separately(folder: Path) -> None:
    widths: list[int] = []

    class Listener(Painter):
        def encode(self, mel: np.ndarray) -> np.ndarray:
            widths.append(mel.shape[2])
            return super().encode(mel)

    job = open_test_job(Listener(), folder / "face.mp4", folder / "speech.wav", lookahead="live")
    pictures = list(job.pictures())
    assert len(pictures) == len(widths) == job.frame_count
    assert set(widths) == {STRIDE * (PAST + Painter.config.speech_window)}


def test_frames_without_a_face_pass_through(folder: Path) -> None:
    job, before, after, _ = run_job(Painter(), folder / "gap.mp4", folder / "speech.wav")
    assert job.spans == [Span(12, 16, "no face")]
    changes = [change(old, new) for old, new in zip(before, after, strict=True)]
    assert changes[12:17] == [0.0] * 5
    for number in range(12, 17):
        for old, new in zip(before[number].planes, after[number].planes, strict=True):
            np.testing.assert_array_equal(new, old)
    full = changes[0]
    for distance in range(FADE):
        fraction = (distance + 1) / (FADE + 1)
        assert changes[11 - distance] == pytest.approx(fraction * full, rel=0.25)
        assert changes[17 + distance] == pytest.approx(fraction * full, rel=0.25)
