"""The mean spectrum that is taken off a voice."""

from __future__ import annotations

import numpy as np
import pytest

from talkernel.audio import SpeechFeatures
from talkernel.speech_level import SpeechLevel

PRIOR = np.linspace(-1.0, -2.0, 80)


def voice(seconds: float = 12.0) -> np.ndarray:
    """Syllables: bursts of noise, a pause after each."""
    rng = np.random.default_rng(0)
    samples = np.arange(int(16000 * seconds))
    return 0.1 * rng.standard_normal(len(samples)) * (np.sin(samples / 1500) > 0)


def test_before_anything_is_heard_the_level_is_everybodys() -> None:
    level = SpeechLevel(PRIOR)
    np.testing.assert_allclose(level.mean, PRIOR, atol=1e-6)
    for silence in (np.full((80, 4000), -4.0, np.float32), np.full((80, 99), -3.1, np.float32)):
        level.hear(silence)  # is not taken for a very quiet voice
        np.testing.assert_allclose(level.mean, PRIOR, atol=1e-6)


def test_pauses_hardly_count_and_louder_is_just_louder() -> None:
    rng = np.random.default_rng(0)
    speech = rng.normal(-1.0, 0.2, (80, 4000)).astype(np.float32)
    pause = np.full((80, 4000), -3.9, np.float32)
    means = []
    for shift in (0.0, 0.5):
        level = SpeechLevel(PRIOR)
        level.hear(speech + np.float32(shift))
        level.hear(pause + np.float32(shift))
        means.append(level.mean)
    np.testing.assert_allclose(means[0], speech.mean(1), atol=0.12)
    np.testing.assert_allclose(means[1] - means[0], 0.5, atol=0.05)


@pytest.mark.parametrize("fps", [1, 25, 60])
@pytest.mark.parametrize("ahead", [0, 800])
def test_in_pieces_or_whole_the_windows_are_the_same(fps: int, ahead: int) -> None:
    wave, level = voice(), tuple(PRIOR)
    whole = SpeechFeatures(fps, level=level, ahead=ahead)
    expected = np.concatenate([whole.push(wave), whole.flush(11 * fps)])
    pieces = SpeechFeatures(fps, level=level, ahead=ahead)
    parts = [pieces.push(part) for part in np.array_split(wave, 57)]
    got = np.concatenate([*parts, pieces.flush(11 * fps)])
    np.testing.assert_allclose(got[: 11 * fps], expected[: 11 * fps], atol=2e-4)


def test_a_recorded_voices_mean_is_known_from_its_first_window_a_live_ones_is_not() -> None:
    wave, level = voice(), tuple(PRIOR)
    raw = SpeechFeatures(25).push(wave)
    recorded = SpeechFeatures(25, level=level).push(wave)
    live = SpeechFeatures(25, level=level, ahead=0).push(wave)
    off = [float((raw[40] - x[40]).std(2).max()) for x in (recorded, live)]
    assert max(off) < 1e-5  # one mean for all columns of a window
    first, last = (raw[n] - recorded[n] for n in (0, 240))
    np.testing.assert_allclose(first[0, :, 0], last[0, :, 0], atol=1e-5)
    assert np.abs((raw[5] - live[5]) - (raw[240] - live[240])).max() > 0.2


def test_short_speech_is_not_held_back_for_ever() -> None:
    features = SpeechFeatures(25, level=tuple(PRIOR))
    assert len(features.push(voice(1.0))) == 0
    assert features.flush(25).shape == (25, 1, 80, 16)
