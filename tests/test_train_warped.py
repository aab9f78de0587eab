"""Training with a warped reference: the generator paints only what the reference lacks."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from talkernel.engine import load_engine
from talkernel.errors import RunConfigError, TrainingDataError
from talkernel.face.lips import SHAPE
from talkernel.lab.tracks.track import Track
from talkernel.lab.train.assemble import mean_generator
from talkernel.lab.train.batch import Batch, collate
from talkernel.lab.train.checkpoint import take_weights
from talkernel.lab.train.generator import GeneratorTrainer
from talkernel.lab.train.pairs import Pairs
from talkernel.lab.train.recipes import GeneratorRecipe, PairRecipe
from talkernel.lab.train.run_config import Data, GeneratorRun
from talkernel.lab.train.runs import load_basis
from talkernel.model.checkpoint import save_model
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from talkernel.model.synthesis import blend
from talkernel.model.talking_face import TalkingFace
from talkernel.model.weights import read_basis
from tests.test_train import cpu, tiny_run
from tests.tracks import TINY, drawn_track

WARPED = dataclasses.replace(TINY, reference=True, warped=True)


@pytest.fixture(scope="module")
def tracks() -> list[Track]:
    return [drawn_track(seed) for seed in range(4)]


def test_the_reference_gets_the_lips_of_the_target(tracks: list[Track], basis: LipBasis) -> None:
    recipe = PairRecipe(size=160, identity=0.0)
    kinds = [ModelConfig(reference=True), ModelConfig(reference=True, warped=True)]
    still, warped = (Pairs(tracks, basis, recipe, seed=3, model=kind) for kind in kinds)
    apart = []
    for number in range(12):
        one, other = still[number], warped[number]
        shown, painted = other.painted[0] == 0, other.painted[0] == 255
        np.testing.assert_allclose(
            one.network_input[:3, shown], other.network_input[:3, shown], atol=3
        )  # recoloured
        assert (one.painted == 255).all() and not other.network_input[:3, painted].any()
        np.testing.assert_array_equal(one.target, other.target)
        inside = one.lips[0] > 0
        apart.append(
            [
                np.abs(x.network_input[3:].astype(int) - x.target)[:, inside].mean()
                for x in (one, other)
            ]
        )
    unmoved, moved = np.mean(apart, axis=0)
    assert moved < 0.7 * unmoved


def test_weights_without_a_warped_reference_give_the_same_output_at_first(basis: LipBasis) -> None:
    done, warped = TalkingFace(dataclasses.replace(TINY, reference=True)), TalkingFace(WARPED)
    take_weights(warped, done.state_dict())
    face = torch.rand(1, 6, 64, 64) * 2 - 1
    kernels = done.kernels_of(torch.rand(1, *TINY.lip_code_shape))
    with torch.no_grad():
        answers = [model.eval().unet.raw_output(face, kernels) for model in (done, warped)]
    torch.testing.assert_close(*answers)


@pytest.mark.parametrize(
    ("model", "recipe"),
    [({"reference": False}, {}), ({"lip_code": None}, {}), ({}, {"drive": "heard"})],
)
def test_a_warped_reference_needs_reference_and_lip_code(
    model: dict[str, Any], recipe: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(RunConfigError, match="warped"):
        GeneratorRun(
            Data(tmp_path, tmp_path),
            tmp_path,
            recipe=GeneratorRecipe(**recipe),
            model=dataclasses.replace(WARPED, **model),
        )


@pytest.fixture
def trainer(tracks: list[Track], basis: LipBasis, tmp_path: Path) -> GeneratorTrainer:
    run = tiny_run(tmp_path, steps=2, adversarial=0.1)
    return GeneratorTrainer(dataclasses.replace(run, model=WARPED), tracks, basis, cpu())


def batch_of(trainer: GeneratorTrainer) -> Batch:
    return Batch.of(collate([trainer.pairs[number] for number in range(6)]), "cpu")


def test_discriminator_and_l1_see_the_painted_region(trainer: GeneratorTrainer) -> None:
    batch = batch_of(trainer)
    assert 0.0 < float((batch.painted > 0).float().mean()) < 0.2
    answer = trainer._answer(batch, batch.code)
    shown = (batch.painted == 0).expand_as(answer.motion)
    weight = trainer._weight(batch)
    assert (weight >= batch.painted).all() and weight[batch.painted == 0].max() < 0.3
    judged, where = trainer._criticised(batch, blend(batch.face, answer))
    torch.testing.assert_close(judged[shown], batch.target[shown])
    torch.testing.assert_close(where, batch.painted)
    assert (judged != batch.target).any()


def test_only_the_generator_learns_without_kernels(
    trainer: GeneratorTrainer, basis: LipBasis
) -> None:
    recipe = dataclasses.replace(trainer.recipe, kernels=False)
    run = dataclasses.replace(trainer.run, recipe=recipe, out=trainer.run.out / "kept")
    held = GeneratorTrainer(run, trainer.pairs.tracks, basis, cpu())
    before = {name: value.clone() for name, value in held.parts.model.state_dict().items()}
    held.train_step(batch_of(held))
    moved = {
        name
        for name, value in held.parts.model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert any(name.startswith("unet.head") for name in moved)
    assert all(name.startswith("unet.") for name in moved)


def test_a_run_trains_and_stores_the_basis(trainer: GeneratorTrainer, basis: LipBasis) -> None:
    assert len(trainer.show(batch_of(trainer))) == 6  # input, reference, result, target, 2 masks
    trainer.train()
    config, weights = mean_generator([trainer.run.out / "last.pt"])
    assert config.warped
    np.testing.assert_array_equal(weights["lips.basis.guess"].numpy(), basis.guess)


def test_a_model_stores_its_lip_basis(basis: LipBasis) -> None:
    model = TalkingFace(WARPED)
    model.lips.basis.set(basis)  # type: ignore[union-attr,operator]
    kept = model.basis
    assert kept is not None and TalkingFace(TINY).basis is None
    for field in dataclasses.fields(basis):
        np.testing.assert_array_equal(getattr(kept, field.name), getattr(basis, field.name))
    assert basis.guess.shape == (4, 3 * len(SHAPE) + 1)


def test_a_basis_of_an_earlier_version_is_refused(basis: LipBasis, tmp_path: Path) -> None:
    arrays = {name: value for name, value in vars(basis).items() if name != "guess"}
    np.savez(tmp_path / "basis.npz", **arrays)
    with pytest.raises(TrainingDataError, match="guess"):
        load_basis(tmp_path / "basis.npz")
    np.savez(tmp_path / "basis.npz", **vars(basis))
    np.testing.assert_array_equal(load_basis(tmp_path / "basis.npz").guess, basis.guess)


def test_weights_on_disk_hold_the_exact_basis(basis: LipBasis, tmp_path: Path) -> None:
    model = TalkingFace(WARPED)
    model.lips.basis.set(basis)  # type: ignore[union-attr,operator]
    save_model(model, tmp_path / "talkernel.safetensors")
    for kept in (
        read_basis(tmp_path / "talkernel.safetensors"),
        load_engine("torch", checkpoint=tmp_path).basis,
    ):
        assert kept is not None
        np.testing.assert_array_equal(kept.guess, basis.guess)
