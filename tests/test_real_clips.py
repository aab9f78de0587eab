"""On real, unseen people: does the mouth follow the speech rather than what it sees?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from talkernel.evaluate.correlation import correlation
from talkernel.evaluate.crossed import evaluate_crossed, partners
from talkernel.evaluate.silence import CLOSED_SHARE, _row, evaluate_silence, write_silence
from talkernel.media import open_speech

# People of the validation split in medium-long clips, each another person.
PEOPLE = ("id014", "id031", "id034", "id052", "id067", "id074")


@pytest.fixture(scope="module")
def clips(shared: Path) -> list[Path]:
    found = {
        person: sorted((shared / "clips" / "val").glob(f"*_{person}.mp4")) for person in PEOPLE
    }
    assert all(found.values())
    return [clips[0] for clips in found.values()]


def test_unseen_faces_speak_unseen_speech(clips: list[Path]) -> None:
    rows = {row.name: row for row in evaluate_crossed(clips)}
    assert rows["ground truth"].r_cross > 0.95
    assert rows["generated"].r_cross > 0.15
    assert rows["generated"].r_cross > rows["do nothing"].r_cross + 0.1
    assert rows["generated"].r_cross > rows["shuffled"].r_cross + 0.1


def test_silence_keeps_the_mouth_still(clips: list[Path]) -> None:
    silence, nothing = evaluate_silence(clips[:2])
    assert nothing.movement == 1.0
    assert silence.movement < 0.5
    assert silence.opening < nothing.opening


def test_silence_row_is_a_share_of_the_talking_clips_movement(tmp_path: Path) -> None:
    talking = 0.2 + 0.1 * np.sin(np.arange(100, dtype=np.float32))
    still = np.full(100, np.quantile(talking, CLOSED_SHARE), np.float32)
    row = _row("half", [0.5 * talking, still], [talking, talking])
    assert row.movement == pytest.approx(0.25, abs=0.01)
    assert _row("still", [still], [talking]).opening == pytest.approx(0.0, abs=0.01)
    write_silence(tmp_path / "s.wav", 0.5)
    assert open_speech(tmp_path / "s.wav").duration == pytest.approx(0.5)


def test_partners_are_other_people(clips: list[Path]) -> None:
    pairs = partners(clips)
    assert [a for a, _ in pairs] == clips
    assert all(a.stem[-5:] != b.stem[-5:] for a, b in pairs)


def test_correlation_finds_a_lag_and_skips_gaps() -> None:
    wave = np.sin(np.arange(100) / 3).astype(np.float32)
    later = np.roll(wave, 2)
    later[20:25] = np.nan
    assert correlation(wave, wave) == pytest.approx(1.0)
    assert correlation(later, wave, -2) > 0.99 > correlation(later, wave, 0)
    assert np.isnan(correlation(wave, np.ones(100, np.float32)))
