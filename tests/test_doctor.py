"""The doctor's verdict, with its parts replaced; the last test asks the real one."""

from __future__ import annotations

import io
import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from talkernel.cli import app
from talkernel.cli.terminal import table_of
from talkernel.diagnose import doctor, inventory
from talkernel.diagnose.doctor import Diagnosis, SelfTest, diagnose, run_self_test
from talkernel.diagnose.inventory import cpu_instructions, engine_devices
from talkernel.errors import CheckpointError
from talkernel.model.config import ModelConfig


class FakeEngine:
    """Pictures of the right shape, all of one number."""

    info = types.SimpleNamespace(name="openvino", device="CPU", precision="float32")
    config = ModelConfig()

    def __init__(self, fill: float = 0.0) -> None:
        self.fill = fill

    def predict_lip_code(self, speech: Any) -> Any:
        assert speech.shape == (1, 1, 384, 13)
        return np.zeros((1, 12), np.float32)

    def kernels(self, lip_code: Any) -> Any:
        assert lip_code.shape == (1, 12)
        return np.zeros((1, 4, 256, 257), np.float32)

    def synthesise(self, face: Any, kernels: Any) -> Any:
        assert face.shape == (1, 3, 256, 256)
        return np.full((1, 1, 256, 256), self.fill), np.full((1, 3, 256, 256), self.fill)

    def session(self) -> FakeEngine:
        return self

    def warm_up(self) -> None:
        pass


def use_engine(monkeypatch: pytest.MonkeyPatch, result: FakeEngine | Exception) -> None:
    def load_engine(name: str = "auto", **_: Any) -> FakeEngine:
        if isinstance(result, Exception):
            raise result
        return result

    module = types.ModuleType("talkernel.engine")
    module.load_engine = load_engine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "talkernel.engine", module)


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    use_engine(monkeypatch, FakeEngine())
    monkeypatch.setattr(doctor, "_face_models", lambda: True)
    monkeypatch.setattr(doctor, "_weights", lambda: ["talkernel.safetensors"])
    monkeypatch.setattr(doctor, "engine_devices", lambda: {"openvino": ["CPU"], "torch": []})


def rendered(diagnosis: Diagnosis) -> str:
    text = io.StringIO()
    Console(file=text, width=120).print(table_of(diagnosis.summary()))
    return text.getvalue()


@pytest.mark.usefixtures("healthy")
def test_all_is_well() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    values = json.loads(result.stdout)
    assert (result.exit_code, values["ok"]) == (0, True)
    assert values["self_test"]["ms_per_frame"] > 0
    assert values["self_test"]["engine"] == "openvino on CPU, float32"
    assert values["versions"]["numpy"] == np.__version__
    assert "Everything works" in rendered(diagnose())


@pytest.mark.usefixtures("healthy")
def test_missing_face_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_face_models", lambda: False)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "install the package again" in result.stdout


def test_each_face_model_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    models = tmp_path / "face" / "models"
    models.mkdir(parents=True)
    monkeypatch.setattr(doctor, "__file__", str(tmp_path / "diagnose" / "doctor.py"))
    for name in ("detector.tflite", "mesh.tflite", "likeness.onnx"):
        assert not doctor._face_models()
        (models / name).touch()
    assert doctor._face_models()


@pytest.mark.usefixtures("healthy")
def test_missing_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_weights", list)
    assert not diagnose().ok
    assert "install the package again" in rendered(diagnose())


def test_self_test_tells_what_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    use_engine(monkeypatch, CheckpointError("Torn.", remedy="Mend it."))
    assert run_self_test().problem == "Torn. Mend it."
    use_engine(monkeypatch, OSError("no such library"))
    assert run_self_test().problem == "OSError: no such library"
    use_engine(monkeypatch, FakeEngine(fill=np.nan))
    assert "not finite" in run_self_test().problem


def test_cpu_instructions(tmp_path: Path) -> None:
    x86, arm = tmp_path / "x86", tmp_path / "arm"
    x86.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512f amx_bf16\n")
    arm.write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")
    assert cpu_instructions(x86) == ["avx2", "avx512f", "amx_bf16"]
    assert cpu_instructions(arm) == ["asimd", "bf16"]
    assert cpu_instructions(tmp_path / "none") == []


def test_absent_and_broken_engines_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[str]:
        raise ImportError("libfoo.so")

    monkeypatch.setattr(inventory, "find_spec", lambda name: name != "torch")
    monkeypatch.setattr(inventory, "_openvino_devices", broken)
    monkeypatch.setattr(inventory, "_onnxruntime_devices", lambda: ["CPUExecutionProvider"])
    assert engine_devices() == {
        "openvino": ["broken: libfoo.so"],
        "onnxruntime": ["CPUExecutionProvider"],
        "torch": [],
    }


def test_summary_of_what_is_not_installed() -> None:
    diagnosis = Diagnosis(
        {"torch": None}, [], {"torch": []}, True, ["w.onnx"], SelfTest("torch", 4.0)
    )
    text = rendered(diagnosis)
    assert text.count("not installed") == 2
    assert "4.0 ms per frame, torch" in text


def test_this_installation() -> None:
    diagnosis = diagnose()
    assert diagnosis.ok, diagnosis.to_json()
