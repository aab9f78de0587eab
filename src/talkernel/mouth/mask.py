"""The veil: the network does not see the mouth that it is to replace.

Shown the mouth, the network copies it before it obeys the sound. It therefore sees lips and
chin blurred away, in training as in use: enough is left of colour and light, nothing of the
mouth's shape. What is veiled is also what must be replaced: there attention is 1, whatever
the network says, so that the old mouth never shines through (eq. 7).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import JAW, OUTER_LIP
from talkernel.mouth.reference import WarpedReference
from talkernel.mouth.region import region_mask

Image = NDArray[np.uint8]
Weight = NDArray[np.float32]
REGION = [*OUTER_LIP, *JAW]
MARGIN = 0.035  # of the crop's side, around lips and chin
BLUR = 0.19  # of the crop's side: width of the blur
SOFT = 0.09  # of the crop's side: width of the veil's edge
FACE_SOFT = 0.02  # of the crop's side: width of the face's edge, where no margin is left


class FrameInput(NamedTuple):
    """What f is shown of a face, and what tells where its answer is laid.

    Attributes:
        picture: The veiled face `[S, S, 3]`, or with the reference behind it `[S, S, 6]`.
        hidden: Where the veil lies, `[S, S]` in 0..1.
        points: `[468, 2 or more]` landmarks in the view's pixels.
        scale: Pixels that a whole face crop would have at the view's scale.
        reference: The mouth as another frame shows it, warped; None where f is shown none.
    """

    picture: Image
    hidden: Weight
    points: NDArray[np.floating]
    scale: float
    reference: WarpedReference | None

    def blend_alpha(self, attention: Weight) -> Weight:
        """Alpha as it is laid on the frame, `[S, S]` in 0..1.

        f's own, and all that the veil hides. With a warped reference, the veil and where the lips
        and jaw come to lie, and nothing beyond them nor beyond the face: there the reference
        has the collar, or what stands behind, as another pose of the head showed it.

        Args:
            attention: f's alpha `[S, S]`.
        """
        if self.reference is None or self.reference.target is None:
            return np.maximum(attention, self.hidden)
        target, size = self.reference.target, len(self.hidden)
        moved = _around(target, size, MARGIN * self.scale, SOFT * self.scale)
        outline = np.concatenate([self.points[:, :2], target])
        face = _around(outline, size, 0.0, FACE_SOFT * self.scale)
        return np.maximum(self.hidden, moved) * face


def mouth_mask(points: NDArray[np.floating], size: int, scale: float) -> Weight:
    """Where the veil lies.

    Args:
        points: Landmarks `[468, 2 or more]` in the view's pixels.
        size: Side of the view.
        scale: Pixels that a whole face crop would have at the view's scale.

    Returns:
        `[size, size]`, 1 over lips and chin, falling softly to 0 around them.
    """
    return _around(points[REGION], size, MARGIN * scale, SOFT * scale)


def blur_mouth(view: Image, weight: Weight, scale: float) -> Image:
    """Blur away what `hidden` covers: RGB `[S, S, 3]` and `[S, S]` to a new picture."""
    width = _odd(BLUR * scale)
    blurred = cv2.stackBlur(np.ascontiguousarray(view), (width, width))
    veiled = cv2.blendLinear(blurred, np.ascontiguousarray(view), weight, 1.0 - weight)
    return np.asarray(veiled, np.uint8)


def frame_input(
    view: Image, points: NDArray[np.floating], scale: float, reference: WarpedReference | None
) -> FrameInput:
    """Make of a view what f is to see of it.

    Args:
        view: RGB `[S, S, 3]`.
        points: Landmarks `[468, 2 or more]` in its pixels.
        scale: Pixels that a whole face crop would have at the view's scale.
        reference: The mouth as another frame shows it, warped.
    """
    weight = mouth_mask(points, len(view), scale)
    seen = mark_disoccluded(blur_mouth(view, weight, scale), reference)
    picture = seen if reference is None else cv2.merge([seen, reference.image])
    return FrameInput(np.asarray(picture, np.uint8), weight, points, scale, reference)


def mark_disoccluded(seen: Image, reference: WarpedReference | None) -> Image:
    """A veiled view `[S, S, 3]`, black where the reference does not show what f is to paint."""
    if reference is None or reference.disoccluded is None:
        return seen
    return np.asarray(seen * (1.0 - reference.disoccluded[..., None]), np.uint8)


def _around(outline: NDArray[np.floating], size: int, margin: float, soft: float) -> Weight:
    """The hull of some points `[N, 2 or more]`, grown, its edge so many pixels wide."""
    mask, edge = region_mask([outline], range(len(outline)), size, margin), _odd(soft)
    return np.asarray(cv2.stackBlur(mask, (edge, edge)) / np.float32(255.0), np.float32)


def _odd(value: float) -> int:
    return 2 * round(value / 2) + 1
