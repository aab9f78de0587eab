"""How things are trained: every number that a run's config can change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class PairRecipe:
    """How samples are drawn.

    Attributes:
        crop: Side in pixels of the network's whole crop, 256 or less.
        size: Side of the view, a multiple of 32; smaller than `crop` looks at the mouth only.
        candidates: Frames looked at to find a mouth to transplant.
        max_turn: Largest difference of head pose within a pair, radians.
        real_input: Share of pairs whose input, not target, is the real frame.
        identity: Share of pairs with the same mouth on both sides.
        twins: Share of pairs drawn from Wav2Lip's twins, for tracks that have any.
        veiled: Whether the input's mouth is hidden from f.
        occluded: Share of pairs with a hand, a microphone or an object before the mouth.
        compressed: Share of pairs that look as in a heavily compressed video.
        own_reference: Share of pairs whose reference is the input itself, as a photo's is.
    """

    crop: int = 256
    size: int = 160
    candidates: int = 24
    max_turn: float = 0.1
    real_input: float = 0.5
    identity: float = 0.04
    twins: float = 0.5
    veiled: bool = True
    occluded: float = 0.0
    compressed: float = 0.0
    own_reference: float = 0.0


@dataclass(frozen=True)
class GeneratorRecipe:
    """How f and h2 are trained.

    Attributes:
        pairs: How samples are drawn.
        drive: "seen": the target's own lip code takes the place of the sound; "heard": the
            target's sound, through AudioNet, as in the paper.
        tuned: Whether AudioNet, where it is heard, learns too; the paper's is frozen.
        kernels: Whether h2 learns, and what makes its input of lip codes; if not, f alone does.
        steps: Optimiser steps of this stage.
        batch: Samples per step, over all processes.
        learning_rate: Of Adam; warmed up over the first steps.
        final_rate: Learning rate at the end of the stage, as a share of the first.
        mask_weight: Weight of the mask loss.
        mouth_weight: Reconstruction weight of the lips; the lower face has half of it.
        adversarial: Weight of D's judgement of the mouth (eq. 4); 0 leaves D out.
        matching: Weight of the difference between what D sees in a face and in its target.
        reading: Weight of the lip critic's reading; 0 leaves it out.
        critics_warm: Steps over which these weights grow from 0, while the critics learn.
        ema: Decay of the averaged weights that are kept, updated every `ema_every` steps.
        ema_every: Steps between these updates, which cost a pass over memory.
        workers: Loader processes.
        save_minutes: Between checkpoints.
        log_every: Steps between lines of the log.
        seed: Of everything random.
    """

    pairs: PairRecipe = field(default_factory=PairRecipe)
    drive: Literal["seen", "heard"] = "seen"
    tuned: bool = False
    kernels: bool = True
    steps: int = 14_000
    batch: int = 32
    learning_rate: float = 5e-4
    final_rate: float = 1.0
    mask_weight: float = 2.0
    mouth_weight: float = 8.0
    adversarial: float = 0.1
    matching: float = 0.0
    reading: float = 1.0
    critics_warm: int = 600
    ema: float = 0.99
    ema_every: int = 8
    workers: int = 1
    save_minutes: float = 4.0
    log_every: int = 50
    seed: int = 0


@dataclass(frozen=True)
class AudioNetRecipe:
    """How AudioNet is pre-trained.

    Attributes:
        steps: Optimiser steps.
        batch: Windows per step.
        versions: How often each track is heard: once as it is, else as another voice, in
            another room, through another microphone.
        learning_rate: Of AdamW; warmed up, then falling as a half cosine.
        weight_decay: Of AdamW.
        max_shift: Columns by which a window may be off its frame, against overfitting.
        silence: Share of windows without speech, for which the mouth is at rest.
        dropout: On AudioNet's features before the head.
        centred: Take each track's mean lip code for everybody's: it is the person's, not the
            sound's, and a network that has to say it learns voices by heart.
        contrast: Weight of the contrastive loss, which tells in-sync from off-sync; 0: none.
        ema: Decay of the averaged weights that are kept.
        save_minutes: Between checkpoints.
        log_every: Steps between lines of the log, with the held-out people's figures.
        seed: Of everything random.
    """

    steps: int = 300
    batch: int = 256
    versions: int = 4
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    max_shift: int = 1
    silence: float = 0.04
    dropout: float = 0.4
    centred: bool = True
    contrast: float = 0.1
    ema: float = 0.998
    save_minutes: float = 4.0
    log_every: int = 100
    seed: int = 0
