"""Windows of speech features: their position, streaming, and bounded memory."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from talkernel.choices import Lookahead
from talkernel.lab.train.front_end import SpeechFrontEnd, wav2lip_front_end
from talkernel.model.config import ModelConfig
from talkernel.speech.features import SpeechFeatures
from talkernel.speech.mel import SAMPLE_RATE
from talkernel.speech.tokens import BLOCK
from tests.tracks import tiny_front_end

Array = np.ndarray
RNG = np.random.default_rng(0)
MEL_ONLY = wav2lip_front_end()
RATES = [15, 25, Fraction(30000, 1001), 60]


def noise(seconds: float) -> Array:
    return RNG.normal(0.0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)


def windows(
    front_end: SpeechFrontEnd,
    wave: Array,
    fps: Fraction | int,
    count: int,
    pieces: int = 1,
    lookahead: Lookahead = "full",
) -> Array:
    features = SpeechFeatures(fps, front_end.config, front_end.encode, lookahead)
    parts = [features.push(part) for part in np.array_split(wave, pieces)]
    return np.concatenate([*parts, features.flush(count)])[:count]


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("pieces", [37, 4001])
@pytest.mark.parametrize("front_end", [MEL_ONLY, tiny_front_end()], ids=["mel", "encoder"])
def test_pieces_give_the_same_windows(
    front_end: SpeechFrontEnd, fps: Fraction | int, pieces: int
) -> None:
    wave = noise(0.3 if pieces > 1000 else 21.0)  # two blocks and a remainder
    count = round(len(wave) / SAMPLE_RATE * fps)
    whole = windows(front_end, wave, fps, count)
    assert whole.shape == (count, 1, *front_end.config.speech_shape)
    np.testing.assert_array_equal(windows(front_end, wave, fps, count, pieces), whole)


@pytest.mark.parametrize("fps", [15, 25, Fraction(30000, 1001), 50, 60])
@pytest.mark.parametrize("seconds", [0.3, 1.0, 1.7])
def test_a_click_is_centred_in_the_window_of_its_frame(fps: Fraction | int, seconds: float) -> None:
    wave = np.zeros(2 * SAMPLE_RATE, np.float32)
    wave[round(seconds * SAMPLE_RATE)] = 1.0
    energy = (windows(MEL_ONLY, wave, fps, round(2 * fps))[:, 0] + 4.0).sum(1)  # [frames, columns]
    centre = np.abs((energy * np.arange(16)).sum(1) / np.maximum(energy.sum(1), 1e-9) - 7.5)
    centre[energy.sum(1) < energy.sum(1).max() * 0.9] = np.inf
    assert abs(int(np.argmin(centre)) - int(seconds * fps)) <= 1


@pytest.mark.parametrize("fps", RATES)
def test_a_token_is_in_the_middle_of_the_window_of_its_frame(fps: Fraction | int) -> None:
    def number(mel: Array) -> Array:
        """Tokens that hold the number of their mel column."""
        return np.repeat(mel[:, :1, ::2], 64, axis=1)

    front_end = SpeechFrontEnd(dataclasses.replace(ModelConfig(), encoder_width=64), number)
    mel = np.tile(np.arange(1500, dtype=np.float32), (80, 1))
    columns = front_end.columns(mel)[0]
    frames = np.arange(int(10 * fps))
    middles = [
        columns[start + 6] / 100.0
        for start in front_end.starts(frames, len(columns), float(fps) / 25.0)
    ]
    np.testing.assert_allclose(middles, (frames + 0.5) / float(fps), atol=0.0101 + 0.004)


def test_flush_pads_with_silence_or_truncates() -> None:
    wave = noise(1.0)
    assert len(windows(MEL_ONLY, wave, 25, 40)) == 40
    assert len(windows(MEL_ONLY, wave, 25, 10)) == 10
    assert (windows(MEL_ONLY, wave, 25, 60)[-1] == -4.0).all()
    front_end = tiny_front_end()
    assert windows(front_end, wave, 25, 400).shape == (400, 1, 64, 13)
    assert (
        len(windows(front_end, wave[:100], 25, 1)) == len(windows(front_end, wave[:0], 25, 1)) == 1
    )


def test_memory_is_bounded() -> None:
    front_end = tiny_front_end()
    features = SpeechFeatures(25, front_end.config, front_end.encode)
    returned = sum(len(features.push(noise(1.0))) for _ in range(60))
    assert 60 - 13 < returned / 25 < 60
    assert features._columns.shape[1] < 2 * 13
    assert features._stream._mel.shape[1] < 2 * (BLOCK.size + BLOCK.before + BLOCK.after)


def test_live_windows_are_returned_within_five_frames() -> None:
    front_end, wave = tiny_front_end(), noise(2.0)
    features = SpeechFeatures(25, front_end.config, front_end.encode, "live")
    waiting = []
    for number in range(50):
        features.push(wave[640 * number : 640 * (number + 1)])
        waiting.append(number + 1 - features._frame)
    assert max(waiting) <= 5  # frames of 40 ms


@pytest.mark.parametrize("fps", RATES)
def test_live_windows_differ_only_in_the_encoders_context(fps: Fraction | int) -> None:
    def local(mel: Array) -> Array:
        """Tokens that do not depend on their neighbours."""
        return mel[:, :64, ::2] - mel[:, :64, 1::2]

    front_end, wave = SpeechFrontEnd(tiny_front_end().config, local), noise(2.0)
    count = int(2 * fps)
    live = windows(front_end, wave, fps, count, lookahead="live")
    np.testing.assert_array_equal(live, windows(front_end, wave, fps, count))
    encoded = windows(tiny_front_end(), wave, fps, count, lookahead="live")
    np.testing.assert_array_equal(windows(tiny_front_end(), wave, fps, count, 9, "live"), encoded)


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize(("lookahead", "changed"), [("live", False), ("full", True)])
def test_live_windows_do_not_depend_on_later_sound(
    lookahead: Lookahead, changed: bool, fps: Fraction | int
) -> None:
    front_end, wave = tiny_front_end(), noise(4.0)
    other = wave.copy()
    middle = round(50.5 * SAMPLE_RATE / fps)  # of frame 50
    other[middle + round(0.154 * SAMPLE_RATE) :] = 0.0  # includes rounding and the last column
    frames = [windows(front_end, one, fps, 55, lookahead=lookahead)[50] for one in (wave, other)]
    assert bool(np.abs(frames[0] - frames[1]).max() > 1e-6) == changed


def test_without_an_encoder_live_windows_equal_full_ones() -> None:
    wave = noise(1.0)
    live = windows(MEL_ONLY, wave, 25, 25, lookahead="live")
    np.testing.assert_array_equal(live, windows(MEL_ONLY, wave, 25, 25))


def test_the_look_aheads_earlier_name_still_works() -> None:
    front_end = tiny_front_end()
    wave = noise(1.0)
    for earlier, now in (("recorded", "full"), ("live", "live")):
        features = SpeechFeatures(25, front_end.config, front_end.encode, hearing=earlier)
        made = np.concatenate([features.push(wave), features.flush(25)])
        np.testing.assert_array_equal(made, windows(front_end, wave, 25, 25, lookahead=now))  # type: ignore[arg-type]


def test_fewer_windows_than_there_are_leave_none_over() -> None:
    front_end = tiny_front_end()
    features = SpeechFeatures(25, front_end.config, front_end.encode)
    pushed = len(features.push(noise(15.0)))
    assert pushed > 200 and len(features.finish(200)) == 0
