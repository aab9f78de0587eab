"""The mouth mask: it hides the old mouth from the generator and says where to blend the new one.

A generator that sees the mouth copies it instead of following the sound. So lips and chin are
blurred away, in training as in use: colour and light remain, the mouth's shape does not. The
masked area must then be replaced completely. There attention is 1 whatever the generator says,
so that the old mouth never shows through (eq. 7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import JAW, OUTER_LIP
from talkernel.mouth.reference import WarpedReference
from talkernel.mouth.region import region_mask
from talkernel.mouth.thin_plate import STEP

if TYPE_CHECKING:  # training works without PyAV
    from talkernel.face.overlay import LiftedOverlay

Image = NDArray[np.uint8]
Weight = NDArray[np.float32]
REGION = [*OUTER_LIP, *JAW]
MARGIN = 0.035  # of the crop's side, around lips and chin
BLUR = 0.19  # of the crop's side: width of the blur
SOFT = 0.09  # of the crop's side: width of the blur kernel that softens the mask's edge
LIP_MARGIN, LIP_SOFT = 0.04, 0.06  # the same two for the lips, where the reference is shown
SKIN_MARGIN, SKIN_SOFT = 0.06, 0.12  # and for the skin that moves with the jaw


class FrameInput(NamedTuple):
    """What the generator sees of a frame, and what limits where its output is blended.

    Attributes:
        picture: The masked face `[S, S, 3]`, or with its reference `[S, S, 6]`.
        mask: The mouth mask `[S, S]` in 0..1.
        points: `[468, 2 or more]` landmarks in the view's pixels.
        scale: Side of the whole face crop in pixels of the view.
        reference: The warped reference; None if the model uses none.
        lifted: What was lifted off the frame.
    """

    picture: Image
    mask: Weight
    points: NDArray[np.floating]
    scale: float
    reference: WarpedReference | None
    lifted: LiftedOverlay | None = None

    @staticmethod
    def of(
        view: Image,
        points: NDArray[np.floating],
        scale: float,
        reference: WarpedReference | None,
        masked: bool = True,
    ) -> FrameInput:
        """Mask a view and add its reference.

        Args:
            view: RGB `[S, S, 3]`.
            points: Landmarks `[468, 2 or more]` in its pixels.
            scale: Side of the whole face crop in pixels of the view.
            reference: The mouth in another frame, warped to this one.
            masked: `ModelConfig.masked`; if not, the mask is 0 and the view is left as it is.
        """
        mask = mouth_mask(points, len(view), scale) * np.float32(masked)
        face = mark_disoccluded(blur_mouth(view, mask, scale), reference)
        picture = face if reference is None else cv2.merge([face, reference.image])
        return FrameInput(np.asarray(picture, np.uint8), mask, points, scale, reference)

    @property
    def needs_generator(self) -> bool:
        """Whether anything is to be drawn that the reference does not show."""
        return self.reference is None or not self.reference.is_complete

    def blend_alpha(self, attention: Weight | None) -> Weight:
        """Blend weight for the frame, `[S, S]` in 0..1.

        Without a warped reference: the generator's attention, and 1 in the mouth mask. With one:
        the target lips and the skin around them. All other skin is the frame's own; see
        `skin_flow`.

        Args:
            attention: The generator's attention mask `[S, S]`; None if it is not needed.
        """
        if self.reference is None or self.reference.target is None:
            assert attention is not None
            return np.maximum(attention, self.mask)
        lips = self.reference.target[: len(OUTER_LIP)]
        return _soft_hull(lips, len(self.mask), LIP_MARGIN * self.scale, LIP_SOFT * self.scale)

    def skin_flow(self) -> Weight | None:
        """How the frame's own skin moves with the target jaw: `[S / 4, S / 4, 2]` in cells.

        For each cell of 4 pixels of the view, where it comes from, minus its own place. It falls
        to 0 around the face's lower half. None without a warped reference.
        """
        if self.reference is None or self.reference.target is None or self.reference.skin is None:
            return None
        size, scale = len(self.mask), self.scale / STEP
        outline = np.concatenate([self.points[REGION, :2], self.reference.target]) / STEP
        near = _soft_hull(outline, size // STEP, SKIN_MARGIN * scale, SKIN_SOFT * scale)
        return np.asarray(self.reference.skin * near[..., None] / np.float32(STEP), np.float32)


def mouth_mask(points: NDArray[np.floating], size: int, scale: float) -> Weight:
    """The mouth mask of a view.

    Args:
        points: Landmarks `[468, 2 or more]` in the view's pixels.
        size: Side of the view.
        scale: Side of the whole face crop in pixels of the view.

    Returns:
        `[size, size]`, 1 over lips and chin, falling softly to 0 around them.
    """
    return _soft_hull(points[REGION], size, MARGIN * scale, SOFT * scale)


def blur_mouth(view: Image, mask: Weight, scale: float) -> Image:
    """Blur a view `[S, S, 3]` under its mouth mask `[S, S]`; the result is a new image."""
    width = _odd(BLUR * scale)
    blurred = cv2.stackBlur(np.ascontiguousarray(view), (width, width))
    masked = cv2.blendLinear(blurred, np.ascontiguousarray(view), mask, 1.0 - mask)
    return np.asarray(masked, np.uint8)


def mark_disoccluded(masked: Image, reference: WarpedReference | None) -> Image:
    """Black out a masked view `[S, S, 3]` where the generator has to fill in the reference."""
    if reference is None or reference.disoccluded is None:
        return masked
    return np.asarray(masked * (1.0 - reference.disoccluded[..., None]), np.uint8)


def _soft_hull(outline: NDArray[np.floating], size: int, margin: float, soft: float) -> Weight:
    """Convex hull of points `[N, 2 or more]`, grown by `margin`, its edge `soft` pixels wide."""
    hull, edge = region_mask([outline], range(len(outline)), size, margin), _odd(soft)
    return np.asarray(cv2.stackBlur(hull, (edge, edge)) / np.float32(255.0), np.float32)


def _odd(value: float) -> int:
    return 2 * round(value / 2) + 1
