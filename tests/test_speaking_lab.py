"""The laboratory of `--people speaking`: scripts and videos of dialogues, fit, scores."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from typer.testing import CliRunner

from talkernel.cli import app
from talkernel.errors import DataError
from talkernel.lab.speaking.dialogues import (
    HIDDEN,
    KINDS,
    UNDECIDED,
    Kind,
    Script,
    script_of,
    to_and_fro,
)
from talkernel.lab.speaking.fit import Fit, Pair, best_lag, fit_speech_match, match_of
from talkernel.lab.speaking.measure import measure_dialogues
from talkernel.lab.speaking.render import write_dialogue
from talkernel.lab.speaking.scores import DialogueScores, Outcome
from talkernel.media import open_face, open_speech
from talkernel.media.speech import SPEECH_RATE
from talkernel.model.lip_basis import LipBasis
from talkernel.pipeline.turns import NOBODY
from tests.test_speaking import FPS, talk

LENGTHS, QUIET = (70, 100, 400), (10, 20, 30)


def kind(name: str) -> Kind:
    return next(one for one in KINDS if one.name == name)


def script(name: str) -> Script:
    return script_of(kind(name), LENGTHS, QUIET, FPS)


@pytest.mark.parametrize("one", KINDS, ids=lambda one: one.name)
def test_the_speaker_of_every_kind_is_shown_in_sync_with_their_sound(one: Kind) -> None:
    made = script_of(one, LENGTHS, QUIET, FPS)
    for person, frames in enumerate(made.shown):
        assert frames.max() < LENGTHS[person] and frames.min() >= HIDDEN
        for turn in (turn for turn in made.turns if turn.person == person):
            said = turn.clip_first + np.arange(turn.length)
            shown = made.shown[person, turn.span]
            assert np.isin(shown - said, [0, *(HIDDEN - said)]).all()
            assert ((made.speaker[turn.span] == person) == (shown != HIDDEN)).all()
    assert (made.speaker == UNDECIDED).any() == bool(one.pause)


def test_listeners() -> None:
    still = script("side by side, still listener").shown
    assert (still[0, 70:] == 69).all() and (still[1, :70] == 0).all()
    quiet = script("side by side, quiet listener").shown
    assert quiet[0, 70:].min() >= 10 and quiet[0, 70:].max() <= 34
    talks = script("side by side, both talk").shown
    assert (np.abs(np.diff(talks)) <= 1).all()
    assert (script("shot/reverse shot").shown[0, 70:] == HIDDEN).all()
    unseen = script("voice of an unseen person")
    assert (unseen.shown[0] == HIDDEN).all() and (unseen.speaker == NOBODY).all()
    reactions = script("shot/reverse shot, reactions")
    assert (reactions.speaker[:35] == 0).all() and (reactions.speaker[35:70] == NOBODY).all()
    assert ((reactions.shown != HIDDEN).sum(0) == 1).all()


def test_to_and_fro() -> None:
    assert to_and_fro(np.arange(-2, 7), 4).tolist() == [2, 1, 0, 1, 2, 3, 2, 1, 0]
    assert to_and_fro(np.arange(3), 1).tolist() == [0, 0, 0]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001)])
def test_a_video_of_a_dialogue(rate: Fraction, talking: Path, tmp_path: Path) -> None:
    made = write_dialogue(
        tmp_path / "one.mp4", kind("side by side, pauses"), [talking, talking], rate, small=True
    )
    source = open_face(made.path)
    assert source.fps == rate and (source.width, source.height) == (720, 360)
    count = len(made.script.speaker)
    assert sum(1 for _ in source.frames()) == count
    assert (made.person_at(0, 100.0), made.person_at(0, 500.0)) == (0, 1)
    wave = open_speech(made.path).wave()
    assert len(wave) == pytest.approx(count / rate * SPEECH_RATE, abs=200)
    second = made.script.turns[1]
    start = round(second.first / rate * SPEECH_RATE)
    assert np.abs(wave[start - SPEECH_RATE // 2 : start - 800]).max() < 0.01
    assert np.abs(wave[start : start + SPEECH_RATE // 2]).max() > 0.1


def test_the_fit_finds_the_lag_and_writes_what_it_used(basis: LipBasis, tmp_path: Path) -> None:
    sound = talk(1, 200)[:, :4]
    shown = sound + 0.3 * talk(2, 200)[:, :4]
    late = Pair(sound, np.roll(shown, 3, axis=0), FPS)
    lag, correlation = best_lag(late, basis)
    assert lag == 3 and correlation > 0.4
    aligned = late.later(lag)
    assert len(aligned.spoken) == len(aligned.shown) == 197
    np.testing.assert_array_equal(aligned.spoken, sound[:197])
    made = Fit(match_of([aligned], basis.scale), 1, 197, {"other": "no sound"})
    made.write(tmp_path / "match.safetensors")
    with safe_open(tmp_path / "match.safetensors", "np") as file:
        assert json.loads(file.metadata()["config"]) == {"lip_code": 4, "clips": 1, "frames": 197}
        np.testing.assert_array_equal(file.get_tensor("spoken"), made.match.spoken)
    assert json.loads(made.to_json())["excluded"] == {"other": "no sound"}
    assert ("other", "no sound") in made.summary().rows


def test_fractions_and_failing_clips() -> None:
    truth = np.array([0, 0, 0, 0, 1, NOBODY, UNDECIDED, UNDECIDED])
    decided = np.array([0, 1, NOBODY, NOBODY, 1, 0, 0, NOBODY])
    one = Outcome(KINDS[0].name, ("bad", "good"), truth, decided)
    other = Outcome(KINDS[0].name, ("good", "good"), truth[4:5], decided[4:5])
    assert one.fractions() == pytest.approx(
        {
            "right": 1 / 3,
            "another person": 1 / 6,
            "nobody, but one speaks": 1 / 3,
            "one, but nobody speaks": 1 / 6,
        }
    )
    scores = DialogueScores([one, other], 12.0)
    assert scores.failing == {"bad": 0.25}
    row = scores.rows()[0]
    assert row["right"] == pytest.approx(2 / 3) and row["right without failing clips"] == 1
    assert "bad (0.25)" in scores.summary().caption and "12 s" in scores.summary().caption
    assert json.loads(scores.to_json())["failing"] == {"bad": 0.25}


def test_clips_that_do_not_serve(talking: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "short_ann.mp4").write_bytes(talking.read_bytes())
    with pytest.raises(DataError, match="lips that follow"):
        fit_speech_match(folder)
    with pytest.raises(DataError, match="three people"):
        measure_dialogues(folder, tmp_path / "out")
    done = CliRunner().invoke(app, ["speaking", "measure", str(folder), "--out", str(tmp_path)])
    assert done.exit_code == DataError.exit_code
