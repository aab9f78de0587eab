"""Data preparation: raw videos to tracks."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talkernel.errors import DataError, MissingFileError, PreparedOtherwiseError
from talkernel.face.shots import ShotCutter
from talkernel.lab.prepare import run
from talkernel.lab.prepare.curves import curves_of
from talkernel.lab.prepare.identities import People, split_of
from talkernel.lab.prepare.record import Candidate
from talkernel.lab.prepare.report import PrepareReport
from talkernel.lab.prepare.run import prepare
from talkernel.lab.prepare.settings import Settings
from talkernel.lab.prepare.sync import choose_method, measure_sync
from talkernel.lab.prepare.video import key_of
from talkernel.lab.tracks.shard import write_shard
from talkernel.lab.tracks.track import FPS, Track, load_tracks, sample_of
from talkernel.lab.train.lip_reader import LAGS
from talkernel.media.sample import picture_of_rgb
from tests.tracks import drawn_track
from tests.videos import images_of, portrait, smaller_by_a_quarter, spoken, wave_of, write_video

pytest.importorskip("silero_vad")
pytest.importorskip("dlib")
STILL = Settings(sync="none", val=0.0, test=0.0)  # the portrait's mouth never moves
SENTENCE = "She had your dark suit in greasy wash water all year. Don't ask me to carry that."
OTHER = "Four score and seven years ago our fathers brought forth a new nation."


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A usable video, one with two shots and a pause, and ones without speech, face or sound."""
    folder = tmp_path_factory.mktemp("videos")
    voice = spoken(folder, SENTENCE)[: 3 * 16000]
    other = spoken(folder, OTHER)[: 3 * 16000]
    silence = np.zeros(16000 * 2, np.int16)
    write_video(folder / "good.mp4", portrait(75), voice)
    two = [*portrait(75, grey=40), *portrait(125, grey=220, flip=True, drift=2.0)]
    write_video(folder / "two.mp4", two, np.concatenate([other, silence, voice[::-1]]))
    write_video(folder / "mute.mp4", portrait(60, grey=10), None)
    write_video(folder / "silent.mp4", portrait(60, grey=70), np.zeros(40000, np.int16))
    write_video(
        folder / "faceless.mp4", [np.full((240, 320, 3), n, np.uint8) for n in range(75)], voice
    )
    (folder / "damaged.mp4").write_bytes(os.urandom(50_000))
    (folder / "notes.txt").write_text("no video")
    return folder


@pytest.fixture(scope="module")
def prepared(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PrepareReport]:
    out = tmp_path_factory.mktemp("prepared") / "set"
    return out, prepare([videos], out, STILL)


def part_of(report: PrepareReport, name: str) -> Any:
    return next(video for video in report.videos if Path(video.source).name == name)


def test_every_video_is_accounted_for(prepared: tuple[Path, PrepareReport]) -> None:
    out, report = prepared
    assert len(report.videos) == 6
    assert part_of(report, "good.mp4").kept == 1
    assert "no sound" in (part_of(report, "mute.mp4").error or "")
    assert "damaged.mp4" in (part_of(report, "damaged.mp4").error or "")
    assert set(part_of(report, "silent.mp4").dropped) == {"no speech"}
    assert part_of(report, "faceless.mp4").kept == 0
    assert report.kept + sum(report.dropped.values()) == report.found
    assert json.loads((out / "report.json").read_text())["kept"] == report.kept
    assert "good.mp4" in (out / "report.md").read_text()
    assert (out / "contact_sheet.jpg").exists()


def test_shots_are_split_and_silence_is_removed(prepared: tuple[Path, PrepareReport]) -> None:
    out, _ = prepared
    starts = sorted(
        int(track.name.split("-")[-2])
        for track in load_tracks(out, "train")
        if track.name.startswith("two")
    )
    assert len(starts) == 2 and starts[0] <= 5 and 120 <= starts[1] <= 140


def test_a_track_holds_everything_training_needs(prepared: tuple[Path, PrepareReport]) -> None:
    out, _ = prepared
    (track,) = [t for t in load_tracks(out, "train") if t.name.startswith("good")]
    assert track.has_face.all() and len(track.wave) == len(track.landmarks) * 640
    assert 0.6 < track.speech.mean() <= 1.0
    assert np.abs(track.wave).max() > 1000
    assert track.crop(0).shape == (304, 304, 3)
    middle = track.crop_points[:, :, :2].mean((0, 1))
    assert ((120 < middle) & (middle < 184)).all()
    assert (track.crop_points == track.crop_points).all()


def test_the_index_has_a_row_per_track(prepared: tuple[Path, PrepareReport]) -> None:
    out, report = prepared
    rows = [json.loads(line) for line in (out / "index.jsonl").read_text().splitlines()]
    assert [row["name"] for row in rows] == [t.name for t in load_tracks(out, "train")]
    assert len(rows) == report.kept
    for row in rows:
        assert row["fps"] == 25.0 and row["size"] > 100 and row["end"] > row["start"]
        assert row["split"] == "train" and (out / row["shard"]).exists()


def content(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("*")) if path.is_file()}


def test_a_rerun_changes_nothing_and_processes_nothing(
    videos: Path, prepared: tuple[Path, PrepareReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, report = prepared
    before = content(out)
    monkeypatch.setattr(
        "talkernel.lab.prepare.work.tracks_of", lambda *_: pytest.fail("processed again")
    )
    assert prepare([videos], out, STILL) == report
    assert content(out) == before


def test_a_new_video_is_added_and_a_copy_is_found(
    videos: Path, prepared: tuple[Path, PrepareReport], tmp_path: Path
) -> None:
    out, report = prepared
    copy = tmp_path / "copy.mp4"
    smaller = [smaller_by_a_quarter(image) for image in images_of(videos / "good.mp4")]
    write_video(copy, smaller, wave_of(videos / "good.mp4"), crf=28)
    same = tmp_path / "same.mp4"
    same.write_bytes((videos / "good.mp4").read_bytes())
    shard = (out / "train-00000.tar").read_bytes()
    more = prepare([videos, copy, same], out, STILL)
    assert part_of(more, "copy.mp4").dropped == {"near-duplicate": 1}
    assert len(more.videos) == len(report.videos) + 1  # the same content is one video
    assert more.kept == report.kept
    assert (out / "train-00000.tar").read_bytes() == shard


def test_other_settings_need_another_folder(
    videos: Path, prepared: tuple[Path, PrepareReport]
) -> None:
    with pytest.raises(PreparedOtherwiseError):
        prepare([videos], prepared[0], Settings(sync="none", min_size=10.0))


def test_bad_input_raises_typed_errors(videos: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        prepare([tmp_path / "none.mp4"], tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        prepare([tmp_path / "empty"], tmp_path / "out")
    with pytest.raises(DataError, match="None of 1 videos"):
        prepare([videos / "faceless.mp4"], tmp_path / "out", STILL)
    assert (tmp_path / "out" / "report.md").exists()


def test_a_killed_run_continues(videos: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    given = [videos / name for name in ("good.mp4", "silent.mp4")]
    wanted = prepare(given, whole, STILL)
    command = [
        sys.executable,
        "-m",
        "talkernel",
        "prepare",
        *map(str, given),
        "--out",
        str(broken),
        "--sync",
        "none",
        "--val",
        "0",
        "--test",
        "0",
    ]
    process = subprocess.Popen(command)
    while not list(broken.glob("work/.part-*")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(broken.glob("work/.part-*")) and not (broken / "shards.json").exists()
    found = prepare(given, broken, STILL)
    assert (found.kept, found.dropped, found.seconds) == (
        wanted.kept,
        wanted.dropped,
        wanted.seconds,
    )
    assert (broken / "train-00000.tar").read_bytes() == (whole / "train-00000.tar").read_bytes()
    assert not list(broken.glob("work/.part-*"))


def test_a_run_killed_between_shards_and_their_list_continues(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(run, "write_verdicts", die)
        with pytest.raises(KeyboardInterrupt):
            prepare([videos / "good.mp4"], tmp_path, STILL)
    assert (tmp_path / "train-00000.tar").exists()
    assert prepare([videos / "good.mp4"], tmp_path, STILL).kept == 1
    assert len(load_tracks(tmp_path, "train")) == 1


def test_a_killed_ray_worker_neither_loses_nor_doubles_a_track(
    videos: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    killed: list[int] = []
    threading.Thread(target=kill_a_worker, args=[tmp_path, killed], daemon=True).start()
    report = prepare([videos / "good.mp4"], tmp_path, STILL, ray_address="local")
    assert killed and report.kept == report.found == 1
    assert len(load_tracks(tmp_path, "train")) == 1
    assert not list(tmp_path.glob("work/.part-*"))


def kill_a_worker(out: Path, killed: list[int]) -> None:
    """Send SIGKILL to the first worker found; its temporary folder's name holds its process ID."""
    while not killed:
        for path in out.glob("work/.part-*"):
            killed.append(int(path.name.split("-")[-2]))
            os.kill(killed[0], signal.SIGKILL)
        time.sleep(0.01)


def test_file_names_may_hold_the_person(videos: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip_0_anna.mp4"
    clip.write_bytes((videos / "good.mp4").read_bytes())
    settings = Settings(sync="none", val=0.0, test=0.0, identity_pattern=r"_([^_]+)$")
    prepare([clip], tmp_path / "out", settings)
    assert [t.identity for t in load_tracks(tmp_path / "out", "train")] == ["anna"]


def test_cuts_are_distinguished_from_motion_and_light() -> None:
    still, other = portrait(1)[0], portrait(1, grey=200, flip=True)[0]
    cutter = ShotCutter()
    shots = [*portrait(20, drift=6.0), *[other] * 5, still, still]
    cuts = [number for number, image in enumerate(shots) if cutter.update(picture_of_rgb(image))]
    assert cuts == [20, 25]
    cutter = ShotCutter()
    lights = [np.clip(still * (1 + 0.02 * n), 0, 255).astype(np.uint8) for n in range(15)]
    assert not any([cutter.update(picture_of_rgb(image)) for image in lights])


def people_around(centres: np.ndarray, each: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        f"{seed}-{n}-{m}": (centre + 0.02 * rng.standard_normal(128)).astype(np.float32)
        for n, centre in enumerate(centres)
        for m in range(each)
    }


def test_people_keep_their_names_when_more_tracks_come() -> None:
    centres = np.random.default_rng(9).standard_normal((6, 128)) * 0.08
    first, second = people_around(centres[:4], 3, seed=0), people_around(centres, 2, seed=1)
    people = People()
    before = people.assign(first)
    after = people.assign(second)
    assert len(set(before.values())) == 4 and len({*before.values(), *after.values()}) == 6
    for n in range(4):
        assert {before[f"0-{n}-{m}"] for m in range(3)} == {after[f"1-{n}-{m}"] for m in range(2)}
    assert before == People().assign(dict(reversed(first.items())))


def test_splits_depend_on_the_name_only_and_keep_their_fractions() -> None:
    splits = [split_of(f"p{n}", 0.1, 0.2) for n in range(4000)]
    assert abs(splits.count("val") / 4000 - 0.1) < 0.02
    assert abs(splits.count("test") / 4000 - 0.2) < 0.02
    assert splits == [split_of(f"p{n}", 0.1, 0.2) for n in range(4000)]


def test_a_video_is_identified_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.b c.mp4").write_bytes(b"one")
    (tmp_path / "d.mp4").write_bytes(b"one")
    (tmp_path / "e.mp4").write_bytes(b"two")
    first, again, other = (key_of(tmp_path / name) for name in ("a.b c.mp4", "d.mp4", "e.mp4"))
    assert first == again != other


def test_sync_is_measured_with_the_tracks_themselves_if_there_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkernel.lab.prepare.sync.STEPS", 2)
    candidates = []
    for seed in range(4):
        track = drawn_track(seed, frames=90)
        (tmp_path / "work" / f"video{seed}").mkdir(parents=True)
        path = tmp_path / "work" / f"video{seed}" / f"{track.name}.tar"
        write_shard(path, [sample_of(track)])
        candidates.append(Candidate(track.name, f"video{seed}", 0.0, 90 / FPS, None))
    persons = {candidate.name: candidate.key for candidate in candidates}
    assert choose_method(candidates, persons, Settings()) == "model"
    many = [
        dataclasses.replace(c, name=f"{c.name}{n}", seconds=300.0)
        for c in candidates
        for n in range(6)
    ]
    assert choose_method(many, {c.name: c.name for c in many}, Settings()) == "taught"
    taught = Settings(sync="taught")
    found, method = measure_sync(tmp_path, candidates, persons, taught, lambda _: {})
    assert method == "taught" and set(found) == set(persons)


def test_a_sync_curve_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []

    def sync_curve(track: Track) -> np.ndarray:
        computed.append(track.name)
        return np.exp(-0.5 * ((np.array(LAGS) - 3.0) / 1.5) ** 2).astype(np.float32)

    monkeypatch.setattr("talkernel.lab.prepare.curves.sync_curve", sync_curve)
    track = drawn_track(0, frames=90)
    (tmp_path / "work" / "video").mkdir(parents=True)
    write_shard(tmp_path / "work" / "video" / f"{track.name}.tar", [sample_of(track)])
    new = Candidate(track.name, "video", 0.0, 90 / FPS, None)
    known = dataclasses.replace(new, name="known", curve=[0.5] * len(LAGS))
    first, again = (curves_of(tmp_path, [new, known]) for _ in range(2))
    assert first == again and computed == [track.name] and first["known"] == known.curve
    persons = {track.name: "a", "known": "b"}
    found, method = measure_sync(tmp_path, [new, known], persons, Settings(), lambda _: again)
    assert method == "model" and found[track.name].offset == 3
    lost, _ = measure_sync(
        tmp_path, [new, known], persons, Settings(), lambda _: {"known": first["known"]}
    )
    assert track.name not in lost  # it is kept, without an offset


def test_a_track_whose_sync_curve_fails_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracks, folder = (
        [drawn_track(number, frames=30) for number in range(2)],
        tmp_path / "work" / "v",
    )

    def sync_curve(track: Track) -> np.ndarray:
        if track.name == tracks[0].name:
            raise np.linalg.LinAlgError("singular")
        return np.ones(len(LAGS), np.float32)

    monkeypatch.setattr("talkernel.lab.prepare.curves.sync_curve", sync_curve)
    folder.mkdir(parents=True)
    for track in tracks:
        write_shard(folder / f"{track.name}.tar", [sample_of(track)])
    candidates = [Candidate(track.name, "v", 0.0, 30 / FPS, None) for track in tracks]
    with pytest.warns(UserWarning, match=f"sync of {tracks[0].name} is unknown: LinAlgError"):
        assert set(curves_of(tmp_path, candidates)) == {tracks[1].name}


def test_real_speech_gets_its_offset_and_speaker(shared: Path, tmp_path: Path) -> None:
    clips = shared / "clips" / "train"
    late, other, talks, listens = (
        next(clips.glob(f"train_{number}_*")) for number in ("0095", "0005", "0060", "0300")
    )
    given = tmp_path / "given"
    given.mkdir()
    sound = wave_of(late)
    write_video(given / "early.mp4", images_of(late), np.roll(sound, 5 * 640))
    both = list(zip(images_of(listens), images_of(talks), strict=False))
    pair = [np.hstack([a[:208, :208], b[:208, :208]]) for a, b in both]
    write_video(given / "pair.mp4", pair, wave_of(talks)[: len(pair) * 640])
    write_video(given / "dubbed.mp4", images_of(listens), wave_of(other)[: 5 * 16000])
    out = tmp_path / "set"
    report = prepare([given], out, Settings(val=0.0, test=0.0, sync="model"))
    tracks = {track.name.split("-")[0]: track for track in load_tracks(out, "train")}
    assert -5 <= tracks["early"].offset <= -3  # the clip itself is at +1
    assert part_of(report, "pair.mp4").dropped == {"another face speaks": 1}
    assert tracks["pair"].landmarks[0, 1, 0] > 208  # the speaker is on the right
    assert part_of(report, "dubbed.mp4").dropped == {"sound and mouth do not go together": 1}
    assert FPS == 25
