"""The reference: the person's own mouth, as another frame of the video shows it.

Under the veil f cannot know what this person's lips and teeth look like. So it is also shown a
frame in which they are seen. That frame stays the same, so nothing that moves in it can leak
into what is drawn, and copying it would not follow the speech. It can be shown warped: its lips
moved to where the lips that are told would be, as far as landmarks say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lip_flow import LipFlow, every_place, lip_flows
from talkernel.face.lips import SHAPE
from talkernel.face.pose import RIGID
from talkernel.face.whence import Whence

if TYPE_CHECKING:  # training, which knows no videos, goes without PyAV
    from talkernel.media.frame import Picture, PixelLayout, Plane

Image = NDArray[np.uint8]
Points = NDArray[np.floating]
Array = NDArray[np.float32]


class Origin(NamedTuple):
    """The frame that a reference was seen in, as it came.

    Attributes:
        luma: `[H, W]` samples.
        chroma: `[h, w, 2]` U and V, which are always fetched together.
        layout: How to read them.
        affine: `[2, 3]` from the pixels of the reference's view to the frame's.
    """

    luma: Plane
    chroma: Plane
    layout: PixelLayout
    affine: NDArray[np.float64]

    @staticmethod
    def of(picture: Picture, affine: NDArray[np.float64]) -> Origin:
        """With samples of its own, that no edit of the frame reaches."""
        y, u, v = picture.planes
        return Origin(y.copy(), np.asarray(cv2.merge([u, v])), picture.layout, affine)


class Reference(NamedTuple):
    """A view of the person.

    Attributes:
        view: `[S, S, 3]`.
        points: `[468, 3]` landmarks in its pixels.
        origin: The frame that it was seen in, if that is at hand.
    """

    view: Image
    points: Points
    origin: Origin | None = None

    def recalled(self, points: Points, size: int, told: Points | None = None) -> Recalled:
        """All that a frame needs of it; see `recalled`."""
        return recalled([self], points, size, told)[0]


class Recalled(NamedTuple):
    """A reference as f is shown it with one frame.

    Attributes:
        image: `[S, S, 3]`.
        whence: Where in its own view that comes from.
        told: `[55, 2]` where lips and jaw are told to be, where it is warped.
        unseen: `[S, S]` in 0..1, then, see `LipFlow`.
        origin: The frame that the reference was seen in.
        over: Another reference that lies over it.
    """

    image: Image
    whence: Whence
    told: Points | None = None
    unseen: Array | None = None
    origin: Origin | None = None
    over: Over | None = None

    @property
    def carried(self) -> bool:
        """Whether it is laid on the frame: it is warped, and the frame that it comes from here."""
        return self.unseen is not None and self.origin is not None

    def under(self, other: Recalled, share: float) -> Recalled:
        """With another reference, warped alike, over it as far as that shows the mouth.

        Args:
            other: What lies over it.
            share: How far, 0 to 1.
        """
        assert other.unseen is not None
        weight = np.float32(share) * (1.0 - other.unseen)
        image = cv2.blendLinear(other.image, self.image, weight, 1.0 - weight)
        return self._replace(image=np.asarray(image, np.uint8), over=Over(other, weight))


class Over(NamedTuple):
    """What lies over a reference, and how far, `[S, S]` in 0..1."""

    recalled: Recalled
    share: Array


def recalled(
    references: Sequence[Reference], points: Points, size: int, told: Points | None = None
) -> list[Recalled]:
    """All that a frame needs of some references, faces moved to where that frame's view has it.

    Args:
        references: Of one person.
        points: `[468, 2 or 3]` landmarks in that view's pixels.
        size: Its side.
        told: `[55, 2]` where lips and jaw are to be, in the order of `SHAPE`; None: they stay
            as they are.
    """
    affines = [align(reference.points, points) for reference in references]
    flows: Sequence[LipFlow | None] = [None] * len(references)
    if told is not None:
        sources = [transform(reference.points[list(SHAPE)], affine)
                   for reference, affine in zip(references, affines, strict=True)]  # fmt: skip
        flows = lip_flows(told, sources, points[list(RIGID), :2], size)
    seen = zip(references, affines, flows, strict=True)
    return [_seen_through(reference, affine, flow, size, told) for reference, affine, flow in seen]


def _seen_through(
    reference: Reference, affine: NDArray[np.float64], flow: LipFlow | None, size: int,
    told: Points | None,
) -> Recalled:  # fmt: skip
    """A reference moved by an affine, and its lips by a flow."""
    whence, unseen = flow or (Whence(every_place(size)), None)
    whence = whence.moved(cv2.invertAffineTransform(affine))
    return Recalled(whence.fetched(reference.view), whence, told, unseen, reference.origin)


def align(source: Points, target: Points) -> NDArray[np.float64]:
    """Affine `[2, 3]` that takes the rigid landmarks of one face to another's, `[468, 2+]`."""
    rigid = list(RIGID)
    ones = np.ones((len(rigid), 1))
    solution, *_ = np.linalg.lstsq(np.hstack([source[rigid, :2], ones]), target[rigid, :2])
    return np.asarray(solution.T, np.float64)


def warp(image: Image, affine: NDArray[np.float64], size: int) -> Image:
    """A picture by an affine `[2, 3]` from its pixels to those of a square result."""
    shown = cv2.warpAffine(image, affine, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(shown, np.uint8)


def transform(points: Points, affine: NDArray[np.float64]) -> Points:
    """Points `[N, 2+]` by an affine `[2, 3]`, to `[N, 2]`."""
    return np.asarray(points[:, :2] @ affine[:, :2].T + affine[:, 2], np.float32)


def place(landmarks: Points, affine: NDArray[np.float64]) -> Points:
    """Landmarks `[N, 3]` by an affine `[2, 3]` that enlarges them; their depth likewise."""
    enlarged = np.sqrt(abs(np.linalg.det(affine[:, :2])))
    flat = transform(landmarks, affine)
    return np.hstack([flat, (enlarged * landmarks[:, 2:3]).astype(np.float32)])
