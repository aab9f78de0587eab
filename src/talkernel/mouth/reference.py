"""The reference: a view of the person's own mouth from another frame, warped to the current one.

The mouth mask hides this person's lips and teeth from the generator, so it also sees a frame that
shows them. One reference serves many frames: the generator cannot follow the speech by copying
it. Its lips can be warped to the target of the lip code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import SHAPE
from talkernel.face.pose import RIGID
from talkernel.mouth.lip_flow import LipFlow, lip_and_skin_flows, pixel_grid
from talkernel.mouth.sampling_grid import SamplingGrid

if TYPE_CHECKING:  # training reads no videos and works without PyAV
    from talkernel.media.frame import Picture, PixelLayout, Plane
    from talkernel.mouth.light import Light

Image = NDArray[np.uint8]
Points = NDArray[np.floating]
Array = NDArray[np.float32]


class SourceFrame(NamedTuple):
    """The unedited frame that a reference was taken from.

    Attributes:
        luma: `[H, W]` samples.
        chroma: `[h, w, 2]` U and V, which are sampled together.
        layout: Their pixel format.
        affine: `[2, 3]` from the pixels of the reference's view to the frame's.
    """

    luma: Plane
    chroma: Plane
    layout: PixelLayout
    affine: NDArray[np.float64]

    @staticmethod
    def of(picture: Picture, affine: NDArray[np.float64]) -> SourceFrame:
        """Copies the samples, so that edits of the frame do not reach them."""
        y, u, v = picture.planes
        return SourceFrame(y.copy(), np.asarray(cv2.merge([u, v])), picture.layout, affine)


class Reference(NamedTuple):
    """A view of the person.

    Attributes:
        view: `[S, S, 3]`.
        points: `[468, 3]` landmarks in its pixels.
        source: The frame it was taken from, if available.
        skin: Skin samples of that frame, see `sample_skin`.
    """

    view: Image
    points: Points
    source: SourceFrame | None = None
    skin: Array | None = None

    def warped(
        self, points: Points, size: int, target: Points | None = None, light: Light | None = None
    ) -> WarpedReference:
        """The reference warped to one frame; see `warp_references`."""
        return warp_references([self], points, size, target, [light])[0]


class WarpedReference(NamedTuple):
    """A reference warped to one frame.

    Attributes:
        image: `[S, S, 3]`.
        grid: Where each of its pixels comes from in the reference's view.
        target: `[55, 2]` where its lips and jaw were moved; None: only the head was moved.
        disoccluded: `[S, S]` in 0..1, see `LipFlow`; None: only the head was moved.
        source: The frame the reference was taken from.
        overlay: Another reference, composited over this one.
        skin: `[S / 4, S / 4, 2]` flow of the frame's own skin to the target, at cell centres; None:
            only the head was moved.
        light: Takes samples of its source frame to the light of the edited frame; None: they
            keep their light.
    """

    image: Image
    grid: SamplingGrid
    target: Points | None = None
    disoccluded: Array | None = None
    source: SourceFrame | None = None
    overlay: Overlay | None = None
    skin: Array | None = None
    light: Light | None = None

    @property
    def trust(self) -> float:
        """How far an edit with it may be shown, 0 to 1: not at all in another kind of light."""
        return 1.0 if self.light is None else self.light.trust

    @property
    def has_texture(self) -> bool:
        """Whether its own pixels are blended: its lips are warped and its frame is available."""
        return self.disoccluded is not None and self.source is not None

    @property
    def is_complete(self) -> bool:
        """Whether its own pixels show the whole mouth, so that no motion image is needed."""
        return self.disoccluded is not None and self.has_texture and not self.disoccluded.any()

    def lit(self, light: Light | None) -> WarpedReference:
        """The same in another light."""
        if light is None or light.is_identity:
            return self._replace(light=light)
        return self._replace(image=light.applied_to_rgb(self.image), light=light)

    def overlaid_by(self, other: WarpedReference, opacity: float) -> WarpedReference:
        """With another reference composited over it, except where that one is disoccluded.

        Args:
            other: The upper one, warped to the same target.
            opacity: Of the upper one, 0 to 1.
        """
        assert other.disoccluded is not None
        alpha = np.float32(opacity) * (1.0 - other.disoccluded)
        image = cv2.blendLinear(other.image, self.image, alpha, 1.0 - alpha)
        return self._replace(image=np.asarray(image, np.uint8), overlay=Overlay(other, alpha))


class Overlay(NamedTuple):
    """A reference composited over another, and its opacity `[S, S]` in 0..1."""

    reference: WarpedReference
    alpha: Array


def warp_references(
    references: Sequence[Reference],
    points: Points,
    size: int,
    target: Points | None = None,
    lights: Sequence[Light | None] | None = None,
) -> list[WarpedReference]:
    """Warp references of one person to a frame's head pose, and their lips to a target.

    Args:
        references: The references.
        points: `[468, 2 or 3]` landmarks in the pixels of the frame's view.
        size: Side of that view.
        target: `[55, 2]` target lips and jaw, in the order of `SHAPE`; None: only the head is
            moved.
        lights: For each reference, the map to the frame's light; None: they keep their own.
    """
    affines = [align(reference.points, points) for reference in references]
    flows: Sequence[LipFlow | None] = [None] * len(references)
    skin = None
    if target is not None:
        sources = [
            transform(reference.points[list(SHAPE)], affine)
            for reference, affine in zip(references, affines, strict=True)
        ]
        own, still = points[list(SHAPE), :2], points[list(RIGID), :2]
        flows, skin = lip_and_skin_flows(target, sources, own, still, size)
    lights = lights or [None] * len(references)
    moved = zip(references, affines, flows, lights, strict=True)
    return [
        _warped(reference, affine, flow, size, target)._replace(skin=skin).lit(light)
        for reference, affine, flow, light in moved
    ]


def _warped(
    reference: Reference,
    affine: NDArray[np.float64],
    flow: LipFlow | None,
    size: int,
    target: Points | None,
) -> WarpedReference:
    """A reference whose head is moved by an affine and its lips by a flow."""
    grid, disoccluded = flow or (SamplingGrid(pixel_grid(size)), None)
    grid = grid.transformed(cv2.invertAffineTransform(affine))
    image = grid.sample(reference.view)
    return WarpedReference(image, grid, target, disoccluded, reference.source)


def align(source: Points, target: Points) -> NDArray[np.float64]:
    """Least-squares affine `[2, 3]` between the rigid landmarks of two faces `[468, 2+]`."""
    rigid = list(RIGID)
    ones = np.ones((len(rigid), 1))
    solution, *_ = np.linalg.lstsq(np.hstack([source[rigid, :2], ones]), target[rigid, :2])
    return np.asarray(solution.T, np.float64)


def warp(image: Image, affine: NDArray[np.float64], size: int) -> Image:
    """Warp an image by an affine `[2, 3]` from its pixels to those of a square result."""
    result = cv2.warpAffine(image, affine, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(result, np.uint8)


def transform(points: Points, affine: NDArray[np.float64]) -> Points:
    """Map points `[N, 2+]` by an affine `[2, 3]` to `[N, 2]`."""
    return np.asarray(points[:, :2] @ affine[:, :2].T + affine[:, 2], np.float32)


def place(landmarks: Points, affine: NDArray[np.float64]) -> Points:
    """Map landmarks `[N, 3]` by an affine `[2, 3]`; depth is scaled by the same factor."""
    scale = np.sqrt(abs(np.linalg.det(affine[:, :2])))
    flat = transform(landmarks, affine)
    return np.hstack([flat, (scale * landmarks[:, 2:3]).astype(np.float32)])
