"""The whole chain at a small scale: raw clips to a model whose mouth follows the speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from talkernel import generate
from talkernel.lab.prepare.run import prepare
from talkernel.lab.prepare.settings import Settings
from talkernel.lab.tracks.track import load_tracks, write_tracks
from talkernel.lab.train.audio_data import SpeechTable
from talkernel.lab.train.audio_net import train_lip_reader
from talkernel.lab.train.batch import Batch, collate
from talkernel.lab.train.generator import GeneratorTrainer
from talkernel.lab.train.recipes import AudioNetRecipe, GeneratorRecipe, PairRecipe
from talkernel.lab.train.run_config import Data, GeneratorRun
from talkernel.lab.train.runs import (
    assemble_model,
    fit_basis,
    load_basis,
    train_audio_net,
    train_generator,
)
from talkernel.model.lip_basis import LipBasis
from tests.tracks import TINY, drawn_track, tiny_encoder, tiny_front_end
from tests.videos import images_of, portrait, spoken, write_video

pytest.importorskip("silero_vad")
CHAIN = """
data: {{tracks: {folder}/tracks, basis: {folder}/basis.npz, held_out: [ben]}}
out: {folder}/{name}
model: {{crop_size: 64, channels: [8, 8, 12, 16, 16], dck_rank: 4, lip_code: 4,
        encoder_layers: 1, encoder_width: 64}}
recipe: {recipe}
hardware: {{accelerator: cpu, precision: 32-true, threads: 1}}
"""


def test_from_raw_clips_to_a_video_that_speaks(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    clips = tmp_path / "clips"
    clips.mkdir()
    sentences = {
        "ann": "My father ran far away, above all of the people we knew.",
        "ben": "We have no more room for you and your family, my boy.",
    }
    for name, text in sentences.items():
        still = write_video(tmp_path / "still.mp4", portrait(75, flip=name == "ben"), None)
        spoken(tmp_path, text)
        generate(still, tmp_path / "spoken.wav", clips / f"clip_{name}.mp4")
        (tmp_path / "spoken.wav").unlink()
    settings = Settings(sync="none", val=0.0, test=0.0, identity_pattern="_(.*)")
    report = prepare([clips], tmp_path / "tracks", settings)
    assert report.kept == 2, report.dropped
    fit_basis(tmp_path / "tracks", tmp_path / "basis.npz", 4)
    recipes = {
        "audio": "{steps: 3, batch: 8, versions: 2}",
        "face": "{steps: 3, batch: 4, workers: 0, pairs: {crop: 64, size: 64}}",
    }
    for name, recipe in recipes.items():
        text = CHAIN.format(folder=tmp_path, name=name, recipe=recipe)
        (tmp_path / f"{name}.yaml").write_text(text)
    whisper = {f"encoder.{name}": part for name, part in tiny_encoder().state_dict().items()}
    torch.save({"dims": {}, "model_state_dict": whisper}, tmp_path / "whisper.pt")
    audio = train_audio_net(tmp_path / "audio.yaml", [f"whisper={tmp_path / 'whisper.pt'}"])
    face = train_generator(tmp_path / "face.yaml", [])
    assemble_model([face], audio, tmp_path / "weights", gain=1.0)
    spoken(tmp_path, "Now it speaks.")
    out = tmp_path / "out.mp4"
    made = generate(
        clips / "clip_ann.mp4", tmp_path / "spoken.wav", out, checkpoint=tmp_path / "weights"
    )
    assert made.frames == len(images_of(out)) > 15 and not made.passed_through
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[GeneratorTrainer, Batch, LipBasis]:
    """A model overfitted to one clip whose mouth opens with the loudness, driven by its sound."""
    folder = tmp_path_factory.mktemp("overfit")
    write_tracks(folder, "train", [drawn_track(1)])
    fit_basis(folder, folder / "basis.npz", 4)
    basis, tracks = load_basis(folder / "basis.npz"), load_tracks(folder, "train")
    torch.manual_seed(0)
    table = SpeechTable.build(tracks, basis, tiny_front_end())
    recipe = AudioNetRecipe(steps=150, batch=32, centred=False)
    fabric = Fabric(accelerator="cpu", devices=1)  # float32, fast on every CPU
    reader = train_lip_reader(TINY, tiny_encoder(), table, table, basis, recipe, fabric)
    reader.save(folder / "audio_net.pt")
    pairs = PairRecipe(crop=64, size=64, identity=0.0)
    settings = GeneratorRecipe(
        pairs=pairs,
        drive="heard",
        batch=8,
        workers=0,
        adversarial=0.0,
        reading=0.0,
        learning_rate=5e-3,
    )
    run = GeneratorRun(
        Data(folder, folder),
        out=folder,
        audio_net=folder / "audio_net.pt",
        model=TINY,
        recipe=settings,
    )
    trainer = GeneratorTrainer(run, tracks, basis, fabric)
    trainer.step = 200  # past the warm-up
    for step in range(200):
        samples = [trainer.pairs[8 * step + number] for number in range(8)]
        trainer.train_step(Batch.of(collate(samples), "cpu"))
    fresh = Batch.of(collate([trainer.pairs[9000 + number] for number in range(16)]), "cpu")
    return trainer, fresh, basis


def test_the_mouth_follows_the_speech_it_learned(
    trained: tuple[GeneratorTrainer, Batch, LipBasis],
) -> None:
    trainer, batch, basis = trained
    _, result, target, *_ = trainer.show(batch, len(batch.face))
    dark = [((x < 0.0).all(1, keepdim=True) * batch.lips).sum((1, 2, 3)) for x in (result, target)]
    assert np.corrcoef(*(part.numpy() for part in dark))[0, 1] > 0.7
    assert basis.opening(batch.code.numpy()).std() > 0.05


def test_shuffled_speech_raises_the_error(
    trained: tuple[GeneratorTrainer, Batch, LipBasis],
) -> None:
    trainer, batch, _ = trained
    right, wrong = (trainer.mouth_error(batch, shuffled) for shuffled in (False, True))
    assert wrong > 1.15 * right
