"""Draws a mouth into a frame: crop, mask, generator and blend.

All code that draws a mouth uses `MouthRenderer`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkernel.engine import Engine
from talkernel.face.stabilise import Placement
from talkernel.face.view import crop_view
from talkernel.media.frame import Picture
from talkernel.mouth.blend import blend_onto_frame, to_network
from talkernel.mouth.mask import FrameInput
from talkernel.mouth.person import Appearance

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Edit:
    """One frame's edit, for `MouthRenderer.watch`.

    Attributes:
        before: The frame before the edit.
        after: The frame after it; only valid during the call.
        placement: Where it was edited.
        shown: The generator's input.
        attention: `[S, S]` the generator's attention mask.
        alpha: `[S, S]` the blend weight, before the border window.
        motion: `[3, S, S]` the generator's motion image, RGB in -1..1.
    """

    before: Picture
    after: Picture
    placement: Placement
    shown: FrameInput
    attention: Array
    alpha: Array
    motion: Array


class MouthRenderer:
    """Draws mouths with one engine.

    `prepare` and `paint` are the two halves of `render`. `paint` is `generate` and `blend`. The
    pipeline runs the halves in two threads.

    Args:
        engine: Runs the generator.
        watch: Called with every edit. Frames are copied only if it is given.
    """

    def __init__(self, engine: Engine, watch: Callable[[Edit], None] | None = None) -> None:
        self.engine, self.watch = engine, watch

    def render(
        self,
        picture: Picture,
        placement: Placement,
        appearance: Appearance,
        lip_code: Array,
        kernels: Array,
    ) -> None:
        """Draw a mouth into a frame, in place.

        Args:
            picture: The frame; its planes are written within the crop.
            placement: Where the face is, and the opacity of the edit.
            appearance: The person's appearance.
            lip_code: `[K]` target lip code, or AudioNet's features `[512]` if the model has no
                lip code.
            kernels: `[layers, c1, c2 * ks * ks + 1]` predicted from the lip code.
        """
        shown = self.prepare(picture, placement, appearance, lip_code)
        self.paint(picture, placement, shown, kernels)

    def prepare(
        self, picture: Picture, placement: Placement, appearance: Appearance, lip_code: Array
    ) -> FrameInput:
        """The generator's input for a frame; arguments as in `render`.

        An overlay is lifted off the frame, until `blend` lays it back.
        """
        config, size = self.engine.config, self.engine.config.crop_size
        points = placement.crop.to_view(placement.landmarks, size)
        warped = None
        if config.reference:
            warped = appearance.warped(points, size, lip_code, self.engine.basis)
        lifted = placement.overlay and placement.overlay.lift(picture)
        view = crop_view(picture, placement.crop, size)
        shown = FrameInput.of(view, points, config.face_size, warped, config.masked)
        return shown._replace(lifted=lifted)

    def paint(
        self, picture: Picture, placement: Placement, shown: FrameInput, kernels: Array
    ) -> None:
        """Run the generator and blend its output onto the frame, in place (eq. 7)."""
        self.blend(picture, placement, shown, self.generate(shown, kernels))

    def generate(self, shown: FrameInput, kernels: Array) -> tuple[Array, Array] | None:
        """Attention `[S, S]` in 0..1 and motion image `[3, S, S]` in -1..1.

        None if the reference shows the whole mouth and nobody watches: they would not be used.
        """
        if self.watch is None and not shown.needs_generator:
            return None
        face = to_network(shown.picture)
        attention, motion = self.engine.synthesise(face[None], kernels[None])
        return attention[0, 0], motion[0]

    def blend(
        self,
        picture: Picture,
        placement: Placement,
        shown: FrameInput,
        drawn: tuple[Array, Array] | None,
    ) -> None:
        """Blend the output of `generate` onto the frame, in place."""
        before = None if self.watch is None else _unedited(picture, shown)
        attention, motion = drawn or (None, None)
        alpha = shown.blend_alpha(attention)
        strength = placement.strength * (1.0 if shown.reference is None else shown.reference.trust)
        skin = shown.skin_flow()
        blend_onto_frame(picture, placement.crop, alpha, motion, strength, shown.reference, skin)
        if shown.lifted is not None:
            shown.lifted.lay_back(picture)
        if self.watch is not None and before is not None and drawn is not None:
            attention, motion = drawn
            self.watch(Edit(before, picture, placement, shown, attention, alpha, motion))


def _unedited(picture: Picture, shown: FrameInput) -> Picture:
    """A copy of a frame as it was, with what `MouthRenderer.prepare` has lifted off it."""
    copy = picture.copy()
    if shown.lifted is not None:
        shown.lifted.lay_back(copy)
    return copy
