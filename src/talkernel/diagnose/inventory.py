"""Lists package versions, the CPU's instructions, and the engines' devices."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from talkernel import __version__

PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "av",
    "openvino",
    "safetensors",
    "onnxruntime",
    "torch",
)
# Instructions that decide how fast a CPU runs the network, on x86 and on ARM.
FAST_INSTRUCTIONS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "bf16",
    "i8mm",
)


def cpu_instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Those of `FAST_INSTRUCTIONS` that the CPU has; empty except on Linux."""
    if not cpuinfo.is_file():
        return []
    lines = cpuinfo.read_text().splitlines()
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return [name for name in FAST_INSTRUCTIONS if name in flags.split()]


def machine_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The CPU's name: from Linux, else from Python."""
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (named and named[0]) or platform.processor() or platform.machine()


def package_versions() -> dict[str, str | None]:
    """Versions of Talkernel, Python, the system and `PACKAGES`; None if not installed."""
    versions: dict[str, str | None] = {
        "talkernel": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
    }
    return versions | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def engine_devices() -> dict[str, list[str]]:
    """Devices of each engine; empty if it is not installed."""
    devices: dict[str, Callable[[], list[str]]] = {
        "openvino": _openvino_devices,
        "onnxruntime": _onnxruntime_devices,
        "torch": _torch_devices,
    }
    return {name: _devices(find) if find_spec(name) else [] for name, find in devices.items()}


def _devices(list_devices: Callable[[], list[str]]) -> list[str]:
    try:
        return list_devices()
    except Exception as error:  # a broken engine must not hide the others
        return [f"broken: {error}"]


def _openvino_devices() -> list[str]:
    import openvino

    return list(openvino.Core().available_devices)


def _onnxruntime_devices() -> list[str]:
    import onnxruntime

    return list(onnxruntime.get_available_providers())


def _torch_devices() -> list[str]:
    from talkernel.engine.torch import torch_devices

    return torch_devices()
