"""Who speaks when: evidence, turns, and what `--people speaking` refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from talkernel.engine import Engine
from talkernel.errors import ModelError, NoAudioError
from talkernel.face.pose import HeadPose, canonical_face
from talkernel.face.track import Observation, TrackedFace
from talkernel.lab.speaking.fit import Pair, match_of
from talkernel.media import open_face
from talkernel.model.lip_basis import LipBasis
from talkernel.pipeline.generate import generate
from talkernel.pipeline.speaking import Speakers, Speaking, find_speakers
from talkernel.pipeline.speech_match import Shown, SpeechMatch, speech_evidence, speech_match
from talkernel.pipeline.turns import NOBODY, find_turns
from tests.faces import portrait_on_canvas
from tests.jobs import Painter, babble
from tests.test_media_support import write_sound
from tests.videos import portrait, write_video

Array = NDArray[np.float32]
K, FPS, T = 12, 25.0, 250


def talk(seed: int, count: int = T, fps: float = FPS) -> Array:
    """Lip codes of somebody who speaks, of unit variance and syllables of about 0.2 s."""
    rng, width = np.random.default_rng(seed), fps / 12
    time = np.arange(-round(3 * width), round(3 * width) + 1) / width
    kernel = np.exp(-0.5 * time**2)
    noise = rng.standard_normal((count + len(kernel) - 1, K))
    codes = np.stack([np.convolve(one, kernel, "valid") for one in noise.T], 1)
    return np.asarray(codes / np.sqrt((kernel**2).sum()), np.float32)


def mouth(sound: Array, seed: int, fps: float = FPS) -> Array:
    """A mouth that follows a sound about as well as real ones do."""
    return np.asarray(0.6 * sound + 0.8 * talk(seed, len(sound), fps), np.float32)


@pytest.fixture(scope="module")
def match() -> SpeechMatch:
    """Fitted to such mouths."""
    sounds = [talk(seed, 500) for seed in range(8)]
    pairs = [Pair(sound, mouth(sound, 100 + seed), FPS) for seed, sound in enumerate(sounds)]
    return match_of(pairs, np.ones(K, np.float32))


def decide(match: SpeechMatch, sound: Array, *mouths: list[Shown], fps: float = FPS) -> list[int]:
    """Who is taken for the speaker in each frame."""
    evidence = [speech_evidence(sound, one, len(sound), fps, match) for one in mouths]
    turns = find_turns(np.stack(evidence, 1), fps)
    assert turns[0].first == 0 and turns[-1].last == len(sound) - 1
    return [turn.person for turn in turns for _ in range(turn.first, turn.last + 1)]


def right(decided: list[int], *turns: tuple[int, int]) -> float:
    """Fraction of frames that are right, for turns of a person and a number of frames."""
    truth = np.concatenate([np.full(count, person) for person, count in turns])
    return float((np.array(decided) == truth).mean())


@pytest.mark.parametrize("fps", [25.0, 30000 / 1001, 50.0])
def test_of_two_moving_mouths_the_one_that_follows_the_sound_speaks(
    match: SpeechMatch, fps: float
) -> None:
    count = round(4 * fps)
    first, second = talk(20, count, fps), talk(21, count, fps)
    sound = np.concatenate([first, second])
    one = np.concatenate([mouth(first, 22, fps), talk(23, count, fps)])
    two = np.concatenate([talk(24, count, fps), mouth(second, 25, fps)])
    found = decide(match, sound, [Shown(0, one)], [Shown(0, two)], fps=fps)
    assert right(found, (0, count), (1, count)) > 0.95


@pytest.mark.parametrize("lag", [-5, 5])
def test_a_picture_out_of_sync_by_five_frames(match: SpeechMatch, lag: int) -> None:
    sound = talk(30)
    late = [Shown(0, np.roll(mouth(sound, 31), lag, axis=0))]
    assert right(decide(match, sound, [Shown(0, talk(32))], late), (1, T)) > 0.95


def test_nobody_speaks_whose_mouth_rests_or_moves_otherwise(match: SpeechMatch) -> None:
    still, other = np.zeros((T, K), np.float32), talk(41)
    found = decide(match, talk(40), [Shown(0, still)], [Shown(0, other)])
    assert right(found, (NOBODY, T)) > 0.95


def test_a_still_listener_beside_the_speaker(match: SpeechMatch) -> None:
    sound, still = talk(45), 0.1 * talk(46)
    found = decide(match, sound, [Shown(0, still)], [Shown(0, mouth(sound, 47))])
    assert right(found, (1, T)) > 0.95


def test_in_a_long_silence_nobody_speaks(match: SpeechMatch) -> None:
    sound = np.concatenate([talk(50), np.zeros((T, K), np.float32)])
    shown = mouth(sound, 51)
    shown[T:] *= 0.1
    found = decide(match, sound, [Shown(0, shown)])
    assert right(found, (0, T), (NOBODY, T)) > 0.95
    assert (
        right(decide(match, np.zeros((T, K), np.float32), [Shown(0, shown[T:])]), (NOBODY, T)) == 1
    )


def test_only_who_is_in_the_picture_speaks(match: SpeechMatch) -> None:
    first, second = talk(60, 100), talk(61, 100)
    sound = np.concatenate([first, second])
    reverse_shot = [Shown(0, mouth(first, 62))], [Shown(100, mouth(second, 63))]
    assert right(decide(match, sound, *reverse_shot), (0, 100), (1, 100)) == 1
    reaction = [Shown(0, mouth(first, 62))], [Shown(100, 0.1 * talk(64, 100))]
    assert right(decide(match, sound, *reaction), (0, 100), (NOBODY, 100)) > 0.95


def test_a_short_turn_is_less_certain_than_a_long_one() -> None:
    def certainty(frames: int) -> float:
        evidence = np.full((frames, 1), 0.6, np.float32)
        (turn,) = find_turns(evidence, FPS)
        assert turn.person == 0
        return turn.certainty

    assert 0.5 < certainty(5) < 0.8 < certainty(50) < certainty(500) <= 1


def test_the_packaged_match_is_for_the_packaged_model(model: Engine) -> None:
    match = speech_match()
    assert model.basis is not None and match.fits(model.basis)
    assert match.spoken.shape == match.shown.shape == (2 * match.lip_code, 2 * match.lip_code)
    assert (np.diff(match.correlation) <= 0).all() and 0.7 < match.correlation[0] < 0.95


def face_at(x: float) -> TrackedFace:
    """A face of which only the place matters."""
    landmarks = canonical_face().astype(np.float32)
    geometry = np.array([x, 100.0, 80.0, 0.0, 0.0])
    return TrackedFace(landmarks, HeadPose.fit(landmarks), geometry)


def test_only_the_speaker_is_left_in_an_observation() -> None:
    place = np.array([300.0, 100.0, 80.0], np.float32)
    speakers = Speakers({7: Speaking(place, "speaks: so it seems")})
    both = Observation((face_at(100), face_at(310)), None, False)
    (left,) = speakers.only(7, both).faces
    assert (left.geometry[0], left.reason) == (310, "speaks: so it seems")
    nobody = speakers.only(8, both)
    assert (nobody.faces, nobody.reason) == ((), "nobody in the picture speaks")
    elsewhere = speakers.only(7, Observation((face_at(100),), None, False))
    assert (elsewhere.faces, elsewhere.reason) == ((), "nobody in the picture speaks")
    empty = Observation((), "no face", True)
    assert speakers.only(7, empty) == empty


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds photo.png, mute.mp4 (no sound), silent.mp4, and dub.wav."""
    folder = tmp_path_factory.mktemp("speaking")
    Image.fromarray(portrait_on_canvas(320, 240, (40, 4), 0.7)).save(folder / "photo.png")
    write_video(folder / "mute.mp4", portrait(5), None)
    write_video(folder / "silent.mp4", portrait(10), np.zeros(6400, np.int16))
    write_sound(folder / "dub.wav", babble(0.4, seed=0))
    return folder


@pytest.mark.parametrize(
    ("name", "why"),
    [("photo.png", "is a photo"), ("mute.mp4", "no sound"), ("silent.mp4", "is silent")],
)
def test_an_input_without_sound_is_refused(name: str, why: str, inputs: Path) -> None:
    face, dub = inputs / name, inputs / "dub.wav"
    with pytest.raises(NoAudioError, match=why) as refused:
        generate(face, dub, inputs / "out.mp4", people="speaking")
    assert "--people all" in refused.value.remedy and name in str(refused.value)
    assert not (inputs / "out.mp4").exists()


def test_a_model_with_another_lip_code_is_refused(inputs: Path, basis: LipBasis) -> None:
    source, engine = open_face(inputs / "mute.mp4"), Painter()
    with pytest.raises(ModelError, match="no lip code"):
        find_speakers(source, engine)
    engine.basis = basis  # type: ignore[assignment]
    with pytest.raises(ModelError, match="another lip code"):
        find_speakers(source, engine)
