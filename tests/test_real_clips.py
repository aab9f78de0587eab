"""On real, unseen people: does the mouth follow the speech rather than what it sees?"""

from __future__ import annotations

from pathlib import Path

import pytest

from talkernel.lab.evaluate.session import measure_folder

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
