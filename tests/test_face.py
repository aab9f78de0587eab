"""Detection, mesh, pose and tracking on a published portrait."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from skimage.data import astronaut

from talkernel.errors import FaceChoiceError, InstallationError
from talkernel.face.choose import FaceByIndex, FaceInBox, FaceLikeReference
from talkernel.face.crop import SIDE, Crop, crop_geometry, crop_of, face_geometry
from talkernel.face.detect import FaceDetector
from talkernel.face.lips import JAW, SHAPE, lip_shape, mirrored, mouth_opening, neutral_shape
from talkernel.face.mesh import FaceMesh, Region
from talkernel.face.network import model_path
from talkernel.face.pose import RIGID, HeadPose, canonical_face
from talkernel.face.track import FaceTracker
from talkernel.media.sample import picture_of_rgb
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.blend import border_window
from talkernel.mouth.mask import mouth_mask
from tests.faces import blank, portrait_on_canvas

MESH = "face_landmark_with_attention.tflite"


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def test_the_detector_locates_the_portrait(detector: FaceDetector) -> None:
    face = detector.detect(picture_of_rgb(astronaut()))[0]
    left, top, right, bottom = face.box
    assert 150 < left < 190 and 260 < right < 300 and 50 < top < 110 and 150 < bottom < 220
    eyes = face.points[:2]
    assert eyes[0, 0] < eyes[1, 0] and abs(eyes[0, 1] - eyes[1, 1]) < 20


def test_nothing_is_detected_in_an_empty_picture(detector: FaceDetector) -> None:
    assert detector.detect(picture_of_rgb(blank())) == []


def test_a_close_up_that_fills_the_picture_is_detected(detector: FaceDetector) -> None:
    close = astronaut()[60:215, 155:285]
    faces = detector.detect(picture_of_rgb(np.ascontiguousarray(close)))
    assert len(faces) == 1 and faces[0].box[2] - faces[0].box[0] > 60


def test_landmarks_lie_on_the_face_at_any_scale(detector: FaceDetector) -> None:
    mesh, found = FaceMesh(), []
    for scale in (0.4, 0.8):
        picture = picture_of_rgb(portrait_on_canvas(scale=scale))
        points, presence = mesh.landmarks(picture, Region.of_detection(detector.detect(picture)[0]))
        assert presence > 0.9
        found.append((points[:, :2] - np.array([200, 20])) / scale)
    np.testing.assert_allclose(found[0], found[1], atol=8.0)


def test_pose_recovers_a_known_transform() -> None:
    angle = 0.4
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    points = 70.0 * canonical_face() @ turn.T + np.array([300.0, 200.0, 5.0])
    pose = HeadPose.fit(points)
    assert pose.scale == pytest.approx(70.0)
    assert pose.yaw == pytest.approx(angle) and abs(pose.roll) < 1e-9 and abs(pose.pitch) < 1e-9
    np.testing.assert_allclose(pose.to_canonical(points), canonical_face(), atol=1e-9)
    np.testing.assert_allclose(pose.to_frame(canonical_face()), points, atol=1e-9)


def test_an_opening_jaw_neither_moves_nor_scales_the_crop() -> None:
    points = 70.0 * canonical_face()
    opened = points.copy()
    moving = [i for i in SHAPE if i not in RIGID]
    opened[moving, 1] += 25.0
    before, after = (crop_geometry(HeadPose.fit(p)) for p in (points, opened))
    np.testing.assert_array_equal(before, after)
    gap = mouth_opening(np.stack([lip_shape(points)]))
    assert gap > 0 and set(JAW) < set(SHAPE)


@pytest.mark.parametrize("yaw", [-40, 0, 40])
@pytest.mark.parametrize("pitch", [-25, 0, 25])
@pytest.mark.parametrize("roll", [-30, 0, 30])
def test_the_mouth_mask_lies_within_the_generators_crop(
    yaw: float, pitch: float, roll: float
) -> None:
    face = canonical_face().copy()
    face[[i for i in SHAPE if i not in RIGID and face[i, 1] > 1.2], 1] += 0.3  # an open mouth
    turn = Rotation.from_euler("yxz", [yaw, pitch, roll], degrees=True).as_matrix()
    points = 70.0 * face @ turn.T + np.array([300.0, 200.0, 5.0])
    fraction, size = 0.75, 192
    crop = crop_of(face_geometry(HeadPose.fit(points)), fraction)
    assert crop.side == pytest.approx(fraction * SIDE * 70.0, abs=1.0)
    weight = mouth_mask(crop.to_view(points, size), size, size / fraction)
    assert weight.max() == 1.0
    assert (weight * (border_window(size) == 0.0)).max() < 0.05


def test_a_fraction_of_one_gives_the_papers_face_crop() -> None:
    pose = HeadPose.fit(70.0 * canonical_face())
    assert crop_of(face_geometry(pose), 1.0) == Crop.around(*crop_geometry(pose))


def test_lip_codes_and_mirroring_round_trip() -> None:
    rng = np.random.default_rng(0)
    shapes = rng.normal(0, 0.1, (300, 4)) @ rng.normal(0, 1, (4, 3 * len(SHAPE)))
    shapes = shapes.astype(np.float32)
    basis = LipBasis.fit([shapes], 4)
    deviations = shapes - neutral_shape(shapes)
    codes = basis.encode(deviations)
    np.testing.assert_allclose(codes.std(0), 1.0, atol=0.01)
    np.testing.assert_allclose(basis.decode(codes), deviations, atol=1e-3)
    np.testing.assert_allclose(mirrored(mirrored(deviations)), deviations, atol=1e-6)


def test_the_tracker_follows_a_face_detects_cuts_and_reports_a_lost_face() -> None:
    tracker = FaceTracker()
    left = []
    for i in range(12):
        seen = tracker.update(picture_of_rgb(portrait_on_canvas(at=(100.0 + 8 * i, 20.0))))
        assert seen.face is not None and not seen.cut
        left.append(seen.face.geometry[0])
    np.testing.assert_allclose(np.diff(left), 8.0, atol=2.0)
    lost = tracker.update(picture_of_rgb(np.full((360, 640, 3), 250, np.uint8)))
    assert lost.face is None and lost.reason == "no face"
    again = tracker.update(picture_of_rgb(portrait_on_canvas(at=(300.0, 20.0))))
    assert again.face is not None and again.face.person == 1 and again.face.track == 2


def test_hysteresis_keeps_a_head_near_the_limit_from_flickering(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    yaws = [0.9, 0.9, 1.0, 0.9, 1.0, 0.8, 0.7, 0.9]
    turned = [100.0 * Rotation.from_euler("y", yaw).apply(canonical_face()) for yaw in yaws]
    landmarks = iter((np.add(face, [150.0, 150.0, 0.0]), 1.0) for face in turned)
    monkeypatch.setattr(FaceMesh, "landmarks", lambda *_: next(landmarks))
    tracker, picture = FaceTracker(), picture_of_rgb(portrait_on_canvas())
    accepted = [tracker.update(picture).face is not None for _ in yaws]
    assert accepted == [True, True, False, False, False, False, True, True]


def test_a_tiny_face_is_too_small() -> None:
    seen = FaceTracker().update(picture_of_rgb(portrait_on_canvas(160, 90, (50.0, 10.0), 0.18)))
    assert seen.face is None and seen.reason == "face too small"


def two_faces() -> np.ndarray:
    canvas = portrait_on_canvas(at=(20.0, 60.0), scale=0.5)
    right = portrait_on_canvas(at=(350.0, 20.0), scale=0.7)[:, ::-1][:, ::-1]
    canvas[:, 340:] = right[:, 340:]
    return canvas


@pytest.mark.parametrize(
    "chooser, side",
    [
        (None, "right"),
        (FaceByIndex(0), "left"),
        (FaceByIndex(1), "right"),
        (FaceInBox((0, 360, 0, 300), 640, 360), "left"),
    ],
)
def test_the_chosen_one_of_two_faces_is_followed(chooser: FaceByIndex | None, side: str) -> None:
    tracker = FaceTracker(chooser)
    seen = tracker.update(picture_of_rgb(two_faces()))
    assert seen.face is not None and tracker.faces_seen == 2
    assert ("left" if seen.face.geometry[0] < 320 else "right") == side


@pytest.mark.parametrize("box", [(0, 400, 0, 100), (10, 10, 0, 100), (-1, 50, 0, 100)])
def test_a_box_outside_the_picture_is_rejected(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(FaceChoiceError):
        FaceInBox(box, 640, 360)


def test_choices_that_fit_no_face_are_rejected() -> None:
    with pytest.raises(FaceChoiceError):
        FaceByIndex(-1)
    with pytest.raises(FaceChoiceError):
        FaceLikeReference(picture_of_rgb(blank()))


def test_the_error_names_a_missing_model() -> None:
    with pytest.raises(InstallationError, match=r"other\.tflite"):
        model_path("other.tflite")
    assert model_path(MESH).stat().st_size > 10**6


def test_a_small_face_in_a_large_picture_is_detected(detector: FaceDetector) -> None:
    canvas = portrait_on_canvas(1920, 1080, (1300.0, 600.0), 0.75)
    faces = detector.detect(picture_of_rgb(canvas))
    assert len(faces) == 1
    left, top, right, bottom = faces[0].box
    assert 1300 < left < right < 1500 and 600 < top < bottom < 760
