"""Training: pairs, losses, and a few steps that learn, stop and resume."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric

from talkernel.engine import load_engine
from talkernel.errors import CheckpointError, OptionError, TrainingError
from talkernel.face.crop import crop_of, face_geometry
from talkernel.face.pose import RIGID, HeadPose
from talkernel.lab.tracks.track import STORED, Track
from talkernel.lab.train.assemble import assemble, mean_generator
from talkernel.lab.train.audio_data import SpeechTable
from talkernel.lab.train.audio_net import train_lip_reader
from talkernel.lab.train.batch import Batch, collate
from talkernel.lab.train.checkpoint import averaged_weights, load_state, save_state
from talkernel.lab.train.critics import Critics
from talkernel.lab.train.front_end import SpeechFrontEnd
from talkernel.lab.train.generator import GeneratorTrainer
from talkernel.lab.train.lip_reader import LAGS, LipReader
from talkernel.lab.train.losses import (
    adversarial_loss,
    discriminator_loss,
    mask_loss,
    matching_loss,
    reconstruction_loss,
)
from talkernel.lab.train.pairs import Pairs
from talkernel.lab.train.recipes import AudioNetRecipe, GeneratorRecipe, PairRecipe
from talkernel.lab.train.run_config import Data, GeneratorRun
from talkernel.lab.train.sample import MOUTH
from talkernel.lab.train.sync import find_sync, sync_of
from talkernel.lab.train.transplant import lower_face_mask, transplant
from talkernel.lab.train.view import random_view
from talkernel.model.checkpoint import save_model
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.mask import blur_mouth, mouth_mask
from talkernel.mouth.reference import align, transform
from tests.tracks import FRAMES, TINY, drawn_face, drawn_track, tiny_encoder, tiny_front_end


def test_a_transplanted_mouth_is_the_sources_and_the_rest_the_targets() -> None:
    (points, target), (other, source) = drawn_face(0.0), drawn_face(0.5)
    moved = np.roll(source, 6, axis=1)
    to_target = align(other + np.array([6, 0, 0], np.float32), points)
    aligned = cv2.warpAffine(moved, to_target, (STORED, STORED), borderMode=cv2.BORDER_REPLICATE)
    placed = transform(other + np.array([6, 0, 0], np.float32), to_target)
    mask = lower_face_mask([points[:, :2], placed], STORED, 256)
    result = transplant(target, np.asarray(aligned, np.uint8), mask, 4.0)
    np.testing.assert_array_equal(result[mask == 0], target[mask == 0])
    x, y = (points[13, :2] + other[14, :2]).astype(int) // 2
    assert result[y, x, 0] < 100 < target[y, x, 0]


def test_pairs_differ_in_the_mouth_only(tracks: list[Track], basis: LipBasis) -> None:
    recipe = PairRecipe(size=160, identity=0.0)
    pairs, rng = Pairs(tracks, basis, recipe, seed=0), np.random.default_rng(0)
    for _ in range(10):
        sample = pairs.sample(0, rng)
        changed = np.abs(sample.face.astype(int) - sample.target).max(0)
        assert changed[sample.outside[0] == 255].max() == 0
        assert changed[sample.lips[0] == 255].max() > 12
        assert sample.code.shape == (4,) and sample.face.shape == (3, 160, 160)


@pytest.mark.parametrize(("size", "off"), [(192, 0.03), (256, 0.06)])
def test_a_view_of_the_mouth_is_centred_as_in_use(
    size: int, off: float, tracks: list[Track]
) -> None:
    track, rng = tracks[0], np.random.default_rng(0)
    in_use = crop_of(face_geometry(HeadPose.fit(track.crop_points[0])), 0.75)
    mouth = np.array([in_use.left + in_use.side / 2, in_use.top + in_use.side / 2])
    np.testing.assert_allclose(track.crop_mouth, mouth, atol=2.0)
    meant = track.crop_mouth if size < 256 else np.full(2, STORED / 2)
    views = [random_view(size, rng, 256, track.view_middle(size < 256)) for _ in range(50)]
    seen = np.array([transform(meant[None], view.affine)[0] for view in views])
    wrong = np.abs(seen - size / 2).max() / 256
    assert 0.8 * off < wrong < 1.25 * off  # shifted by as much, then zoomed and turned


def test_the_mouth_mask_blurs_the_mouth_and_leaves_the_rest() -> None:
    seen = []
    for opening in (0.0, 0.5):
        points, image = drawn_face(opening)
        masked = blur_mouth(image, mouth_mask(points, STORED, 256), 256)
        top = int(points[list(RIGID), 1].max())  # under the nose
        np.testing.assert_array_equal(masked[:top], image[:top])
        seen.append(masked[int(points[13, 1]) - 4 : int(points[13, 1]) + 4, 140:164].astype(int))
    closed, opened = (drawn_face(o)[1].astype(int)[200:216, 140:164] for o in (0.0, 0.5))
    assert np.abs(seen[0] - seen[1]).max() < 0.5 * np.abs(closed - opened).max()


def test_pairs_repeat_with_their_seed(tracks: list[Track], basis: LipBasis) -> None:
    first, again = (Pairs(tracks, basis, PairRecipe(), seed=5)[7] for _ in range(2))
    other = Pairs(tracks, basis, PairRecipe(), seed=6)[7]
    np.testing.assert_array_equal(first.face, again.face)
    assert (first.face != other.face).any()


def test_losses_follow_the_paper() -> None:
    zeros, ones = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    weight = torch.ones(1, 1, 4, 4)
    weight[..., 0] = 5.0
    half = zeros.clone()
    half[..., 0] = 1.0
    assert reconstruction_loss(ones, zeros, weight).item() == pytest.approx(1.0)
    assert reconstruction_loss(half, zeros, weight).item() == pytest.approx(5 / 8)
    assert mask_loss(ones[:, :1], torch.zeros(1, 1, 4, 4)).item() == 0.0
    every, yes, no, some = torch.ones(1), ones[:, :1], zeros[:, :1], half[:, :1]
    assert discriminator_loss(yes, no, every, weight).item() == 0.0
    assert discriminator_loss(no, yes, every, weight).item() == 2.0
    assert adversarial_loss(yes, weight).item() == 0.0
    assert adversarial_loss(some, weight).item() == pytest.approx(3 / 8)
    assert adversarial_loss(some, some).item() == 0.0  # elsewhere nothing was generated


def test_feature_matching_counts_real_targets_only() -> None:
    wanted, everywhere = [torch.ones(2, 3, 4, 4)], [torch.ones(2, 1, 4, 4)]
    first_only, both = torch.tensor([1.0, 0.0]), torch.ones(2)
    found = [torch.stack([torch.ones(3, 4, 4), torch.zeros(3, 4, 4)])]
    assert matching_loss(found, wanted, everywhere, first_only).item() == 0.0
    assert matching_loss(found, wanted, everywhere, both).item() == pytest.approx(0.5)
    assert matching_loss(found, wanted, everywhere, 0 * both).item() == 0.0
    upper = [everywhere[0].clone()]
    upper[0][:, :, 2:] = 0.0
    found[0][1, :, :2] = 1.0
    assert matching_loss(found, wanted, upper, both).item() == 0.0


def tiny_run(folder: Path, **recipe: object) -> GeneratorRun:
    settings = GeneratorRecipe(
        **{
            "pairs": PairRecipe(size=64),
            "batch": 4,
            "workers": 0,
            "adversarial": 0.0,
            "reading": 0.0,
            **recipe,
        }
    )
    return GeneratorRun(Data(folder, folder), out=folder, model=TINY, recipe=settings)


def cpu(precision: Literal["32-true", "bf16-mixed"] = "32-true") -> Fabric:
    """A CPU fabric in float32: CPUs without bfloat16 instructions are ten times slower in it."""
    return Fabric(accelerator="cpu", devices=1, precision=precision)


def test_a_stage_starts_with_the_weights_of_the_one_before(
    tracks: list[Track], basis: LipBasis, tmp_path: Path
) -> None:
    run = tiny_run(tmp_path / "a", steps=4, learning_rate=2e-3, adversarial=0.1, reading=1.0)
    mixed = cpu("bf16-mixed")
    first = GeneratorTrainer(run, tracks, basis, mixed)
    first.train()
    assert first.step == 4 and not list(run.out.glob("*.part*"))
    after = dataclasses.replace(run, out=tmp_path / "b", start=run.out / "last.pt")
    second = GeneratorTrainer(after, tracks, basis, mixed)
    mine_critics, theirs_critics = second.parts.critics, first.parts.critics
    assert second.step == 0 and mine_critics is not None and theirs_critics is not None
    for mine, theirs in (
        (second.parts.model, first.parts.model),
        (mine_critics.networks, theirs_critics.networks),
    ):
        for name, value in theirs.state_dict().items():
            torch.testing.assert_close(mine.state_dict()[name], value)


def test_a_few_steps_on_one_batch_beat_doing_nothing(
    tracks: list[Track], basis: LipBasis, tmp_path: Path
) -> None:
    pairs = PairRecipe(size=64, identity=0.0)
    run = tiny_run(tmp_path, steps=40, batch=8, learning_rate=5e-3, pairs=pairs)
    trainer = GeneratorTrainer(run, tracks, basis, cpu())
    batch = Batch.of(collate([trainer.pairs[number] for number in range(8)]), "cpu")
    trainer.step = 200  # past the warm-up
    figures = [trainer.train_step(batch) for _ in range(40)]
    nothing = reconstruction_loss(batch.face, batch.target, batch.weight(8.0)).item()
    assert figures[-1]["rec"] < 0.9 * nothing < figures[0]["rec"]


def test_the_mouths_box_holds_the_mouth_mirrored_or_not(
    tracks: list[Track], basis: LipBasis
) -> None:
    pairs, rng = Pairs(tracks, basis, PairRecipe(size=160), seed=0), np.random.default_rng(0)
    batch = Batch.of(collate([pairs.sample(0, rng) for _ in range(8)]), "cpu")
    lips = batch.mouths(batch.lips)
    assert lips.shape == (8, 1, MOUTH, MOUTH)
    assert (lips.sum((1, 2, 3)) > 0.85 * batch.lips.sum((1, 2, 3))).all()  # they open wide


def test_the_discriminator_learns_to_recognise_the_right_sharpness() -> None:
    torch.manual_seed(0)
    light = F.interpolate(torch.randn(8, 3, 4, 4), 48, mode="bicubic").clamp(-0.9, 0.9)
    sharpness = torch.tensor([0.03, 0.0]).repeat(4)[:, None, None, None]
    real = light + sharpness * torch.randn(8, 3, 48, 48)  # the only difference
    fake = light + sharpness.flip(0) * torch.randn(8, 3, 48, 48)
    plane, corner = torch.ones(8, 1, 48, 48), torch.zeros(8, 2, dtype=torch.int64)
    known = torch.ones(8, dtype=torch.bool)
    batch = Batch(
        torch.cat([light, real], 1),
        light,
        real,
        *[plane] * 5,
        corner,
        known,
        torch.zeros(8, 2),
        torch.zeros(8, 1, 80, 0),
    )
    critics = Critics(torch.ones(2), channels=6)
    critics.set_up(cpu())
    for _ in range(240):
        losses = critics.train_step(batch, fake, plane)
    assert losses["critic"] < 0.25  # guessing is 0.5
    assert losses["adversarial"] > 0.5 and losses["matching"] > 0.1


def test_the_lip_critic_learns_to_read_and_gives_the_generator_a_gradient() -> None:
    torch.manual_seed(0)
    code = torch.rand(8, 2)
    rows = torch.arange(MOUTH)[None, None, :, None] / MOUTH
    mouths = (rows < code[:, :1, None, None]).float().expand(8, 3, MOUTH, MOUTH).contiguous()
    plane, corner = torch.zeros(8, 1, MOUTH, MOUTH), torch.zeros(8, 2, dtype=torch.int64)
    code = torch.cat([code[:, :1], 1 - code[:, :1]], 1)
    mel = torch.zeros(8, 1, 80, 0)
    genuine = torch.ones(8, dtype=torch.bool)
    batch = Batch(mouths, mouths, mouths, *[plane] * 5, corner, genuine, code, mel)
    critics, wrong = Critics(torch.ones(2), rate=1e-3), (1 - mouths).requires_grad_()
    critics.set_up(cpu())
    first = critics.train_step(batch, wrong, plane)
    for _ in range(20):
        losses = critics.train_step(batch, wrong, plane)
    assert losses["reader"] < 0.3 * first["reader"]
    assert losses["reading"] > 3 * losses["reader"]
    losses["reading"].backward()
    assert wrong.grad is not None and wrong.grad.abs().sum() > 0
    assert all(p.grad is None or not p.requires_grad for p in critics.networks.parameters())


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("DataLoader worker (pid 7) is killed by signal: Killed.", TrainingError),
        ("something else", RuntimeError),
    ],
)
def test_a_killed_loader_raises_a_typed_error(
    tmp_path: Path,
    tracks: list[Track],
    basis: LipBasis,
    monkeypatch: pytest.MonkeyPatch,
    message: str,
    error: type[Exception],
) -> None:
    class Killed:
        def __iter__(self) -> Iterator[None]:
            raise RuntimeError(message)

    monkeypatch.setattr("talkernel.lab.train.batch.DataLoader", lambda *_, **__: Killed())
    with pytest.raises(error, match=re.escape(message)):
        GeneratorTrainer(tiny_run(tmp_path), tracks, basis, cpu()).train()


def test_critics_of_another_shape_are_refused(
    tracks: list[Track], basis: LipBasis, tmp_path: Path
) -> None:
    run = tiny_run(tmp_path, steps=1, adversarial=0.1)
    trainer = GeneratorTrainer(run, tracks, basis, cpu())
    state = trainer.parts.state(1)
    state["critics"]["networks"] = Critics(torch.ones(4), channels=6).networks.state_dict()
    save_state(state, tmp_path)
    with pytest.raises(CheckpointError, match="another model's"):
        GeneratorTrainer(run, tracks, basis, cpu())


def test_windows_follow_their_offsets(tracks: list[Track], basis: LipBasis) -> None:
    plain = SpeechTable.build(tracks, basis, tiny_front_end())
    late = SpeechTable.build([dataclasses.replace(tracks[0], offset=2)], basis, tiny_front_end())
    rows = torch.arange(10, 40)
    torch.testing.assert_close(late.windows(rows), plain.windows(rows - 2))
    torch.testing.assert_close(late.codes[rows], plain.codes[rows])
    assert plain.draw(100).max() < 2 * FRAMES


def test_a_table_holds_augmented_versions_of_the_same_words(
    tracks: list[Track], basis: LipBasis
) -> None:
    table = SpeechTable.build(tracks, basis, tiny_front_end(), versions=3)
    rows = torch.arange(2 * FRAMES)
    assert table.start.shape == (3, 2 * FRAMES)
    versions = [table._windows(table.start[number, rows]) for number in range(3)]
    torch.testing.assert_close(versions[0], table.windows(rows))
    assert all((versions[0] - other).abs().mean() > 0.02 for other in versions[1:])
    assert table.silent_windows(20).shape == (20, 1, *TINY.speech_shape)
    assert table.start.max() + table.window < table.quiet[0]
    assert table.quiet[1] + table.window == len(table.speech)


def test_a_table_centres_peoples_mean_mouths(tracks: list[Track], basis: LipBasis) -> None:
    table, rows = SpeechTable.build(tracks, basis, tiny_front_end()), torch.arange(5)
    centred = table.centred()
    means = [centred.codes[centred.track == number].mean(0) for number in range(2)]
    torch.testing.assert_close(means[0], means[1], atol=1e-5, rtol=1e-4)
    assert torch.equal(centred.rest, table.rest)
    assert (table.neighbours(rows) != rows).any()
    assert table.movement(rows, 5).shape == (5, 5, 4)


def test_the_range_of_lip_codes_ends_at_a_mouth_at_rest() -> None:
    reader = LipReader(TINY, None)
    codes = torch.linspace(-2.0, 2.0, 101)[:, None].repeat(1, 4)
    reader.store_range(codes, torch.tensor([-1.0, -0.2, 0.1, 0.9]))
    torch.testing.assert_close(reader.lowest, torch.tensor([-1.0, -1.92, -1.92, -1.92]))
    torch.testing.assert_close(reader.highest, torch.tensor([1.92, 1.92, 1.92, 0.9]))


def curve(lag: int, height: float) -> np.ndarray:
    return height * np.exp(-0.5 * ((np.array(LAGS) - lag) / 1.5) ** 2)


def test_sync_accepts_a_clear_offset_and_drops_tracks_without_correlation() -> None:
    curves = {"a1": curve(3, 0.6), "a2": curve(-8, 0.1), "b": curve(0, 0.05), "c": curve(5, 0.2)}
    seconds = {"a1": 10.0, "a2": 2.0, "b": 10.0, "c": 2.0}
    found = sync_of(curves, seconds, {"a1": "a", "a2": "a"})
    assert found["a1"] == found["a2"] and found["a1"].offset == 3
    assert found["b"].offset is None
    assert found["c"].offset == 0  # too short for a decision


def test_the_weights_of_several_generators_are_averaged(
    tracks: list[Track], basis: LipBasis, tmp_path: Path
) -> None:
    paths = [tmp_path / name / "last.pt" for name in ("one", "other")]
    for path in paths:
        GeneratorTrainer(tiny_run(path.parent, steps=1), tracks, basis, cpu()).train()
    one, other = (averaged_weights(load_state(path)) for path in paths)
    config, mean = mean_generator(paths, [3.0, 1.0])
    name = "unet.head.weight"
    assert config == TINY
    torch.testing.assert_close(mean[name], 0.75 * one[name] + 0.25 * other[name])
    with pytest.raises(OptionError, match="2 generators, but 1 weights"):
        mean_generator(paths, [1.0])
    shape = dataclasses.replace(TINY, reference=True).to_json()
    save_state(load_state(paths[1]) | {"config": shape}, paths[1].parent)
    with pytest.raises(CheckpointError, match="differ in shape"):
        mean_generator(paths)


def test_sync_finds_the_track_that_was_shifted(basis: LipBasis) -> None:
    people = [drawn_track(number, frames=180) for number in range(6)]
    late = dataclasses.replace(people[2], wave=np.roll(people[2].wave, -3 * 640))
    all_tracks = [*people[:2], late, *people[3:]]
    front_end = SpeechFrontEnd(
        tiny_front_end().config, lambda mel: mel[:, :64, ::2]
    )  # drawn tracks differ in loudness only
    found = find_sync(all_tracks, basis, front_end, AudioNetRecipe(steps=80, batch=16))
    assert found[late.name].offset == 3
    assert {found[track.name].offset for track in people if track.name != late.name} == {0}


def test_audio_net_trains_and_joins_the_generator(
    tracks: list[Track], basis: LipBasis, tmp_path: Path
) -> None:
    table = SpeechTable.build(tracks, basis, tiny_front_end())
    recipe = AudioNetRecipe(steps=3, batch=8)
    reader = train_lip_reader(TINY, tiny_encoder(), table, table, basis, recipe)
    reader.save(tmp_path / "audio.pt")
    GeneratorTrainer(tiny_run(tmp_path, steps=1), tracks, basis, cpu()).train()
    model = assemble([tmp_path / "last.pt"], tmp_path / "audio.pt", gain=2.0)
    speech = table.windows(torch.arange(2))
    with torch.no_grad():
        predicted = model.lips.predict_lip_code(model.audio_net(speech))
        louder = (2.0 * reader.predict_lip_code(speech)).clamp(reader.lowest, reader.highest)
    torch.testing.assert_close(predicted, louder, atol=1e-4, rtol=1e-4)
    assert (reader.lowest <= table.codes.median(0).values).all()
    save_model(model, tmp_path / "talkernel.safetensors")
    engine = load_engine("torch", precision="float32", checkpoint=tmp_path)
    mel = np.zeros((1, 80, 40), np.float32)
    np.testing.assert_allclose(engine.encode(mel), tiny_front_end().encode(mel), atol=1e-2)
    assert engine.kernels(engine.predict_lip_code(speech.numpy())).shape == (2, *TINY.kernel_shape)
    again = assemble([tmp_path / "last.pt", tmp_path], tmp_path, weights=[1.0, 3.0])  # of itself
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, atol=2e-3, rtol=2e-3)
