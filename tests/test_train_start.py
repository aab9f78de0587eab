"""How a generator's training starts: audio network, attention and pixel weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from talkernel.errors import CheckpointError, OptionError, RunConfigError
from talkernel.lab.tracks.track import Track
from talkernel.lab.train.assemble import assemble
from talkernel.lab.train.batch import Batch, collate
from talkernel.lab.train.generator import GeneratorTrainer
from talkernel.lab.train.generator_parts import GeneratorParts
from talkernel.lab.train.lip_reader import LipReader
from talkernel.lab.train.pairs import Pairs
from talkernel.lab.train.recipes import PairRecipe
from talkernel.lab.train.run_config import GeneratorRun
from talkernel.model.lip_basis import LipBasis
from talkernel.model.synthesis import Synthesis
from talkernel.model.talking_face import TalkingFace
from tests.test_train import cpu, tiny_run
from tests.tracks import TINY, tiny_encoder

DIRECT = dataclasses.replace(TINY, lip_code=None)  # kernels from the audio features directly


@pytest.fixture
def reader(tmp_path: Path) -> LipReader:
    """An untrained audio network, saved as `audio_net.pt`."""
    torch.manual_seed(1)
    reader = LipReader(TINY, tiny_encoder())
    reader.save(tmp_path / "audio_net.pt")
    return reader


def direct_run(folder: Path, **recipe: object) -> GeneratorRun:
    """A run whose model has no lip code."""
    run = tiny_run(folder / "run", steps=1, batch=2, **recipe)
    return dataclasses.replace(run, model=DIRECT, audio_net=folder / "audio_net.pt")


def test_a_model_without_a_lip_code_takes_an_audio_network(
    reader: LipReader, tracks: list[Track], basis: LipBasis, tmp_path: Path
) -> None:
    trainer = GeneratorTrainer(direct_run(tmp_path, drive="heard"), tracks, basis, cpu())
    speech = torch.randn(2, 1, *TINY.speech_shape)
    model = trainer.parts.model.eval()
    assert model.speech_encoder is not None
    for name, value in reader.audio_net.state_dict().items():
        torch.testing.assert_close(model.audio_net.state_dict()[name], value)
    with torch.no_grad():
        features = reader.eval().audio_net(speech)
        torch.testing.assert_close(model.predict_lip_code(speech), features)
    trainer.train()
    joined = assemble([tmp_path / "run" / "last.pt"], tmp_path / "audio_net.pt")
    assert joined.kernels(speech).shape == (2, *DIRECT.kernel_shape)
    with pytest.raises(OptionError, match="no lip code"):
        assemble([tmp_path / "run" / "last.pt"], tmp_path / "audio_net.pt", gain=2.0)


@pytest.mark.parametrize(
    ("changes", "wrong"), [({"speech_window": 9}, "speech_shape"), ({"lip_code": 5}, "lip_code")]
)
def test_an_audio_network_for_another_model_is_refused(
    reader: LipReader, changes: dict[str, int], wrong: str
) -> None:
    with pytest.raises(CheckpointError, match=wrong):
        reader.install_into(TalkingFace(dataclasses.replace(TINY, **changes)))


def test_measured_lip_codes_need_a_model_with_a_lip_code(
    reader: LipReader, basis: LipBasis, tmp_path: Path
) -> None:
    with pytest.raises(RunConfigError, match=r"recipe\.drive is seen"):
        GeneratorParts(direct_run(tmp_path, drive="seen"), basis, cpu())


@pytest.mark.parametrize("masked", [False, True])
def test_a_generator_that_sees_the_mouth_starts_by_keeping_its_input(
    masked: bool, tracks: list[Track], basis: LipBasis, tmp_path: Path
) -> None:
    model = dataclasses.replace(TINY, masked=masked)
    run = dataclasses.replace(tiny_run(tmp_path), model=model)
    trainer = GeneratorTrainer(run, tracks, basis, cpu())
    batch = Batch.of(collate([trainer.pairs[number] for number in range(4)]), "cpu")
    attention = Synthesis.of(trainer.parts.drive(batch, batch.code)).attention
    assert bool(batch.mouth_mask.any()) == masked
    assert (float(attention.detach().mean()) < 0.2) == (not masked)
    average = trainer.parts.average.state_dict()["module.unet.head.bias"]
    torch.testing.assert_close(average, trainer.parts.model.unet.head.bias.detach())


def test_a_mouth_weight_of_1_means_uniform_weights(tracks: list[Track], basis: LipBasis) -> None:
    pairs = Pairs(tracks, basis, PairRecipe(size=160))
    batch = Batch.of(collate([pairs[number] for number in range(2)]), "cpu")
    assert (batch.weight(1.0) == 1.0).all()
    lips, around = batch.lips == 1, (batch.lower == 1) & (batch.lips == 0)
    assert lips.any() and around.any()
    for mouth, lower_face in ((8.0, 4.0), (1.5, 1.0), (2.0, 1.0)):
        weight = batch.weight(mouth)
        torch.testing.assert_close(weight[lips], torch.full_like(weight[lips], mouth))
        torch.testing.assert_close(weight[around], torch.full_like(weight[around], lower_face))
        assert (weight[batch.lower == 0] == 1.0).all()


def test_the_discriminator_sees_whole_faces_where_the_recipe_says_so(
    tracks: list[Track], basis: LipBasis, tmp_path: Path
) -> None:
    """The faces of 64 pixels are smaller than the mouth's box, so their corner is looked at."""
    seen: list[tuple[int, ...]] = []
    for criticised in ("mouth", "face"):
        run = tiny_run(tmp_path / criticised, adversarial=1.0, criticised=criticised)
        trainer = GeneratorTrainer(run, tracks, basis, cpu())
        batch = Batch.of(collate([trainer.pairs[number] for number in range(4)]), "cpu")
        face, where = trainer._criticised(batch, batch.target)
        assert torch.equal(face, batch.target)
        assert bool((where == 1.0).all()) == (criticised == "face")
        losses = trainer.train_step(batch)
        assert losses["adversarial"] > 0.0 and trainer.parts.critics is not None
        seen.append((trainer.parts.critics.whole,))
    assert seen == [(False,), (True,)]
