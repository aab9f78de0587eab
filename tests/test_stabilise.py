"""Placement: steady, without lag, faded where a face is lost, cut where a shot is."""

from __future__ import annotations

import numpy as np

from talkernel.face.crop import CausalSmoother, Crop
from talkernel.face.pose import HeadPose, canonical_face
from talkernel.face.stabilise import FADE, Placement, stabilise
from talkernel.face.track import Observation, TrackedFace
from talkernel.media import Picture, PixelLayout


def seen(x: float, cut: bool = False) -> Observation:
    pose = HeadPose(50.0, np.eye(3), np.zeros(3))
    face = TrackedFace(
        canonical_face().astype(np.float32), pose, np.array([x, 100.0, 80.0, x + 5.0, 130.0])
    )
    return Observation(face, None, cut)


LOST = Observation(None, "no face", False)


def place(observations: list[Observation], share: float = 1.0) -> list[Placement]:
    plane = np.zeros((2, 2), np.uint8)
    pictures = [Picture((plane, plane, plane), PixelLayout("yuv444p", 8, (0, 0)), float(i))
                for i in range(len(observations))]  # fmt: skip
    placed = list(stabilise(zip(pictures, observations, strict=True), share))
    assert [picture.time for picture, _ in placed] == list(map(float, range(len(observations))))
    return [placement for _, placement in placed]


def lefts(placements: list[Placement]) -> list[int]:
    return [p.crop.left for p in placements if p.crop is not None]


def test_a_still_face_with_jitter_gets_a_steady_crop() -> None:
    rng = np.random.default_rng(0)
    left = lefts(place([seen(100 + rng.normal(0, 0.5)) for _ in range(60)]))
    assert np.ptp(left) <= 2


def test_a_moving_face_is_followed_without_lag() -> None:
    left = lefts(place([seen(100 + 3 * i) for i in range(60)]))
    np.testing.assert_allclose(left, [60 + 3 * i for i in range(60)], atol=1.01)


def test_the_edit_fades_out_before_a_gap_and_in_after_it() -> None:
    placements = place([*[seen(100)] * 20, *[LOST] * 5, *[seen(100)] * 20])
    strengths = [p.strength for p in placements]
    assert strengths[:15] == [1.0] * 15 and strengths[-15:] == [1.0] * 15
    assert strengths[20:25] == [0.0] * 5
    ramp = [round((i + 1) / (FADE + 1), 6) for i in range(FADE)]
    assert [round(s, 6) for s in strengths[16:20]] == ramp[::-1]
    assert [round(s, 6) for s in strengths[25:29]] == ramp
    assert placements[22].crop is None and placements[22].reason == "no face"


def test_no_fade_at_the_ends_and_none_across_a_cut() -> None:
    placements = place([*[seen(100)] * 10, seen(300, cut=True), *[seen(300)] * 9])
    assert [p.strength for p in placements] == [1.0] * 20
    assert lefts(placements) == [60] * 10 + [260] * 10


def test_a_part_of_the_face_lies_around_the_mouth() -> None:
    crops = {placement.crop for placement in place([seen(100)] * 12, share=0.5)}
    assert crops == {Crop(105 - 21, 130 - 20, 40)}  # 105 is odd: the even pixel before it


def test_short_and_empty_videos() -> None:
    assert place([]) == []
    assert len(place([seen(100)])) == 1
    assert place([LOST, LOST])[1].crop is None


def test_crops_lie_on_even_pixels() -> None:
    crop = Crop.around(101.3, 77.7, 93.1)
    assert all(value % 2 == 0 for value in (crop.left, crop.top, crop.side))
    assert abs(crop.left + crop.side / 2 - 101.3) <= 1 and abs(crop.side - 93.1) <= 1


def test_the_live_smoother_rests_and_follows() -> None:
    rng = np.random.default_rng(0)
    jitter = np.stack([np.array([100, 100, 80.0]) + rng.normal(0, 0.5, 3) for _ in range(100)])
    live = CausalSmoother(25.0)
    assert np.stack([live(g) for g in jitter])[30:].std(0).max() < 0.4
    moving = np.stack([np.array([100 + 4.0 * i, 100, 80]) for i in range(50)])
    live = CausalSmoother(25.0)
    lag = moving[-1, 0] - np.stack([live(g) for g in moving])[-1, 0]
    assert 0 <= lag < 4.0
