"""Training from a bundle, where only PyTorch and OpenCV are installed."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Sequence
from pathlib import Path

from talkernel.lab.train.bundle_format import read_tracks
from talkernel.lab.train.checkpoint import LAST
from talkernel.lab.train.generator import GeneratorTrainer
from talkernel.lab.train.hardware import launch
from talkernel.lab.train.run_config import GeneratorRun, load_run
from talkernel.model.lip_basis import LipBasis


def train_bundle(bundle: Path, out: Path, changes: Sequence[str]) -> Path:
    """Do a bundle's run, or go on with it.

    Args:
        bundle: The archive.
        out: Folder of checkpoints.
        changes: To the config, as `recipe.steps=1000`.

    Returns:
        The folder's `last.pt`.
    """
    out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(bundle) as archive:
        for name in ("run.yaml", "basis.npz", LAST):
            if name in archive.namelist() and not (out / name).exists():
                archive.extract(name, out)
        tracks = list(read_tracks(archive))
    run = dataclasses.replace(load_run(GeneratorRun, out / "run.yaml", changes), out=out)
    print(f"{sum(len(t.crop_index) for t in tracks)} crops of {len(tracks)} tracks", flush=True)
    GeneratorTrainer(run, tracks, LipBasis.load(out / "basis.npz"), launch(run.hardware)).train()
    return out / LAST
