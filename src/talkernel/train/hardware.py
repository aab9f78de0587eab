"""Where a run computes: Lightning Fabric starts the processes and brings them together."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric

from talkernel.train.run_config import Hardware


def launch(hardware: Hardware) -> Fabric:
    """Start the run's processes; under `torchrun` they are there already."""
    if hardware.threads:
        torch.set_num_threads(hardware.threads)
    several = hardware.devices * hardware.nodes > 1
    fabric = Fabric(
        accelerator=hardware.accelerator,
        devices=hardware.devices,
        num_nodes=hardware.nodes,
        precision=hardware.precision,  # type: ignore[arg-type]  # Fabric checks the name itself
        strategy="ddp" if several else "auto",
    )
    fabric.launch()
    return fabric
