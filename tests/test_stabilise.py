"""Placement: steady, without lag, faded where a face is lost, separate for each track."""

from __future__ import annotations

import dataclasses

import numpy as np

from talkernel.face.crop import Crop
from talkernel.face.lips import SHAPE
from talkernel.face.pose import RIGID, HeadPose, canonical_face
from talkernel.face.stabilise import FADE, PlacedFrame, Placement, stabilise
from talkernel.face.track import Observation, TrackedFace
from talkernel.media import Picture, PixelLayout


def face_at(x: float, track: int = 0, person: int = 1) -> TrackedFace:
    pose = HeadPose(50.0, np.eye(3), np.zeros(3))
    geometry = np.array([x, 100.0, 80.0, x + 5.0, 130.0])
    return TrackedFace(canonical_face().astype(np.float32), pose, geometry, track, person)


def observed(x: float, cut: bool = False, track: int = 0, person: int = 1) -> Observation:
    return Observation((face_at(x, track, person),), None, cut)


LOST = Observation((), "no face", False)


def frames(observations: list[Observation], fraction: float = 1.0) -> list[PlacedFrame]:
    plane = np.zeros((2, 2), np.uint8)
    pictures = [
        Picture((plane, plane, plane), PixelLayout("yuv444p", 8, (0, 0)), float(i))
        for i in range(len(observations))
    ]
    placed = list(stabilise(zip(pictures, observations, strict=True), fraction))
    assert [frame.picture.time for frame in placed] == list(map(float, range(len(observations))))
    return placed


def place(observations: list[Observation], fraction: float = 1.0) -> list[Placement | None]:
    return [next(iter(frame.placements), None) for frame in frames(observations, fraction)]


def placed(observations: list[Observation]) -> list[Placement]:
    """The placements, where every frame has a face."""
    found = [placement for placement in place(observations) if placement is not None]
    assert len(found) == len(observations)
    return found


def moved(by: np.ndarray) -> list[Observation]:
    """Faces whose landmarks are moved by `[T, 468, 3]` pixels."""
    face = face_at(100)
    return [
        Observation((dataclasses.replace(face, landmarks=face.landmarks + shift),), None, False)
        for shift in by
    ]


def errors(shifts: np.ndarray, truth: np.ndarray, indices: list[int]) -> np.ndarray:
    """Mean error of some landmarks, `[T]` pixels."""
    own = canonical_face()[indices]
    found = np.stack([p.landmarks[indices] for p in placed(moved(shifts))])
    return np.asarray(np.abs(found - own - truth[:, indices]).mean((1, 2)))


def test_rigid_landmarks_are_smoothed_and_mouth_landmarks_are_not() -> None:
    noise = np.random.default_rng(0).normal(0, 1.0, (60, 468, 3))
    still = np.zeros_like(noise)
    head, mouth = list(RIGID), list(SHAPE)
    assert errors(noise, still, head)[5:-5].mean() < 0.6 * np.abs(noise[:, head]).mean()
    np.testing.assert_allclose(errors(noise, noise, mouth), 0.0, atol=1e-5)


def test_a_nodding_head_is_followed_to_its_full_extent() -> None:
    frames = np.arange(100)
    for hertz, tolerance in ((1.0, 0.01), (2.0, 0.1)):
        nod = 10.0 * np.sin(2 * np.pi * hertz * frames / 25)[:, None, None] * np.ones((1, 468, 3))
        assert errors(nod, nod, list(RIGID))[5:-5].max() < 10.0 * tolerance
    steady = 2.0 * frames[:, None, None] * np.ones((1, 468, 3))
    np.testing.assert_allclose(errors(steady, steady, list(RIGID)), 0.0, atol=1e-3)  # to the ends


def lefts(placements: list[Placement | None]) -> list[int]:
    return [p.crop.left for p in placements if p is not None]


def strengths_of(placements: list[Placement | None]) -> list[float]:
    return [0.0 if p is None else p.strength for p in placements]


def test_a_still_face_with_jitter_gets_a_steady_crop() -> None:
    rng = np.random.default_rng(0)
    left = lefts(place([observed(100 + rng.normal(0, 0.5)) for _ in range(60)]))
    assert np.ptp(left) <= 2


def test_a_moving_face_is_followed_without_lag() -> None:
    left = lefts(place([observed(100 + 3 * i) for i in range(60)]))
    np.testing.assert_allclose(left, [60 + 3 * i for i in range(60)], atol=1.01)


def test_the_edit_fades_out_before_a_gap_and_in_after_it() -> None:
    placements = frames([*[observed(100)] * 20, *[LOST] * 5, *[observed(100)] * 20])
    strengths = strengths_of([next(iter(frame.placements), None) for frame in placements])
    assert strengths[:15] == [1.0] * 15 and strengths[-15:] == [1.0] * 15
    assert strengths[20:25] == [0.0] * 5
    ramp = [round((i + 1) / (FADE + 1), 6) for i in range(FADE)]
    assert [round(s, 6) for s in strengths[16:20]] == ramp[::-1]
    assert [round(s, 6) for s in strengths[25:29]] == ramp
    assert placements[22].placements == () and placements[22].reason == "no face"


def test_no_fade_at_the_ends_and_none_across_a_cut() -> None:
    placements = place([*[observed(100)] * 10, observed(300, cut=True), *[observed(300)] * 9])
    assert strengths_of(placements) == [1.0] * 20
    assert lefts(placements) == [60] * 10 + [260] * 10


def test_nothing_is_smoothed_across_the_end_of_a_track() -> None:
    """The track changes from one frame to the next, without a cut."""
    placements = place([*[observed(100)] * 10, *[observed(300, track=1)] * 10])
    assert strengths_of(placements) == [1.0] * 20
    assert lefts(placements) == [60] * 10 + [260] * 10
    assert [p.track for p in placements if p is not None] == [0] * 10 + [1] * 10


def test_the_edit_fades_where_one_person_turns_into_another() -> None:
    placements = place([*[observed(100)] * 20, *[observed(101, track=1, person=2)] * 20])
    ramp = [round((i + 1) / (FADE + 1), 6) for i in range(FADE)]
    strengths = [round(s, 6) for s in strengths_of(placements)]
    assert strengths[16:24] == [*ramp[::-1], *ramp]


def test_several_people_are_placed_apart() -> None:
    both = Observation((face_at(100, 0, 1), face_at(300, 1, 2)), None, False)
    one = Observation((face_at(300, 1, 2),), None, False)
    placed = frames([*[both] * 10, *[one] * 10])
    assert [len(frame.placements) for frame in placed] == [2] * 10 + [1] * 10
    assert {p.crop.left for frame in placed for p in frame.placements if p.track == 1} == {260}
    assert placed[9].placements[0].strength < 0.3 and placed[9].placements[1].strength == 1.0


def test_a_shaken_or_jumping_head_is_not_moved_from_its_place() -> None:
    """Smoothing must not draw a nose beside the nose."""
    shake = 9.0 * np.random.default_rng(1).choice([-1, 1], 60)[:, None, None] * np.ones((1, 468, 3))
    assert errors(shake, shake, list(RIGID)).max() < 0.7
    jump = np.repeat([0.0, 40.0], 20)[:, None, None] * np.ones((1, 468, 3))
    assert errors(jump, jump, list(RIGID)).max() < 0.7


def test_the_crop_jumps_with_the_head() -> None:
    left = lefts(place([*[observed(100)] * 10, *[observed(130)] * 10]))
    assert left == [60] * 10 + [90] * 10


def test_a_smaller_crop_is_centred_on_the_mouth() -> None:
    crops = {p.crop for p in place([observed(100)] * 12, fraction=0.5) if p is not None}
    assert crops == {Crop(105 - 21, 130 - 20, 40)}  # 105 is odd: the even pixel before it


def test_short_and_empty_videos() -> None:
    assert place([]) == []
    assert len(place([observed(100)])) == 1
    assert place([LOST, LOST]) == [None, None]


def test_crops_lie_on_even_pixels() -> None:
    crop = Crop.around(101.3, 77.7, 93.1)
    assert all(value % 2 == 0 for value in (crop.left, crop.top, crop.side))
    assert abs(crop.left + crop.side / 2 - 101.3) <= 1 and abs(crop.side - 93.1) <= 1
