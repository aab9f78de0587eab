"""The renderer: the generator runs only where something is missing or somebody watches."""

from __future__ import annotations

import numpy as np
import pytest

from talkernel.face.crop import Crop
from talkernel.face.stabilise import Placement
from talkernel.media import Picture
from talkernel.mouth.mask import FrameInput
from talkernel.mouth.reference import SourceFrame, WarpedReference
from talkernel.mouth.renderer import Edit, MouthRenderer
from tests.jobs import Painter
from tests.test_cover import LAYOUTS, random_picture
from tests.test_reference_texture import EVERYWHERE, NOWHERE, SIDE, here

Array = np.ndarray
CROP = Crop(20, 10, 96)
PLACEMENT = Placement(CROP, np.zeros((468, 3), np.float32), 1.0)
KERNELS = np.zeros(Painter.config.kernel_shape, np.float32)


def frame_input(disoccluded: Array, source: Picture | None) -> FrameInput:
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    frame = source and SourceFrame.of(source, CROP.from_view(SIDE))
    warped = WarpedReference(image, here(2.0), EVERYWHERE, disoccluded, frame)
    return FrameInput(image, NOWHERE, PLACEMENT.landmarks, SIDE, warped)


def test_the_generator_is_skipped_where_it_would_change_nothing() -> None:
    renderer, pictures = MouthRenderer(Painter()), []
    shown = frame_input(NOWHERE, random_picture(LAYOUTS[0]))
    assert renderer.generate(shown, KERNELS) is None
    for drawn in (None, (NOWHERE, np.ones((3, SIDE, SIDE), np.float32))):
        pictures.append(picture := random_picture(LAYOUTS[0]))
        for plane in picture.planes:
            plane[:] = 77
        renderer.blend(picture, PLACEMENT, shown, drawn)
    for skipped, complete in zip(*(picture.planes for picture in pictures), strict=True):
        assert (skipped != 77).any()
        np.testing.assert_array_equal(skipped, complete)


@pytest.mark.parametrize("corner", [0.01, 1.0])
def test_it_runs_where_the_reference_is_incomplete(corner: float) -> None:
    renderer, disoccluded = MouthRenderer(Painter()), NOWHERE.copy()
    disoccluded[30, 30] = corner
    source = random_picture(LAYOUTS[0])
    assert renderer.generate(frame_input(disoccluded, source), KERNELS) is not None
    assert renderer.generate(frame_input(NOWHERE, None), KERNELS) is not None


def test_it_runs_for_a_watcher() -> None:
    edits: list[Edit] = []
    renderer, picture = MouthRenderer(Painter(), edits.append), random_picture(LAYOUTS[0])
    renderer.paint(picture, PLACEMENT, frame_input(NOWHERE, picture.copy()), KERNELS)
    (edit,) = edits
    assert edit.motion.shape == (3, SIDE, SIDE) and edit.attention.max() == 1.0
