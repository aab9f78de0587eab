"""Metrics against known values and against the libraries that define them."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.data import astronaut
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from talkernel.errors import CheckpointError, MissingFileError
from talkernel.face.crop import Crop
from talkernel.face.lips import mouth_opening
from talkernel.face.pose import HeadPose
from talkernel.face.stabilise import Placement
from talkernel.face.track import FaceTracker
from talkernel.face.view import crop_view
from talkernel.lab.correlation import correlation
from talkernel.lab.evaluate.align import (
    RIGID,
    SIDE,
    TEMPLATE,
    aligned_face,
    detector_box,
    to_aligned,
    transformed,
)
from talkernel.lab.evaluate.bootstrap import mean_with_interval
from talkernel.lab.evaluate.dlib_face import embedding, landmarks68
from talkernel.lab.evaluate.edit_metrics import EditMetrics
from talkernel.lab.evaluate.identity import identity
from talkernel.lab.evaluate.lse import lse
from talkernel.lab.evaluate.mfcc import mfcc
from talkernel.lab.evaluate.mouth_motion import (
    CLOSED_QUANTILE,
    following,
    input_correlation,
    lip_closure,
    motion_in_silence,
)
from talkernel.lab.evaluate.predicted_sync import predicted_opening, predicted_sync
from talkernel.lab.evaluate.preservation import preservation
from talkernel.lab.evaluate.quality import _scores, lmd, psnr, psnr_8bit
from talkernel.lab.evaluate.syncnet import SyncNet, distances, load_syncnet, lse_of
from talkernel.lab.evaluate.tracked_video import TrackedVideo, track_video
from talkernel.media import open_speech
from talkernel.media.sample import picture_of_rgb
from talkernel.model.checkpoint import load_model
from talkernel.model.weights import default_weights, read_basis
from talkernel.mouth.mask import FrameInput
from talkernel.mouth.renderer import Edit
from talkernel.speech.features import SpeechFeatures
from tests.jobs import Painter
from tests.videos import images_of, write_video

Image = NDArray[np.uint8]
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def portrait() -> Image:
    return np.ascontiguousarray(astronaut()[:400, 60:400], np.uint8)


@pytest.fixture(scope="module")
def pose(portrait: Image) -> HeadPose:
    return pose_of(portrait)


def pose_of(rgb: Image) -> HeadPose:
    face = FaceTracker().update(picture_of_rgb(rgb)).face
    assert face is not None
    return face.pose


def wandering(frames: int, seed: int) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).standard_normal(frames + 8)
    return np.asarray(np.convolve(noise, np.ones(9) / 9, "valid"), np.float32)


def test_psnr_is_scikit_images() -> None:
    a, b = RNG.integers(0, 256, (2, 40, 50)).astype(np.uint8)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b))
    assert psnr(a, a) == 100.0
    assert psnr(a // 2, a // 2 + 1) == pytest.approx(20 * math.log10(255))


def test_psnr_by_the_published_script_wraps() -> None:
    black, grey = np.zeros((8, 8), np.uint8), np.full((8, 8), 16, np.uint8)
    assert psnr_8bit(black, grey) == 100.0  # 16 squared is 0 modulo 256
    a, b = RNG.integers(0, 256, (2, 200, 200)).astype(np.uint8)
    assert psnr(a, b) < 9 < 27 < psnr_8bit(a, b)
    near = np.clip(a.astype(int) + RNG.integers(-9, 10, a.shape), 0, 255).astype(np.uint8)
    assert psnr_8bit(near, a) == pytest.approx(psnr(near, a))


def test_ssim_is_scikit_images() -> None:
    a = np.asarray(astronaut()[100:228, 150:278], np.uint8)
    b = cv2.GaussianBlur(a, (0, 0), 2)
    large, blurred = (cv2.resize(x, (256, 256), interpolation=cv2.INTER_AREA) for x in (a, b))
    reference = structural_similarity(large, blurred, channel_axis=2)
    assert _scores(a, b)[2] == pytest.approx(reference, abs=1e-5)
    assert _scores(a, a) == (100.0, 100.0, pytest.approx(1.0))


def test_landmark_distance_is_blind_to_a_shift_only() -> None:
    mouth = RNG.uniform(0, 40, (20, 2))
    assert lmd(mouth + np.array([5, -3]), mouth) == pytest.approx(0)
    opened = mouth.copy()
    opened[:10, 1] += 2  # half of the points by 2 is, about the mean, all of them by 1
    assert lmd(opened, mouth) == pytest.approx(1)


def test_alignment_undoes_scale_turn_and_shift(portrait: Image, pose: HeadPose) -> None:
    turned = cv2.getRotationMatrix2D((170, 150), 9.0, 0.8)
    turned[:, 2] += (12, 20)
    moved = np.asarray(cv2.warpAffine(portrait, turned, (340, 400), flags=cv2.INTER_AREA), np.uint8)
    before, after = (landmarks68(rgb, p) for rgb, p in ((portrait, pose), (moved, pose_of(moved))))
    faces = [
        aligned_face(picture_of_rgb(rgb), points)
        for rgb, points in ((portrait, before), (moved, after))
    ]
    assert faces[0].shape == (SIDE, SIDE, 3)
    assert psnr(faces[0], faces[1]) > 24
    exact = transformed(turned, before)
    assert np.allclose(
        transformed(to_aligned(exact), exact), transformed(to_aligned(before), before), atol=1e-3
    )


def test_a_face_like_the_template_is_put_on_it() -> None:
    points = np.zeros((68, 2))
    points[RIGID] = (TEMPLATE - 64) @ np.array([[0, -2], [2, 0]]) + 300
    assert np.allclose(transformed(to_aligned(points), points[RIGID]), TEMPLATE)


def test_landmarks_are_those_of_dlibs_own_detector(portrait: Image, pose: HeadPose) -> None:
    import dlib
    import face_recognition_models as models

    (box,) = dlib.get_frontal_face_detector()(portrait, 0)
    ours = dlib.rectangle(*detector_box(pose))
    common = ours.intersect(box).area()
    assert common / (ours.area() + box.area() - common) > 0.7
    predictor = dlib.shape_predictor(models.pose_predictor_model_location())
    theirs = np.array([[p.x, p.y] for p in predictor(portrait, box).parts()])
    distance = np.linalg.norm(landmarks68(portrait, pose) - theirs, axis=1).mean()
    assert distance < 0.02 * box.width()


def test_identity_tells_a_face_from_a_changed_one(portrait: Image, pose: HeadPose) -> None:
    darker = np.asarray(portrait * 0.7, np.uint8)
    other = portrait.copy()
    left, top, right, bottom = detector_box(pose)
    other[top:bottom, left:right] = cv2.GaussianBlur(other[top:bottom, left:right], (0, 0), 12)
    own, dark, blurred = (embedding(rgb, pose) for rgb in (portrait, darker, other))
    assert identity({0: own}, {0: own}) == {"identity": 0.0, "csim": pytest.approx(1.0)}
    near, far = identity({0: dark}, {0: own}), identity({0: blurred}, {0: own})
    assert near["identity"] < 0.2 < far["identity"] and near["csim"] > far["csim"]
    assert math.isnan(identity({1: own}, {0: own})["identity"])


def test_mouth_follows_copies_and_leaks() -> None:
    speech, seen = wandering(200, 1), wandering(200, 2)
    late = np.roll(speech, 2) * 0.5
    figures = following(late, speech)
    assert figures["r_lag-2"] > 0.99 > figures["r_speech"] == figures["r_lag+0"]
    assert figures["amplitude"] == pytest.approx(0.5, rel=0.02)
    assert input_correlation(seen, seen)["r_input"] == pytest.approx(1)
    talking = 0.2 + 0.1 * np.sin(np.arange(100, dtype=np.float32))
    shut = np.full(100, np.quantile(talking, CLOSED_QUANTILE), np.float32)
    assert motion_in_silence(talking, talking) == pytest.approx({"movement": 1.0, "open": 1.0})
    assert motion_in_silence(shut, talking) == pytest.approx(
        {"movement": 0.0, "open": 0.0}, abs=1e-6
    )


def test_lips_are_counted_that_meet_with_the_speakers_and_else() -> None:
    wanted = np.array([0.0, 0.02, 0.01, 0.0, 0.2, 0.1, 0.3, np.nan, 0.0], np.float32)
    judged = np.array([0.01, 0.1, 0.02, np.nan, 0.0, 0.2, 0.3, 0.0], np.float32)
    found = lip_closure(judged, wanted)
    assert found == pytest.approx({"met": 2 / 3, "met_else": 1 / 3})
    assert lip_closure(wanted, wanted) == {"met": 1.0, "met_else": 0.0}
    assert math.isnan(lip_closure(judged[5:7], wanted[5:7])["met"])


def test_correlation_finds_a_lag_and_skips_gaps() -> None:
    wave = np.sin(np.arange(100) / 3).astype(np.float32)
    later = np.roll(wave, 2)
    later[20:25] = np.nan
    assert correlation(wave, wave) == pytest.approx(1.0)
    assert correlation(later, wave, -2) > 0.99 > correlation(later, wave, 0)
    assert np.isnan(correlation(wave, np.ones(100, np.float32)))


def test_sync_offset_is_how_late_the_picture_is() -> None:
    predicted = wandering(150, 3)
    found = predicted_sync(np.roll(predicted, 4), predicted)
    assert found["sync_offset"] == 4 and found["sync_score"] > 0.95
    assert math.isnan(predicted_sync(np.ones(50, np.float32), predicted[:50])["sync_score"])


def test_the_predicted_mouth_shuts_in_silence(folder: Path) -> None:
    speech = open_speech(folder / "speech.wav")
    predicted = predicted_opening(speech, Fraction(25), 40)  # 15 frames longer than the sound
    assert predicted.shape == (40,) and np.isfinite(predicted).all()
    assert predicted[30:].max() < predicted[:25].min()


def test_predicted_lip_codes_are_decoded_with_the_models_own_basis(folder: Path) -> None:
    speech, model = open_speech(folder / "speech.wav"), load_model(default_weights()).eval()
    features = SpeechFeatures(25, model.config, model.encode)
    windows = np.concatenate([features.push(speech.wave()), features.finish(25)])
    with torch.inference_mode():
        codes = model.predict_lip_code(torch.from_numpy(windows)).numpy()
    basis = read_basis(default_weights())
    assert basis is not None
    expected = mouth_opening(basis.neutral + basis.decode(codes))
    np.testing.assert_allclose(predicted_opening(speech, Fraction(25), 25), expected, atol=2e-4)


def test_a_model_without_a_lip_basis_predicts_no_opening(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="no lip basis"):
        predicted_opening(open_speech(folder / "speech.wav"), Fraction(25), 25, Painter())


def test_cepstra_are_python_speech_features() -> None:
    time = np.arange(1600) / 16_000
    wave = np.round(8000 * np.sin(2 * np.pi * 440 * time) * np.linspace(0, 1, 1600)) / 32768
    reference = [
        17.8008,
        18.8346,
        1.7795,
        -14.0671,
        -26.9853,
        -33.2032,
        -29.352,
        -18.2174,
        -3.0468,
        10.0899,
        18.1503,
        17.9573,
        11.7983,
    ]
    assert mfcc(wave).shape == (9, 13)
    assert mfcc(wave)[4] == pytest.approx(reference, abs=1e-4)
    assert mfcc(wave[:100]).shape == (1, 13)


def official_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes in `syncnet_v2.model`, written down from its publication."""
    sound = {
        0: (64, 1, 3, 3),
        4: (192, 64, 3, 3),
        8: (384, 192, 3, 3),
        11: (256, 384, 3, 3),
        14: (256, 256, 3, 3),
        18: (512, 256, 5, 4),
    }
    lips = {
        0: (96, 3, 5, 7, 7),
        4: (256, 96, 1, 5, 5),
        8: (256, 256, 1, 3, 3),
        11: (256, 256, 1, 3, 3),
        14: (256, 256, 1, 3, 3),
        18: (512, 256, 1, 6, 6),
    }
    shapes: dict[str, tuple[int, ...]] = {}
    for net, layers in (("netcnnaud", sound), ("netcnnlip", lips)):
        for at, shape in layers.items():
            shapes |= {f"{net}.{at}.weight": shape, f"{net}.{at}.bias": shape[:1]}
            shapes |= normalisation(f"{net}.{at + 1}", shape[0])
    for head in ("netfcaud", "netfclip"):
        shapes |= {f"{head}.0.weight": (512, 512), f"{head}.0.bias": (512,)}
        shapes |= normalisation(f"{head}.1", 512)
        shapes |= {f"{head}.3.weight": (1024, 512), f"{head}.3.bias": (1024,)}
    return shapes


def normalisation(name: str, width: int) -> dict[str, tuple[int, ...]]:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (width,) for part in parts} | {f"{name}.num_batches_tracked": ()}


def test_syncnet_takes_the_official_weights(tmp_path: Path) -> None:
    state = {name: torch.full(shape, 0.01) for name, shape in official_shapes().items()}
    torch.save(state, tmp_path / "syncnet_v2.model")
    network = load_syncnet(tmp_path / "syncnet_v2.model")
    assert network.netfclip[3].bias[0].item() == pytest.approx(0.01)
    with torch.inference_mode():
        assert network.embed_sound(torch.zeros(2, 1, 13, 20)).shape == (2, 1024)
        assert network.embed_faces(torch.zeros(2, 3, 5, 224, 224)).shape == (2, 1024)


def test_other_weights_are_no_syncnet(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="does not exist"):
        load_syncnet(tmp_path / "none")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pt")
    (tmp_path / "text").write_text("no weights")
    for name, wrong in (("other.pt", "holds no SyncNet"), ("text", "is not a SyncNet checkpoint")):
        with pytest.raises(CheckpointError, match=wrong) as refused:
            load_syncnet(tmp_path / name)
        assert "arbitrary code" not in str(refused.value)


def test_lse_is_the_least_distance_and_how_far_it_lies_under_the_median() -> None:
    heard = torch.from_numpy(RNG.standard_normal((60, 1024))).float()
    seen = torch.roll(heard, 3, 0)  # the picture is three frames late
    found = lse_of(distances(seen, heard))
    assert found["lse_offset"] == 3
    assert found["lse_d"] < 0.1 * found["lse_c"]
    same = lse_of(torch.tensor([5.0, 4.0, 1.0, 4.0, 5.0]))
    assert same == {"lse_c": 3.0, "lse_d": 1.0, "lse_offset": 0}


def test_lse_of_a_video(folder: Path) -> None:
    torch.manual_seed(0)
    found = lse(
        SyncNet().eval(), track_video(folder / "face.mp4"), open_speech(folder / "speech.wav")
    )
    assert all(np.isfinite(value) for value in found.values())
    assert found["lse_d"] > 0


def test_intervals_are_of_people() -> None:
    values, people = [1.0, 2.0, 3.0, math.nan], ["a", "b", "c", "d"]
    mean = mean_with_interval(values, people)
    assert (mean.mean, mean.clips, mean.spread) == (2.0, 3, pytest.approx(math.sqrt(2 / 3)))
    assert 1.0 <= mean.low < 2.0 < mean.high <= 3.0
    assert repr(mean) == repr(mean_with_interval(values, people))
    alone = mean_with_interval([1.0, 3.0], ["a", "a"])
    assert alone.mean == 2.0 and math.isnan(alone.low)
    many = list(RNG.standard_normal(400))
    wide = mean_with_interval(many, [str(n) for n in range(400)])
    assert wide.high - wide.low == pytest.approx(2 * 1.96 / 20, rel=0.15)
    blocks = mean_with_interval(
        [v for v in many[:40] for _ in range(10)], [str(n) for n in range(40) for _ in range(10)]
    )
    assert blocks.high - blocks.low > 2 * (wide.high - wide.low)


def edit_of(portrait: Image, seam: int = 0) -> Edit:
    """A crop of which the middle is painted; `seam` is added to one sample of its border."""
    before, after = picture_of_rgb(portrait), picture_of_rgb(portrait)
    face = FaceTracker().update(before).face
    assert face is not None
    crop = Crop.around(*face.geometry[:3])
    after.planes[0][crop.top, crop.left + 20] += seam
    alpha = np.zeros((64, 64), np.float32)
    alpha[40:50, 20:44] = 1.0
    view = crop_view(before, crop, len(alpha))
    shown = FrameInput.of(view, crop.to_view(face.landmarks, len(alpha)), len(alpha), None)
    motion = np.zeros((3, *alpha.shape), np.float32)
    placement = Placement(crop, face.landmarks, 1.0)
    return Edit(before, after, placement, shown, np.ones_like(alpha), alpha, motion)


def test_edit_metrics_find_a_seam_and_where_the_mask_lies(portrait: Image) -> None:
    edits = EditMetrics()
    edits(edit_of(portrait))
    assert edits.metrics()["seam"] == 0 and edits.metrics()["edge"] == 0
    assert edits.metrics()["mask_share"] == 1.0
    assert 0.3 < edits.metrics()["own_mask_share"] < 0.7  # a mask that is everywhere
    edits(edit_of(portrait, seam=7))
    assert edits.metrics()["seam"] == 7
    assert EditMetrics().metrics() == {}


def test_an_unedited_video_is_as_still_and_as_sharp_as_itself(folder: Path, tmp_path: Path) -> None:
    seen = track_video(folder / "face.mp4")
    found = preservation(seen, folder / "face.mp4", Fraction(25), seen)
    assert found["flicker_ratio"] == pytest.approx(1) and found["flicker"] > 0
    assert found["background"] == 100.0 and found["detail"] == pytest.approx(1)
    images = images_of(folder / "face.mp4")
    waxen = write_video(tmp_path / "waxen.mp4", [cv2.blur(image, (3, 3)) for image in images], None)
    blurred = TrackedVideo(waxen, seen.fps, seen.size, seen.mesh, seen.points)
    assert 0.2 < preservation(blurred, folder / "face.mp4", Fraction(25), seen)["detail"] < 0.7
    smaller = TrackedVideo(seen.path, seen.fps, (160, 120), seen.mesh, seen.points)
    assert math.isnan(preservation(smaller, folder / "face.mp4", Fraction(25), seen)["flicker"])
