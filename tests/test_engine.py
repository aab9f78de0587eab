"""Engines: they agree, they say what is wrong with weights, and graphs hold nothing but shape."""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, get_args

import numpy as np
import onnx
import openvino
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from talkernel.choices import EngineName, Precision
from talkernel.engine import Engine, load_engine
from talkernel.engine.openvino import OpenVinoEngine, _compiled
from talkernel.errors import CheckpointError, EngineNotInstalledError, MissingFileError, OptionError
from talkernel.model.checkpoint import load_model, save_model
from talkernel.model.config import ModelConfig
from talkernel.model.export import export_checkpoint
from talkernel.model.talking_face import TalkingFace
from talkernel.model.weights import (
    AUDIO_NET_GRAPH,
    ENCODER_GRAPH,
    GENERATOR_GRAPH,
    KERNELS_GRAPH,
    METADATA_CONFIG,
    WEIGHTS,
    default_weights,
    header_digest,
    read_config,
)

Array = NDArray[np.float32]
ENGINES: list[EngineName] = [name for name in get_args(EngineName) if name != "auto"]
GRAPH_ENGINES: list[EngineName] = ["openvino", "onnxruntime"]
TINY = ModelConfig(
    crop_size=64,
    channels=(4, 6, 8, 10, 12),
    dck_rank=4,
    lip_code=3,
    encoder_layers=2,
    encoder_width=128,
)
PAPERS = ModelConfig(
    crop_size=64,
    channels=(4, 6, 8, 10, 12),
    dck_rank=None,
    lip_code=None,
    kernel_size=3,
    encoder_layers=0,
    speech_window=16,
)
LEVEL = 1.0 / 255.0  # one step of an 8-bit picture whose range is 0 to 1


def inputs(config: ModelConfig, batch: int) -> tuple[Array, Array]:
    """Faces and windows of speech features."""
    rng = np.random.default_rng(batch)
    face = rng.uniform(-1, 1, (batch, *config.face_shape))
    speech = rng.uniform(-2, 2, (batch, 1, *config.speech_shape))
    return face.astype(np.float32), speech.astype(np.float32)


def spoken(engine: Engine, face: Array, speech: Array) -> Array:
    """The blended face I' in 0..1."""
    attention, motion = engine.synthesise(face, engine.kernels(engine.predict_lip_code(speech)))
    seen = face[:, :3]
    assert attention.shape == (len(face), 1, *face.shape[2:]) and motion.shape == seen.shape
    return (seen + attention * (motion - seen) + 1.0) / 2.0


def difference(engine: Engine, reference: Engine, batch: int) -> float:
    face, speech = inputs(reference.config, batch)
    return float(np.abs(spoken(engine, face, speech) - spoken(reference, face, speech)).max())


@pytest.fixture(scope="module")
def reference() -> Engine:
    """The package's own weights in torch, which defines what is right."""
    return load_engine("torch", device="cpu", precision="float32")


@pytest.fixture(scope="module", params=[TINY, PAPERS], ids=["tiny", "papers"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weight folder of a small random model."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    checkpoint = folder / "random.safetensors"
    save_model(TalkingFace(request.param).eval(), checkpoint)
    return export_checkpoint(checkpoint, folder / "exported").parent


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", GRAPH_ENGINES)
def test_engines_agree_on_the_packages_weights(
    reference: Engine, name: EngineName, batch: int
) -> None:
    engine = load_engine(name, precision="float32")
    assert (engine.info.name, engine.info.precision) == (name, "float32")
    _, speech = inputs(engine.config, batch)
    lip_code = reference.predict_lip_code(speech)
    np.testing.assert_allclose(
        engine.predict_lip_code(speech), lip_code, atol=1e-3 * np.abs(lip_code).max()
    )
    kernels = reference.kernels(lip_code)
    assert kernels.shape == (batch, *engine.config.kernel_shape)
    np.testing.assert_allclose(engine.kernels(lip_code), kernels, atol=1e-3 * np.abs(kernels).max())
    assert difference(engine, reference, batch) < LEVEL


@pytest.mark.parametrize("batch", [1, 3])
def test_bfloat16_is_near_enough(reference: Engine, batch: int) -> None:
    engine = load_engine("openvino")
    if engine.info.precision != "bfloat16":
        pytest.skip("this CPU does not compute in bfloat16")
    assert difference(engine, reference, batch) < 4 * LEVEL


def test_auto_is_openvino() -> None:
    assert load_engine("auto").info.name == "openvino"


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", GRAPH_ENGINES)
def test_exported_graphs_agree_with_torch(exported: Path, name: EngineName, batch: int) -> None:
    engine = load_engine(name, precision="float32", checkpoint=exported)
    source = load_engine("torch", device="cpu", precision="float32", checkpoint=exported)
    assert difference(engine, source, batch) < 1e-4


@pytest.mark.parametrize("columns", [4, 200, 1200])
@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_speech_encoders_agree(reference: Engine, name: EngineName, columns: int) -> None:
    engine = load_engine(name, precision="float32")
    mel = np.random.default_rng(0).uniform(-0.5, 1.0, (1, 80, columns)).astype(np.float32)
    tokens = reference.encode(mel)
    assert tokens.shape == (1, 384, columns // 2)
    np.testing.assert_allclose(engine.encode(mel), tokens, atol=1e-3 * np.abs(tokens).max())


@pytest.mark.parametrize("name", [ENCODER_GRAPH, AUDIO_NET_GRAPH, KERNELS_GRAPH, GENERATOR_GRAPH])
def test_graphs_hold_no_weights_and_no_paths(exported: Path, name: str) -> None:
    if not (exported / name).exists():  # the paper's model has no speech encoder
        assert name == ENCODER_GRAPH and not load_model(exported / WEIGHTS).config.encoder_layers
        return
    content = (exported / name).read_bytes()
    assert len(content) < 200_000
    assert not [place for place in (b"/work", b"/home", b"/root") if place in content]
    graph = onnx.load(str(exported / name), load_external_data=False).graph
    large = [tensor for tensor in graph.initializer if np.prod(tensor.dims) > 64]
    assert large
    assert all(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in large)
    assert all(not tensor.raw_data for tensor in large)


def test_the_exported_file_is_the_checkpoint(exported: Path) -> None:
    checkpoint = exported.parent / "random.safetensors"
    assert (exported / WEIGHTS).read_bytes() == checkpoint.read_bytes()


def test_a_saved_model_is_as_readable_as_any_new_file(tmp_path: Path) -> None:
    plain, weights = tmp_path / "plain", tmp_path / "model.safetensors"
    plain.touch()
    save_model(TalkingFace(TINY), weights, {"run": "test"})
    assert weights.stat().st_mode == plain.stat().st_mode
    assert load_model(weights).config == TINY
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "plain"]


@pytest.mark.parametrize("name", ENGINES)
def test_a_missing_checkpoint(name: EngineName, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="nowhere"):
        load_engine(name, checkpoint=tmp_path / "nowhere.safetensors")
    with pytest.raises(MissingFileError, match=WEIGHTS):
        load_engine(name, checkpoint=tmp_path)


def damaged(folder: Path, how: str) -> Path:
    """A copy of the package's weights and graphs, the weights damaged."""
    weights = default_weights()
    for graph in (ENCODER_GRAPH, AUDIO_NET_GRAPH, KERNELS_GRAPH, GENERATOR_GRAPH):
        shutil.copyfile(weights.with_name(graph), folder / graph)
    target = folder / WEIGHTS
    if how == "truncated":
        target.write_bytes(weights.read_bytes()[:-100_000])
    elif how == "garbage":
        target.write_bytes(np.random.default_rng(0).bytes(5000))
    elif how == "empty":
        target.touch()
    else:
        metadata = {METADATA_CONFIG: '{"layers": 3}'} if how == "strange config" else None
        save_file(load_file(weights), target, metadata)
    return target


@pytest.mark.parametrize("how", ["truncated", "garbage", "empty", "no config", "strange config"])
def test_a_damaged_checkpoint(how: str, tmp_path: Path) -> None:
    checkpoint = damaged(tmp_path, how)
    for name in ENGINES:
        with pytest.raises(CheckpointError, match="not a Talkernel checkpoint"):
            load_engine(name, checkpoint=checkpoint)


def test_weights_that_do_not_fit_their_config(tmp_path: Path) -> None:
    half = {name: value.numpy() for name, value in TalkingFace(TINY).state_dict().items()}
    wider = ModelConfig(crop_size=64, channels=(4, 6, 8, 10, 14), dck_rank=4, lip_code=3)
    save_file(half, tmp_path / "odd.safetensors", {METADATA_CONFIG: wider.to_json()})
    with pytest.raises(CheckpointError, match="does not fit its own config"):
        load_engine("torch", checkpoint=tmp_path / "odd.safetensors")


@pytest.mark.parametrize("name", GRAPH_ENGINES)
def test_without_graphs_the_remedy_is_to_export(name: EngineName, tmp_path: Path) -> None:
    save_model(TalkingFace(TINY), tmp_path / WEIGHTS)
    with pytest.raises(CheckpointError, match="no ONNX graphs") as raised:
        load_engine(name, checkpoint=tmp_path)
    assert "talkernel export" in raised.value.remedy


@pytest.mark.parametrize("name", GRAPH_ENGINES)
def test_graphs_of_other_weights_are_refused(
    name: EngineName, exported: Path, tmp_path: Path
) -> None:
    for graph in exported.glob("*.onnx"):
        shutil.copyfile(graph, tmp_path / graph.name)
    save_model(load_model(exported / WEIGHTS), tmp_path / WEIGHTS, {"run": "a longer header"})
    with pytest.raises(CheckpointError, match="exported from other weights") as raised:
        load_engine(name, checkpoint=tmp_path)
    assert "talkernel export" in raised.value.remedy


@pytest.mark.parametrize("name", GRAPH_ENGINES)
def test_a_damaged_graph(name: EngineName, tmp_path: Path) -> None:
    shutil.copyfile(default_weights(), tmp_path / WEIGHTS)
    mark = header_digest(tmp_path / WEIGHTS).encode()
    for graph in (ENCODER_GRAPH, AUDIO_NET_GRAPH, KERNELS_GRAPH, GENERATOR_GRAPH):
        (tmp_path / graph).write_bytes(mark + b"not a graph" * 50)
    _, speech = inputs(read_config(default_weights()), 1)
    with pytest.raises(CheckpointError, match="cannot load"):
        load_engine(name, checkpoint=tmp_path).predict_lip_code(speech)


def test_weights_written_anew_are_read_anew(tmp_path: Path) -> None:
    face, speech = inputs(TINY, 1)
    answers = []
    for seed in (0, 1, 1):
        torch.manual_seed(seed)
        save_model(TalkingFace(TINY).eval(), tmp_path / "random.safetensors")
        export_checkpoint(tmp_path / "random.safetensors", tmp_path / "exported")
        engine = load_engine("openvino", checkpoint=tmp_path / "exported")
        answers.append(spoken(engine, face, speech))
    assert np.abs(answers[1] - answers[0]).max() > LEVEL
    assert (answers[2] == answers[1]).all()


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Devices that OpenVINO has compiled graphs for, one entry for each graph."""
    devices: list[str] = []

    class Watched(openvino.Core):
        def compile_model(self, *args: Any) -> openvino.CompiledModel:
            model = super().compile_model(*args)
            devices.append(args[1])
            return model

    _compiled.cache_clear()
    monkeypatch.setattr(openvino, "Core", Watched)
    return devices


def graph_count(config: ModelConfig) -> int:
    return 4 if config.encoder_layers else 3


def test_a_process_compiles_once(exported: Path, compiled: list[str]) -> None:
    for _ in range(2):
        engine = OpenVinoEngine(exported / WEIGHTS, threads=3)  # as no other test
        engine.session().warm_up()
        engine.warm_up()
    assert len(compiled) == graph_count(engine.config)


def test_after_warm_up_every_graph_is_compiled(tmp_path: Path, compiled: list[str]) -> None:
    save_model(TalkingFace(TINY).eval(), tmp_path / "random.safetensors")
    export_checkpoint(tmp_path / "random.safetensors", tmp_path / "exported")
    engine = load_engine("openvino", checkpoint=tmp_path / "exported")
    engine.warm_up()
    assert len(compiled) == graph_count(TINY)


@pytest.mark.parametrize("name", ENGINES)
def test_sessions_work_at_once(name: EngineName, exported: Path) -> None:
    engine = load_engine(name, precision="float32", checkpoint=exported)
    engines = [engine, engine.session()]
    seen = [inputs(engine.config, batch) for batch in (1, 3)]
    alone = [spoken(engine, *each) for each in seen]
    start = Barrier(len(engines))

    def repeat(index: int) -> list[Array]:
        start.wait()
        return [spoken(engines[index], *seen[index]) for _ in range(30)]

    with ThreadPoolExecutor(len(engines)) as pool:
        for expected, pictures in zip(alone, pool.map(repeat, range(len(engines))), strict=True):
            for picture in pictures:
                np.testing.assert_allclose(picture, expected, atol=1e-6)


def test_a_folder_with_the_earlier_name_of_the_audio_net(exported: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "earlier")
    (folder / AUDIO_NET_GRAPH).rename(folder / "hearing.onnx")
    _, speech = inputs(read_config(folder / WEIGHTS), 1)
    codes = [
        load_engine("onnxruntime", checkpoint=each).predict_lip_code(speech)
        for each in (folder, exported)
    ]
    np.testing.assert_array_equal(*codes)


def test_an_unknown_engine() -> None:
    with pytest.raises(OptionError, match="abacus"):
        load_engine("abacus")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_that_is_not_installed(name: EngineName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EngineNotInstalledError) as raised:
        load_engine(name)
    assert "pip install" in raised.value.remedy


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("device", ["abacus", "cuda:77"])
def test_a_device_that_is_not_there(name: EngineName, device: str) -> None:
    with pytest.raises(EngineNotInstalledError, match=device):
        load_engine(name, device=device)


@pytest.mark.parametrize("precision", ["float32", None])
def test_onnxruntime_computes_in_float32_only(precision: Precision | None) -> None:
    engine = load_engine("onnxruntime", precision=precision or "auto")
    assert engine.info.precision == "float32"
    with pytest.raises(OptionError):
        load_engine("onnxruntime", precision="bfloat16")
