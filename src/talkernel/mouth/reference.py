"""The reference: the person's own mouth, as another frame of the video shows it.

Under the veil f cannot know what this person's lips and teeth look like. So it is also shown a
frame in which they are seen. That frame stays the same, so nothing that moves in it can leak
into what is drawn, and copying it would not follow the speech. It can be shown warped: its lips
moved to where the lip code wants them, as far as landmarks say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import SHAPE
from talkernel.face.pose import RIGID
from talkernel.mouth.lip_flow import LipFlow, lip_flows, pixel_grid
from talkernel.mouth.sampling_grid import SamplingGrid

if TYPE_CHECKING:  # training, which knows no videos, goes without PyAV
    from talkernel.media.frame import Picture, PixelLayout, Plane

Image = NDArray[np.uint8]
Points = NDArray[np.floating]
Array = NDArray[np.float32]


class SourceFrame(NamedTuple):
    """The frame that a reference was seen in, as it came.

    Attributes:
        luma: `[H, W]` samples.
        chroma: `[h, w, 2]` U and V, which are always sampled together.
        layout: How to read them.
        affine: `[2, 3]` from the pixels of the reference's view to the frame's.
    """

    luma: Plane
    chroma: Plane
    layout: PixelLayout
    affine: NDArray[np.float64]

    @staticmethod
    def of(picture: Picture, affine: NDArray[np.float64]) -> SourceFrame:
        """With samples of its own, that no edit of the frame reaches."""
        y, u, v = picture.planes
        return SourceFrame(y.copy(), np.asarray(cv2.merge([u, v])), picture.layout, affine)


class Reference(NamedTuple):
    """A view of the person.

    Attributes:
        view: `[S, S, 3]`.
        points: `[468, 3]` landmarks in its pixels.
        source: The frame that it was seen in, if that is at hand.
    """

    view: Image
    points: Points
    source: SourceFrame | None = None

    def warped(self, points: Points, size: int, target: Points | None = None) -> WarpedReference:
        """The reference as one frame needs it; see `warp_references`."""
        return warp_references([self], points, size, target)[0]


class WarpedReference(NamedTuple):
    """A reference as f is shown it with one frame.

    Attributes:
        image: `[S, S, 3]`.
        grid: Where in its own view that comes from.
        target: `[55, 2]` where its lips and jaw were moved to; None: they stayed as they were.
        disoccluded: `[S, S]` in 0..1, then, see `LipFlow`.
        source: The frame that the reference was seen in.
        overlay: Another reference that lies over it.
    """

    image: Image
    grid: SamplingGrid
    target: Points | None = None
    disoccluded: Array | None = None
    source: SourceFrame | None = None
    overlay: Overlay | None = None

    @property
    def has_texture(self) -> bool:
        """Whether M takes its pixels: its lips are warped, and its own frame is at hand."""
        return self.disoccluded is not None and self.source is not None

    def overlaid_by(self, other: WarpedReference, opacity: float) -> WarpedReference:
        """With another reference, warped alike, over it wherever that one shows the mouth.

        Args:
            other: What lies over it.
            opacity: 0 to 1.
        """
        assert other.disoccluded is not None
        alpha = np.float32(opacity) * (1.0 - other.disoccluded)
        image = cv2.blendLinear(other.image, self.image, alpha, 1.0 - alpha)
        return self._replace(image=np.asarray(image, np.uint8), overlay=Overlay(other, alpha))


class Overlay(NamedTuple):
    """A reference that lies over another, and its opacity `[S, S]` in 0..1."""

    reference: WarpedReference
    alpha: Array


def warp_references(
    references: Sequence[Reference], points: Points, size: int, target: Points | None = None
) -> list[WarpedReference]:
    """References of one person as one frame needs them: heads moved to where it has the head.

    Args:
        references: The references.
        points: `[468, 2 or 3]` landmarks in that view's pixels.
        size: Its side.
        target: `[55, 2]` where lips and jaw are to be, in the order of `SHAPE`; None: they stay
            as they are.
    """
    affines = [align(reference.points, points) for reference in references]
    flows: Sequence[LipFlow | None] = [None] * len(references)
    if target is not None:
        sources = [
            transform(reference.points[list(SHAPE)], affine)
            for reference, affine in zip(references, affines, strict=True)
        ]
        flows = lip_flows(target, sources, points[list(RIGID), :2], size)
    moved = zip(references, affines, flows, strict=True)
    return [_warped(reference, affine, flow, size, target) for reference, affine, flow in moved]


def _warped(
    reference: Reference,
    affine: NDArray[np.float64],
    flow: LipFlow | None,
    size: int,
    target: Points | None,
) -> WarpedReference:
    """A reference moved by an affine, and its lips by a flow."""
    grid, disoccluded = flow or (SamplingGrid(pixel_grid(size)), None)
    grid = grid.transformed(cv2.invertAffineTransform(affine))
    image = grid.sample(reference.view)
    return WarpedReference(image, grid, target, disoccluded, reference.source)


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
