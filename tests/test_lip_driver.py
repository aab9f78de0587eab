"""LipDriver: the same lip codes and kernels in pieces, at once and after a reset."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from talkernel.choices import Lookahead
from talkernel.mouth.lip_driver import FILE_BATCH, LipDriver, LipMotion
from talkernel.speech.mel import SAMPLE_RATE
from tests.jobs import Painter
from tests.tracks import TINY, tiny_front_end

Array = np.ndarray
NTSC = Fraction(30000, 1001)
SECONDS = 1.7


class TinyEngine(Painter):
    """The untrained tiny encoder, then means of its tokens; remembers its batch sizes."""

    config = TINY

    def __init__(self) -> None:
        super().__init__()
        self.encode = tiny_front_end().encode  # type: ignore[method-assign]
        self.batches: list[int] = []

    def predict_lip_code(self, speech: Array) -> Array:
        self.batches.append(len(speech))
        return speech[:, 0, : TINY.lip_code].mean(2)

    def kernels(self, lip_code: Array) -> Array:
        return np.stack([np.full(TINY.kernel_shape, code.sum(), np.float32) for code in lip_code])


def noise(seconds: float, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return rng.normal(0.0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)


def drive(
    driver: LipDriver, wave: Array, pieces: int = 1, count: int | None = None
) -> list[LipMotion]:
    """All frames of a sound that arrives in pieces."""
    motions = [motion for part in np.array_split(wave, pieces) for motion in driver.push(part)]
    return [*motions, *driver.finish(count)]


def assert_same(one: list[LipMotion], other: list[LipMotion]) -> None:
    assert len(one) == len(other)
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first.lip_code, second.lip_code)
        np.testing.assert_array_equal(first.kernels, second.kernels)


@pytest.mark.parametrize("lookahead", ["full", "live"])
@pytest.mark.parametrize("batch", [1, 2, FILE_BATCH])
def test_pieces_give_the_same_frames_as_the_whole_sound(lookahead: Lookahead, batch: int) -> None:
    wave = noise(SECONDS)
    whole = drive(LipDriver(TinyEngine(), NTSC, lookahead), wave)
    assert len({motion.lip_code.tobytes() for motion in whole}) == len(whole)
    assert_same(drive(LipDriver(TinyEngine(), NTSC, lookahead, batch), wave, pieces=37), whole)


@pytest.mark.parametrize("fps", [15, 25, NTSC])
def test_without_a_count_there_are_as_many_frames_as_the_sound_is_long(fps: Fraction | int) -> None:
    motions = drive(LipDriver(TinyEngine(), fps), noise(SECONDS), pieces=5)
    assert len(motions) == round(SECONDS * fps)


def test_a_count_pads_or_truncates() -> None:
    wave = noise(SECONDS)
    full, shorter, longer = (
        drive(LipDriver(TinyEngine(), 25, "live", batch=1), wave, count=count)
        for count in (None, 40, 60)
    )
    assert_same(shorter, full[:40])
    assert_same(longer[: len(full)], full)
    assert len(longer) == 60


@pytest.mark.parametrize("lookahead", ["full", "live"])
def test_reset_starts_again_at_frame_0(lookahead: Lookahead) -> None:
    wave, driver = noise(SECONDS), LipDriver(TinyEngine(), NTSC, lookahead)
    whole = drive(driver, wave)
    driver.reset()
    assert_same(drive(driver, wave, pieces=3), whole)
    driver.reset()
    driver.push(noise(0.7, seed=1))  # interrupted, its frames never consumed
    driver.reset()
    assert_same(drive(driver, wave), whole)


def test_no_batch_is_larger_than_asked_for() -> None:
    engine = TinyEngine()
    drive(LipDriver(engine, 25, "live", batch=2), noise(SECONDS), pieces=4)
    assert max(engine.batches) == 2
