"""Training recipes: every number that a run's config can set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class PairRecipe:
    """How training samples are drawn.

    Attributes:
        crop: Side in pixels of the network's whole crop, 256 or less.
        size: Side of the view in pixels, a multiple of 32; smaller than `crop`, the view shows the
            mouth only.
        candidates: Number of random frames among which a different mouth is chosen.
        max_turn: Largest difference of head pose within a pair, radians.
        real_input: Fraction of pairs whose input, not target, is the real frame.
        identity: Fraction of pairs with the same mouth in input and target.
        wav2lip_pairs: Fraction of pairs synthesised by Wav2Lip, for tracks that have such pairs.
        occluded: Fraction of pairs with a hand, microphone or object in front of the mouth.
        compressed: Fraction of pairs that look heavily compressed.
        own_reference: Fraction of pairs whose reference is the input itself, as for a photo.
    """

    crop: int = 256
    size: int = 160
    candidates: int = 24
    max_turn: float = 0.1
    real_input: float = 0.5
    identity: float = 0.04
    wav2lip_pairs: float = 0.5
    occluded: float = 0.0
    compressed: float = 0.0
    own_reference: float = 0.0


@dataclass(frozen=True)
class GeneratorRecipe:
    """How generator and kernel predictor are trained.

    Attributes:
        pairs: How samples are drawn.
        drive: What the kernels are predicted from. "seen": the lip code measured on the target
            frame by the face mesh. "heard": the target's speech, through the audio network, as
            in the paper.
        tuned: With `drive: heard`, whether the audio network learns too; the paper's is frozen.
        kernels: With `drive: seen`, whether the kernel predictor and the lip code's embedding
            learn; if not, only the generator does.
        steps: Optimiser steps of this stage.
        batch: Samples per step, over all processes.
        learning_rate: Of Adam; warmed up over the first steps.
        final_rate: Learning rate at the end of the stage, as a fraction of the first.
        mask_weight: Weight of the mask loss.
        mouth_weight: Reconstruction weight of the lips. The lower face has half of it, but at
            least 1, as everything else. 1: uniform weights.
        adversarial: Weight of the adversarial loss (eq. 4).
        matching: Weight of the feature matching loss: the difference between the
            discriminator's features of a generated face and of its target.
        reading: Weight of the lip critic's loss. If this and `adversarial` are 0, no critics are
            trained.
        criticised: What the critics see: the box around the "mouth", or the whole "face", as in
            the paper.
        critics_warm: Steps over which these three weights grow from 0, while the critics learn.
        ema: Decay of the moving average of the weights, which is the result of the run.
        ema_every: Steps between updates of that average.
        workers: Loader processes.
        save_minutes: Minutes between checkpoints.
        log_every: Steps between lines of the log.
        seed: Seed of all randomness.
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
    criticised: Literal["mouth", "face"] = "mouth"
    critics_warm: int = 600
    ema: float = 0.99
    ema_every: int = 8
    workers: int = 1
    save_minutes: float = 4.0
    log_every: int = 50
    seed: int = 0


@dataclass(frozen=True)
class AudioNetRecipe:
    """How the audio network is pre-trained.

    Attributes:
        steps: Optimiser steps.
        batch: Windows per step.
        versions: Versions of each track's sound: the original, and augmented ones with another
            pace, room and microphone.
        learning_rate: Of AdamW; warmed up, then falling as a half cosine.
        weight_decay: Of AdamW.
        max_shift: Largest random shift of a window, in columns.
        silence: Fraction of windows without speech, whose target is the mouth at rest.
        dropout: Dropout on the audio network's features before the head.
        centred: Move each track's mean lip code to the mean of all. The mean is a property of the
            person, not of the sound; a network that has to predict it memorises voices.
        contrast: Weight of the contrastive loss, which distinguishes matching from other sound; 0:
            none.
        ema: Decay of the moving average of the weights, which is the result of the run.
        save_minutes: Minutes between checkpoints.
        log_every: Steps between lines of the log, with the results on held-out people.
        seed: Seed of all randomness.
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
