"""Shot boundary detection: finds the cuts of a video, frame by frame."""

from __future__ import annotations

from collections import deque

from talkernel.face.scene import NEW_VIEW, Scene
from talkernel.media import Picture

__all__ = ["NEW_VIEW", "Scene", "ShotCutter"]

# Chosen on labelled sequences (`lab.shots`). Cuts exceeded the expected change by 0.44 or more,
# those before one and the same background by 0.30 or more in 98 of 100; neighbouring frames of
# pans did by at most 0.29, of other shots without a cut by 0.26, of boards that appear by 0.41.
CUT = 0.29  # change of the view in one frame, beyond the expected change
CUT_ACROSS_BLANK = 0.5  # the same where blank frames lie between, in which much may move
RECENT = 3  # frames whose largest change is expected again: pans, people who walk past, grain
EXPECTED = 0.4  # change expected of the frames before the first


class ShotCutter:
    """Tells cuts from motion, from changing light and from gradual transitions.

    A cut is a change of the view that is much larger than those just before it. Blank frames
    are skipped: the next picture is compared with the last one before them.

    Attributes:
        scene: The last frame's view; None before the first frame.
    """

    def __init__(self) -> None:
        self.scene: Scene | None = None
        self._seen: Scene | None = None
        self._recent = deque([EXPECTED] * RECENT, maxlen=RECENT)
        self._was_cut = self._was_blank = False

    def update(self, picture: Picture) -> bool:
        """Whether the next frame begins a new shot."""
        self.scene, before = Scene.of(picture), self._seen
        if before is not None and before.equals(self.scene):
            return self._is_cut(0.0)  # keeps `_seen`: in a slow fade all neighbours are equal
        if self.scene.blank:
            self._was_blank = True
            return False
        self._seen = self.scene
        return before is not None and self._is_cut(before.change(self.scene))

    def _is_cut(self, change: float) -> bool:
        expected = max(self._recent)
        limit = CUT_ACROSS_BLANK if self._was_blank else CUT
        cut = change - expected > limit * (1.0 - expected)
        if not cut or self._was_cut:  # two in a row are grain rather than cuts
            self._recent.append(change)
        self._was_cut, self._was_blank = cut, False
        return cut
