"""Perceptual studies without their page: what they are made of, who counts, what is reported."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections import Counter
from pathlib import Path
from random import Random

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from talkernel.cli import app
from talkernel.errors import (
    DataError,
    MissingFileError,
    NotAStudyError,
    OptionError,
    OutputExistsError,
)
from talkernel.lab.study.ballot import Ballot, RefusedError
from talkernel.lab.study.browser_video import Checked, check, publish
from talkernel.lab.study.database import read_votes
from talkernel.lab.study.draw import draw_groups
from talkernel.lab.study.fill import Design
from talkernel.lab.study.find import match_videos, parse_systems
from talkernel.lab.study.make import new_study, read_consent
from talkernel.lab.study.manifest import BROKEN, DATABASE, MANIFEST, PROPER, VIDEOS, read_manifest
from talkernel.lab.study.questions import QUESTIONS
from talkernel.lab.study.report import report_study, write_report
from talkernel.lab.study.statistics import bootstrap, krippendorff_alpha, wilson
from talkernel.media import open_face, open_speech
from tests.studies import INPUTS, rate, write_systems
from tests.videos import write_video

SYSTEMS = ("ours", "other")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two systems and real videos of three inputs; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("study")
    write_systems(folder, (*SYSTEMS, "real"))
    new_study(
        folder / "study", {name: folder / name for name in SYSTEMS}, Design(), real=folder / "real"
    )
    return folder


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "study", tmp_path / "study"))


# ---- statistics ----


def test_wilson_against_published_values() -> None:
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, Table I
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_krippendorffs_alpha_against_his_own_example() -> None:
    """Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", C: nominal data."""
    observers = [
        "1 2 3 3 2 1 4 1 2 . . .".split(),
        "1 2 3 3 2 2 4 1 2 5 . 3".split(),
        ". 3 3 3 2 3 4 2 2 5 1 .".split(),
        "1 2 3 3 2 4 4 1 2 5 1 .".split(),
    ]
    units = [[one for one in unit if one != "."] for unit in zip(*observers, strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)


def test_alpha_of_full_agreement_of_chance_and_of_nothing() -> None:
    assert krippendorff_alpha([["a", "a"], ["b", "b"]]) == pytest.approx(1)
    draws = np.random.default_rng(0).choice(["a", "b", "c"], (2000, 4)).tolist()
    assert krippendorff_alpha(draws) == pytest.approx(0, abs=0.03)
    assert krippendorff_alpha([["a", "b"], ["b", "a"]]) == pytest.approx(-0.5)
    assert krippendorff_alpha([["a"], ["b"]]) is None  # nobody to agree with
    assert krippendorff_alpha([["a", "a"], ["a", "a"]]) is None  # no other choice was made


def test_the_bootstrap_draws_people_not_answers() -> None:
    """Ten who always agree with themselves are worth ten answers, not two hundred."""
    low, high = bootstrap([20] * 5 + [0] * 5, [20] * 10) or (0, 0)
    assert (low, high) == (pytest.approx(0.2, abs=0.01), pytest.approx(0.8, abs=0.01))
    narrow = wilson(100, 200)
    assert high - low > 3 * (narrow[1] - narrow[0])
    assert bootstrap([10] * 10, [20] * 10) == (0.5, 0.5)
    assert bootstrap([3], [4]) is None


# ---- making one ----


def test_a_study_holds_every_video_and_its_checks(made: Path) -> None:
    manifest = read_manifest(made / "study")
    assert manifest.systems == ["ours", "other", "real"]
    assert [group.source for group in manifest.compared] == sorted(INPUTS)
    assert all(sorted(g.systems.values()) == sorted(manifest.systems) for g in manifest.compared)
    assert [Counter(g.systems.values()) for g in manifest.checks] == [{PROPER: 1, BROKEN: 2}] * 2
    assert manifest.groups_per_rater == 3  # of the twenty asked for
    files = {path.name for path in (made / "study" / VIDEOS).iterdir()}
    assert files == set(manifest.system_of) and len(files) == 9 + 6
    assert {path.name for path in made.iterdir()} == {"ours", "other", "real", "study"}


def test_a_published_video_has_the_same_pictures_and_sound_and_no_words(
    made: Path, tmp_path: Path
) -> None:
    source = tmp_path / "named.mp4"
    with av.open(str(made / "ours" / "one.mp4")) as before, av.open(str(source), "w") as after:
        after.metadata["comment"] = after.metadata["title"] = "made by ours"
        streams = [after.add_stream_from_template(stream) for stream in before.streams]
        for packet in before.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                after.mux(packet)
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    for system in "ab":
        shutil.copy(source, tmp_path / system / "one.mp4")
    folders = {"a": tmp_path / "a", "b": tmp_path / "b"}
    manifest = new_study(tmp_path / "study", folders, Design(checks=0))
    for name in manifest.system_of:
        published = tmp_path / "study" / VIDEOS / name
        assert b"ours" in source.read_bytes() and b"ours" not in published.read_bytes()
        both = [[p.planes[0] for p in open_face(path).frames()] for path in (source, published)]
        assert np.array_equal(*both)
        np.testing.assert_array_equal(open_speech(source).wave(), open_speech(published).wave())


def test_real_clips_are_published_as_they_are(shared: Path, tmp_path: Path) -> None:
    """Not a bit of the picture changes; sound that some browsers do not play becomes AAC."""
    for path in sorted((shared / "clips" / "val").glob("*.mp4"))[:3]:
        target = tmp_path / path.name
        checked = check(path)
        assert checked.plays_picture and not checked.plays_sound  # the clips' sound is Opus
        publish(checked, target)
        assert check(target) == Checked(target, checked.frames, checked.seconds)
        pictures = [list(open_face(one).frames()) for one in (path, target)]
        for before, after in zip(*pictures, strict=True):
            assert before.time == pytest.approx(after.time, abs=1e-3)
            assert np.array_equal(before.planes[0], after.planes[0])
        waves = [
            open_speech(one).wave()[: round(16_000 * (checked.seconds - 0.1))]
            for one in (path, target)
        ]
        lags = range(-8, 9)  # samples
        fits = [np.corrcoef(waves[0][8:-8], np.roll(waves[1], lag)[8:-8])[0, 1] for lag in lags]
        assert max(fits) > 0.98 and abs(lags[int(np.argmax(fits))]) <= 1


def test_what_browsers_do_not_play_is_encoded_once_more(made: Path, tmp_path: Path) -> None:
    for system in SYSTEMS:
        (tmp_path / system).mkdir()
    shutil.copy(made / "ours" / "one.mp4", tmp_path / "ours" / "one.mp4")
    odd = tmp_path / "other" / "one.avi"
    with av.open(str(odd), "w") as output:
        video = output.add_stream("ffv1", rate=20)
        video.width, video.height, video.pix_fmt = 95, 97, "yuv444p"
        heard = output.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for number in range(20):
            image = np.full((97, 95, 3), 8 * number, np.uint8)
            output.mux(video.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        output.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.int16), "s16", "mono")
        frame.sample_rate = 16_000
        output.mux([*heard.encode(frame), *heard.encode(None)])
    folders = {name: tmp_path / name for name in SYSTEMS}
    manifest = new_study(tmp_path / "study", folders, Design(checks=1))
    assert manifest.encoded == [str(odd)]
    for name in manifest.system_of:
        assert check(tmp_path / "study" / VIDEOS / name).plays
    name = next(v for v, s in manifest.compared[0].systems.items() if s == "other")
    shown = [picture.to_rgb() for picture in open_face(tmp_path / "study" / VIDEOS / name).frames()]
    assert len(shown) == 20 and shown[0].shape == (96, 94, 3)
    assert abs(float(shown[10].mean()) - 80) < 3


def test_broken_videos_are_broken_in_every_respect(made: Path) -> None:
    folder, manifest = made / "study", read_manifest(made / "study")
    for group in manifest.checks:
        videos = {v: list(open_face(folder / VIDEOS / v).frames()) for v in group.systems}
        for video, pictures in videos.items():
            lumas = np.stack([picture.planes[0].astype(int) for picture in pictures])
            moving = (np.abs(np.diff(lumas, axis=0)).mean((1, 2)) > 1).sum()
            broken = group.systems[video] == BROKEN
            assert (moving <= 2) if broken else (moving > 10)  # leaps, or motion
            assert len(pictures) == 20
            assert open_speech(folder / VIDEOS / video).duration == pytest.approx(1, abs=0.1)


def test_missing_doubled_and_damaged_videos_are_all_named(tmp_path: Path) -> None:
    write_systems(tmp_path, SYSTEMS)
    folders = {name: tmp_path / name for name in SYSTEMS}
    (tmp_path / "ours" / "two.mp4").unlink()
    shutil.copy(tmp_path / "other" / "one.mp4", tmp_path / "other" / "one.mkv")
    with pytest.raises(DataError) as missing:
        match_videos(folders)
    assert f"ours has no video two in {tmp_path / 'ours'}" in str(missing.value)
    assert "other has more than one one: one.mkv, one.mp4" in str(missing.value)
    (tmp_path / "other" / "one.mkv").unlink()
    (tmp_path / "other" / "two.mp4").unlink()
    whole = (tmp_path / "ours" / "one.mp4").read_bytes()
    (tmp_path / "ours" / "one.mp4").write_bytes(whole[: len(whole) // 2])
    write_video(tmp_path / "other" / "three.mp4", [np.zeros((96, 96, 3), np.uint8)] * 20, None)
    with pytest.raises(DataError) as damaged:
        new_study(tmp_path / "study", folders, Design())
    assert "ours/one.mp4 is damaged" in str(damaged.value)
    assert "other/three.mp4 has no sound" in str(damaged.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "ours"]


def test_an_interrupted_making_leaves_nothing(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("talkernel.lab.study.fill.break_video", interrupt)
    with pytest.raises(KeyboardInterrupt):
        new_study(tmp_path / "study", {name: made / name for name in SYSTEMS}, Design())
    assert not list(tmp_path.iterdir())


def test_a_study_is_never_overwritten(study: Path, made: Path) -> None:
    before = (study / MANIFEST).read_bytes()
    with pytest.raises(OutputExistsError, match="already exists"):
        new_study(study, {name: made / name for name in SYSTEMS}, Design())
    assert (study / MANIFEST).read_bytes() == before


@pytest.mark.parametrize("texts", [["ours"], ["=x"], ["ours="], ["a=x", "a=y"]])
def test_a_system_is_a_name_and_a_folder(texts: list[str]) -> None:
    with pytest.raises(OptionError):
        parse_systems(texts)


def test_one_system_is_nothing_to_choose_from(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="only one"):
        new_study(tmp_path / "s", {"ours": tmp_path}, Design())
    with pytest.raises(OptionError, match="real"):
        new_study(tmp_path / "s", {"ours": tmp_path, "real": tmp_path}, Design())


def test_ones_own_consent_text(tmp_path: Path) -> None:
    (tmp_path / "consent.txt").write_text(" Wir fragen Sie …\n", encoding="utf-8")
    assert read_consent(tmp_path / "consent.txt") == "Wir fragen Sie …"
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(OptionError):
        read_consent(tmp_path / "empty.txt")
    with pytest.raises(MissingFileError):
        read_consent(tmp_path / "none.txt")


@pytest.mark.parametrize("damage", ["", "[]", '{"version": 2}', '{"version": 1}'])
def test_what_is_no_study_is_said(study: Path, damage: str) -> None:
    (study / MANIFEST).write_text(damage)
    with pytest.raises(NotAStudyError):
        report_study(study)
    (study / MANIFEST).unlink()
    with pytest.raises(NotAStudyError, match="holds no"):
        report_study(study)


def test_a_damaged_database_is_said(study: Path) -> None:
    (study / DATABASE).write_bytes(b"no database at all" * 100)
    with pytest.raises(NotAStudyError, match="cannot be read"):
        report_study(study)
    (study / DATABASE).unlink()
    with pytest.raises(NotAStudyError, match="holds no"):
        report_study(study)
    assert not (study / DATABASE).exists()


# ---- rating ----


def test_groups_are_drawn_evenly_and_differ_between_raters(study: Path) -> None:
    manifest = read_manifest(study)
    few = type(manifest)(**{**vars(manifest), "groups_per_rater": 2})
    seen: Counter[str] = Counter()
    drawn = []
    for rater in range(30):
        own = draw_groups(few, seen, Random(rater))
        seen.update(name for name, _ in own)
        drawn.append(own)
        assert len({name for name, _ in own}) == len(own) == 4
    assert [seen[group.name] for group in few.compared] == [20] * 3
    assert all(seen[group.name] == 30 for group in few.checks)
    assert len({tuple(name for name, _ in own) for own in drawn}) > 10
    first = few.compared[0].name
    orders = Counter(videos[0] for own in drawn for name, videos in own if name == first)
    assert len(orders) == 3  # every system comes first for somebody
    assert draw_groups(few, {}, Random(1)) == draw_groups(few, {}, Random(1))


def test_an_answer_is_kept_once_and_changed_only_before_its_group_is_finished(study: Path) -> None:
    ballot = Ballot(study, read_manifest(study))
    token = ballot.enrol()
    first, second, *_ = ballot.task(token).videos
    for video in (first, first, second, second):
        ballot.answer(token, 0, "overall", video)
    assert ballot.task(token).answers == {"overall": second}
    with pytest.raises(RefusedError, match="without an answer"):
        ballot.finish(token, 0)
    for question in QUESTIONS:
        ballot.answer(token, 0, question, first)
    ballot.finish(token, 0)
    ballot.finish(token, 0)
    ballot.answer(token, 0, "overall", first)  # said once more: nothing new
    with pytest.raises(RefusedError, match="finished"):
        ballot.answer(token, 0, "overall", second)
    assert (ballot.task(token).position, len(read_votes(study)[1])) == (1, len(QUESTIONS))


def test_what_was_not_shown_cannot_be_answered(study: Path) -> None:
    ballot = Ballot(study, read_manifest(study))
    token = ballot.enrol()
    task = ballot.task(token)
    other = next(v for v in read_manifest(study).system_of if v not in task.videos)
    wrong = [
        ("forged", 0, "overall", task.videos[0]),
        ("", 0, "overall", task.videos[0]),
        (token, 99, "overall", task.videos[0]),
        (token, 0, "colour", task.videos[0]),
        (token, 0, "overall", other),
        (token, 0, "overall", "../study.json"),
    ]
    for request in wrong:
        with pytest.raises(RefusedError):
            ballot.answer(*request)
    assert not read_votes(study)[1]


# ---- reporting ----


def test_the_report_counts_who_watched(study: Path, tmp_path: Path) -> None:
    manifest = read_manifest(study)
    ballot = Ballot(study, manifest)
    for _ in range(3):
        rate(ballot, manifest, lambda system: system == "ours")
    rate(ballot, manifest, lambda system: system == "real")
    rate(ballot, manifest, lambda system: system == "other", fails=True)
    ballot.enrol()
    report = report_study(study)
    assert [(r.checks_passed, r.checks_failed, r.counts) for r in report.raters] == [
        (2, 0, True),
        (2, 0, True),
        (2, 0, True),
        (2, 0, True),
        (0, 2, False),
    ]
    assert report.enrolled == 6
    shares = {(one.system, one.question): one for one in report.shares}
    assert len(shares) == 3 * 4
    for question in QUESTIONS:
        ours = shares["ours", question]
        assert (ours.votes, ours.answers, ours.share) == (9, 12, 0.75)
        assert ours.wilson == pytest.approx(wilson(9, 12))
        assert ours.share_of_all == 9 / 15
        assert shares["other", question].share == 0
        assert shares["other", question].share_of_all == 3 / 15
    # Of four raters, one differs: 6 of 12 ordered pairs, 2 * 9 * 3 of 12 * 11 by chance.
    assert report.agreement["overall"] == pytest.approx(1 - (6 / 12) / (54 / 132))
    write_report(report, tmp_path / "out")
    lines = (tmp_path / "out" / "table3.md").read_text().splitlines()
    assert "| Methods | VQ | LS | IFC | Overall |" in lines
    assert any(line.startswith("| ours | 75.0% (25.0–100.0) |") for line in lines)
    assert "| 5 | 12 | 0 | 2 |" in lines  # the one left out
    assert any(line.startswith("| other | 0.0% (0.0–24.2) |") for line in lines)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "table3.csv").read_text())))
    assert {row["system"]: row["share"] for row in rows if row["question"] == "overall"} == {
        "ours": "0.75",
        "other": "0.0",
        "real": "0.25",
    }
    assert json.loads((tmp_path / "out" / "study-report.json").read_text())["enrolled"] == 6


def test_who_has_passed_no_check_yet_does_not_count(study: Path) -> None:
    manifest = read_manifest(study)
    ballot = Ballot(study, manifest)
    compared = {video for group in manifest.compared for video in group.systems}
    token = next(one for one in iter(ballot.enrol, "") if ballot.task(one).videos[0] in compared)
    ballot.answer(token, 0, "overall", ballot.task(token).videos[0])
    (rater,) = report_study(study).raters
    assert (rater.answers, rater.counts) == (1, False)
    assert all(one.share is None for one in report_study(study).shares)


def test_without_checks_everybody_counts(made: Path, tmp_path: Path) -> None:
    folders = {name: made / name for name in SYSTEMS}
    manifest = new_study(tmp_path / "study", folders, Design(groups_per_rater=2, checks=0))
    rate(Ballot(tmp_path / "study", manifest), manifest, lambda system: system == "ours", groups=1)
    report = report_study(tmp_path / "study")
    assert report.raters[0].counts and report.shares[0].share == 1
    assert report.shares[0].bootstrap is None and report.agreement["overall"] is None


def test_the_commands(made: Path, tmp_path: Path) -> None:
    folder = str(tmp_path / "study")
    systems = [f"--system={name}={made / name}" for name in SYSTEMS]
    done = CliRunner().invoke(app, ["study", "new", folder, *systems, "--groups-per-rater=2"])
    assert done.exit_code == 0, done.output
    assert "3 inputs, 2 videos of each; 4 groups for each rater" in done.stdout
    again = CliRunner().invoke(app, ["study", "new", folder, *systems])
    assert again.exit_code == OutputExistsError.exit_code
    shown = CliRunner().invoke(app, ["study", "report", folder, "--json"])
    assert json.loads(shown.stdout)["systems"] == list(SYSTEMS)
    table = CliRunner().invoke(app, ["study", "report", folder, f"--out={tmp_path / 'out'}"])
    assert "Overall" in table.stdout and (tmp_path / "out" / "table3.md").exists()
    wrong = CliRunner().invoke(app, ["study", "serve", str(made)])
    assert wrong.exit_code == NotAStudyError.exit_code
