"""Where a run computes: Lightning Fabric starts the processes and brings them together."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric

from talkernel.diagnose.inventory import cpu_instructions
from talkernel.lab.train.run_config import Hardware


def launch(hardware: Hardware) -> Fabric:
    """Start the run's processes; under `torchrun` they are there already."""
    if hardware.threads:
        torch.set_num_threads(hardware.threads)
    several = hardware.devices * hardware.nodes > 1
    precision = hardware.precision
    if precision == "auto":
        precision = fastest_precision(hardware.accelerator)
    fabric = Fabric(
        accelerator=hardware.accelerator,
        devices=hardware.devices,
        num_nodes=hardware.nodes,
        precision=precision,  # type: ignore[arg-type]  # Fabric checks the name itself
        strategy="ddp" if several else "auto",
    )
    fabric.launch()
    return fabric


def fastest_precision(accelerator: str) -> str:
    """bfloat16 where it is computed natively: a CPU that emulates it takes ten times as long.

    Args:
        accelerator: As in `Hardware`.
    """
    if accelerator in ("auto", "cuda", "gpu") and torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif accelerator in ("auto", "cpu"):
        native = not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(cpu_instructions())
    else:
        native = False
    return "bf16-mixed" if native else "32-true"
