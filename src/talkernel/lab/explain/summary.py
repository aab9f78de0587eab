"""Summarises the figures' data as a list of facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from talkernel.lab.explain.scene import Scene
from talkernel.lab.explain.stored import Arrays
from talkernel.lab.explain.theory import NORMS

READINGS = ("numbers", "map", "map, normalised")
Facts = dict[str, str | float]


def summarise(scene: Scene, measured: Mapping[str, Arrays]) -> Facts:
    """Names and values of the facts, for the figures that were measured."""
    speech = scene.speech
    facts: Facts = {
        "speech": f"{len(speech)} frames, "
        + ("phonemes known" if speech.transcribed else "phonemes unknown"),
        "faces": ", ".join(face.name for face in scene.faces),
        "sounds compared": " and ".join(speech.caption(frame) for frame in scene.compared),
    }
    if "map" in measured:
        facts |= dict(_of_map(measured["map"]))
    if "sensitivity" in measured:
        facts |= dict(_of_sensitivity(measured["sensitivity"]))
    if "theory" in measured:
        facts |= dict(_of_norms(measured["theory"]))
        facts |= dict(_of_bounds(measured["theory"]))
        facts |= dict(_of_losses(measured["theory"]))
    return facts


def _of_map(arrays: Arrays) -> Iterator[tuple[str, str | float]]:
    explained = np.cumsum(arrays["share"])
    yield "variance in 2 components", round(float(explained[:2][-1]), 3)
    yield "components for 99 %", int(np.searchsorted(explained, 0.99) + 1)
    yield "step of a frame / random pair, kernels", round(float(arrays["by_lag"][0]), 3)
    yield (
        "step of a frame / random pair, speech features",
        round(float(arrays["sound_by_lag"][0]), 3),
    )


def _of_sensitivity(arrays: Arrays) -> Iterator[tuple[str, str | float]]:
    for number, layer in enumerate(arrays["moved"], 1):
        where = np.unravel_index(int(layer.argmax()), layer.shape)
        late = (where[1] - (layer.shape[1] - 1) / 2) / float(arrays["rate"])
        place = f"mel bin {where[0]}, {1000 * late:+.0f} ms from the frame"
        yield (
            f"layer {number} changes most with",
            f"{place}: {layer.max():.2%} of its spread per dB",
        )


def _of_norms(arrays: Arrays) -> Iterator[tuple[str, str | float]]:
    for reading, norms in zip(READINGS, arrays["norms"], strict=True):
        for p, one in zip(NORMS, norms, strict=True):
            product, layers = np.median(one.prod(1)), one.shape[1]
            yield (
                f"M_{p:g} of the {reading}",
                f"{one.max():.4g}, to the power {layers - 1} "
                f"{one.max() ** (layers - 1):.3g}, median product {product:.3g}",
            )


def _of_bounds(arrays: Arrays) -> Iterator[tuple[str, str | float]]:
    """Ratio of bound to measured difference for each stage, bound and p."""
    stages = dict.fromkeys(zip(arrays["stage"], arrays["bound"], arrays["p"], strict=True))
    for stage, bound, p in sorted(stages):
        own = (arrays["stage"] == stage) & (arrays["bound"] == bound) & (arrays["p"] == p)
        ratio = arrays["limit"][own] / np.maximum(arrays["measured"][own], 1e-30)
        broken = int((arrays["measured"][own] > arrays["limit"][own] * (1 + 1e-5) + 1e-7).sum())
        words = f"bound / measured {np.median(ratio):.3g} ({ratio.min():.3g} to {ratio.max():.3g})"
        yield f"{stage}, {bound}, p = {p:g}", f"{words}; broken {broken} of {own.sum()}"


def _of_losses(arrays: Arrays) -> Iterator[tuple[str, str | float]]:
    for number, name in enumerate(arrays["losses"]):
        difference, near, far = np.median(arrays["loss_limits"][:, number], axis=0)
        words = f"difference {difference:.3g}, by measured faces {near:.3g}, by the bound {far:.3g}"
        broken = (arrays["loss_limits"][:, number, 0] > arrays["loss_limits"][:, number, 1]).sum()
        yield f"{name} loss, medians", f"{words}; broken {broken} of {len(arrays['loss_limits'])}"
