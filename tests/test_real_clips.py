"""On real, unseen people: does the mouth follow the speech, and is it known who speaks?"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talkernel.engine import Engine
from talkernel.lab.evaluate.session import measure_folder
from talkernel.lab.speaking.dialogues import KINDS
from talkernel.lab.speaking.render import Dialogue, write_dialogue
from talkernel.media import open_face, open_speech
from talkernel.pipeline.generate import generate
from talkernel.pipeline.speaking import find_speakers
from talkernel.pipeline.turns import NOBODY
from tests.test_media_support import write_sound

# People of the validation split in medium-long clips, each another person.
PEOPLE = ("id014", "id031", "id034", "id052", "id067", "id074")


@pytest.fixture(scope="module")
def clips(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of them."""
    found = {
        person: sorted((shared / "clips" / "val").glob(f"*_{person}.mp4")) for person in PEOPLE
    }
    assert all(found.values())
    table = tmp_path_factory.mktemp("real") / "clips.csv"
    table.write_text("video\n" + "".join(f"{clips[0]}\n" for clips in found.values()))
    return table


def test_unseen_faces_speak_unseen_speech(clips: Path, tmp_path: Path) -> None:
    found = measure_folder(clips, tmp_path / "out", protocol="cross", mouth_only=True)
    r = {name: found.mean(name, "r_speech").mean for name in found.names}
    assert r["ground truth"] > 0.95
    assert r["generated"] > 0.3
    assert r["generated"] > r["do nothing"] + 0.1
    assert r["generated"] > r["shuffled"] + 0.1
    made = found.means("generated")
    assert made["seam"].mean <= 1 and made["mask_share"].mean >= 0.8


def test_silence_keeps_the_mouth_still(clips: Path, tmp_path: Path) -> None:
    found = measure_folder(clips, tmp_path / "out", protocol="silence", limit=2)
    silence, nothing = (found.means(name) for name in ("generated", "do nothing"))
    assert nothing["movement"].mean == pytest.approx(1, abs=0.1)
    assert silence["movement"].mean < 0.5
    assert silence["open"].mean < nothing["open"].mean
    assert silence["identity"].mean < 0.6


@pytest.fixture(scope="module")
def dialogue(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Dialogue:
    """Two people side by side, one turn each, whose mouths move all the time."""
    people = [next((shared / "clips" / "val").glob(f"*_{person}.mp4")) for person in PEOPLE[1:3]]
    path = tmp_path_factory.mktemp("dialogue") / "dialogue.mp4"
    return write_dialogue(path, KINDS[0], people, Fraction(25))


def test_who_speaks_in_a_dialogue(dialogue: Dialogue, model: Engine) -> None:
    found = find_speakers(open_face(dialogue.path), model).frames
    people = [
        dialogue.person_at(frame, found[frame].place[0]) if frame in found else NOBODY
        for frame in range(len(dialogue.script.speaker))
    ]
    assert (np.array(people) == dialogue.script.speaker).mean() >= 0.9


def test_only_the_speaker_of_a_dialogue_is_edited(
    dialogue: Dialogue, shared: Path, tmp_path: Path
) -> None:
    count = dialogue.script.turns[1].first + 50
    news = open_speech(shared / "speech" / "english_news.wav").wave(48_000)
    sound = write_sound(tmp_path / "dub.wav", news[: count * 1920])
    report = generate(dialogue.path, sound, tmp_path / "out.mp4", people="speaking")
    assert [span.person for span in report.edited] == [1, 2]
    assert all("moves with the sound" in span.reason for span in report.edited)
    assert abs(report.edited[1].first - dialogue.script.turns[1].first) < 13
    assert "edited" in dict(report.summary().rows)
