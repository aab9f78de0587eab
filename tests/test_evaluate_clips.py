"""Data sets in their layouts, pairs, protocols."""

from __future__ import annotations

from pathlib import Path

import pytest

from talkernel.errors import DataError, MissingFileError
from talkernel.lab.evaluate.cases import pair_up, partners, plan, write_silence
from talkernel.lab.evaluate.clips import Clip, find_clips, person_of
from talkernel.media import open_face, open_speech


def touched(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def names(clips: list[Clip]) -> list[str]:
    return [clip.name for clip in clips]


def test_lrw(tmp_path: Path) -> None:
    touched(
        tmp_path,
        "ABOUT/test/ABOUT_00001.mp4",
        "ABOUT/train/ABOUT_00007.mp4",
        "ABOUT/test/ABOUT_00001.txt",
        "YEARS/test/YEARS_00002.mp4",
    )
    assert names(find_clips(tmp_path)) == ["ABOUT_00001", "YEARS_00002"]
    assert names(find_clips(tmp_path, split="train")) == ["ABOUT_00007"]
    assert len(find_clips(tmp_path, per_person=True)) == 2  # nobody knows who speaks in LRW
    nested = touched(tmp_path / "b", "lipread_mp4/ABOUT/test/ABOUT_00001.mp4")
    assert names(find_clips(nested)) == ["ABOUT_00001"]


def test_lrs2_takes_what_its_list_names(tmp_path: Path) -> None:
    touched(tmp_path, "main/551/00007.mp4", "main/551/00009.mp4", "main/602/00001.mp4")
    assert len(find_clips(tmp_path)) == 3
    (tmp_path / "test.txt").write_text("551/00009 NF\n602/00001\n")
    clips = find_clips(tmp_path)
    assert [(clip.name, clip.person) for clip in clips] == [
        ("551-00009", "551"),
        ("602-00001", "602"),
    ]


def test_lrs3(tmp_path: Path) -> None:
    touched(
        tmp_path, "test/0Fi83BHQsMA/00002.mp4", "test/0Fi83BHQsMA/00004.mp4", "trainval/x/00001.mp4"
    )
    assert names(find_clips(tmp_path)) == ["0Fi83BHQsMA-00002", "0Fi83BHQsMA-00004"]
    assert names(find_clips(tmp_path, per_person=True)) == ["0Fi83BHQsMA-00002"]


def test_hdtf_and_plain_folders_tell_people_by_name(tmp_path: Path) -> None:
    assert person_of("WDA_BarackObama_000") == person_of("WDA_BarackObama_001") == "BarackObama"
    assert person_of("RD_Radio10_000") == "Radio10"
    assert person_of("val_0001_id013") == "id013"
    assert person_of("holiday") == "holiday"
    touched(tmp_path, "b_ann.mp4", "a_ann.MOV", "c_bob.mkv", "notes.txt", ".hidden_x.mp4")
    assert names(find_clips(tmp_path)) == ["a_ann", "b_ann", "c_bob"]
    assert names(find_clips(tmp_path, per_person=True)) == ["a_ann", "c_bob"]
    assert names(find_clips(tmp_path, limit=1)) == ["a_ann"]
    deep = touched(tmp_path / "deep", "x/one.mp4", "y/one.mp4")
    assert names(find_clips(deep)) == ["x-one", "y-one"]


def test_csv(tmp_path: Path) -> None:
    touched(tmp_path, "x/one.mp4", "y/one.mp4")
    table = tmp_path / "clips.csv"
    table.write_text("video,person\nx/one.mp4,ann\ny/one.mp4,\n")
    clips = find_clips(table)
    assert [(c.name, c.person) for c in clips] == [("one", "ann"), ("one-2", "one")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("file\nx.mp4\n", "no column 'video'"),
        ("video\nno.mp4\n", "does not exist"),
        ("video,person\n,ann\n", "line 2: nothing under 'video'"),
    ],
)
def test_a_malformed_csv_says_where(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "clips.csv").write_text(text)
    with pytest.raises(DataError, match=problem):
        find_clips(tmp_path / "clips.csv")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no videos"):
        find_clips(tmp_path)
    with pytest.raises(MissingFileError):
        find_clips(tmp_path / "none")


def test_partners_are_other_people(tmp_path: Path) -> None:
    clips = [Clip(Path(f"{n}.mp4"), str(n), "ann" if n < 3 else "bob") for n in range(5)]
    pairs = partners(clips)
    assert [a for a, _ in pairs] == clips
    assert all(a.person != b.person for a, b in pairs)
    with pytest.raises(DataError, match="two people"):
        partners(clips[:3])


def test_protocols(folder: Path, tmp_path: Path, talking: Path) -> None:
    one, two = (Clip(talking, name, name) for name in ("one", "two"))
    (photo, _), (silent, _), (cross, _), (own, _) = (
        plan(protocol, [one, two], tmp_path / protocol)  # type: ignore[arg-type]
        for protocol in ("photo", "silence", "cross", "self")
    )
    assert open_face(photo.face).is_photo and photo.speech == photo.real == talking
    assert open_face(photo.face).width == open_face(talking).width
    assert not open_speech(silent.speech).wave().any()
    assert open_speech(silent.speech).duration == open_speech(talking).duration
    assert (cross.face, cross.speech) == (one.path, two.path)
    assert own.face == own.speech == own.real == talking


def test_pairs_by_name_and_by_csv(talking: Path, tmp_path: Path) -> None:
    for name in ("made/a.mp4", "made/b.mp4", "real/a.mp4", "real/c.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(talking.read_bytes())
    (case,) = pair_up(tmp_path / "made", tmp_path / "real", tmp_path / "inputs")
    assert (case.generated, case.real) == (tmp_path / "made/a.mp4", tmp_path / "real/a.mp4")
    assert open_face(case.face).is_photo
    table = tmp_path / "pairs.csv"
    table.write_text("generated,real,face,person\nmade/b.mp4,real/c.mp4,real/a.mp4,ann\n")
    (case,) = pair_up(table, None, tmp_path / "inputs")
    assert (case.face, case.person) == (tmp_path / "real/a.mp4", "ann")
    with pytest.raises(DataError, match="needs the real videos"):
        pair_up(tmp_path / "made", None, tmp_path / "inputs")
    (tmp_path / "real/a.mp4").unlink()
    with pytest.raises(DataError, match="has the name"):
        pair_up(tmp_path / "made", tmp_path / "real", tmp_path / "inputs")


def test_silence_is_as_long_as_asked(tmp_path: Path) -> None:
    write_silence(tmp_path / "s.wav", 0.5)
    assert open_speech(tmp_path / "s.wav").duration == pytest.approx(0.5)
