"""Theorem 1: where the paper's statement holds and fails, and that the corrected one holds."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from talkernel.lab.explain.convolution_norm import convolution_norm, transposed_as_convolution
from talkernel.lab.explain.corollaries import (
    Case,
    cycle,
    discriminator_lipschitz,
    random_discriminator,
)
from talkernel.lab.explain.faces import Face
from talkernel.lab.explain.kernel_pairs import Pair, forward_pass
from talkernel.lab.explain.network_bound import (
    decoder_bound,
    input_lipschitz,
    layer_bounds,
    middle_bound,
)
from talkernel.lab.explain.theory import (
    NORMS,
    chain,
    entrywise_norm,
    operator_norm,
    theorem_1,
    vector_norm,
)
from talkernel.model.config import ModelConfig
from talkernel.model.talking_face import TalkingFace

Seeds = st.integers(0, 2**31 - 1)
Norms = st.sampled_from(NORMS)


def small_network(
    seed: int,
    kernel_size: int,
    static_layers: tuple[int, int] = (0, 0),
    reference: bool = False,
    warped: bool = False,
) -> tuple[TalkingFace, Tensor, Tensor, Tensor]:
    """A network with random statistics, two faces, and two kernel sets."""
    torch.manual_seed(seed)
    config = ModelConfig(
        crop_size=32,
        channels=(3, 4, 4, 5, 6),
        dynamic_layers=2,
        kernel_size=kernel_size,
        dck_rank=2,
        lip_code=2,
        static_layers=static_layers,
        reference=reference,
        warped=warped,
    )
    model = TalkingFace(config).eval()
    for name, value in model.named_buffers():
        if name.endswith("running_mean"):
            value.normal_()
        if name.endswith("running_var"):
            value.uniform_(0.2, 2.0)
    for name, parameter in model.named_parameters():
        if "norm" in name or name.endswith(".1.bias"):
            torch.nn.init.normal_(parameter)
    kernels = torch.randn(2, *config.kernel_shape)
    faces = torch.rand(2, config.face_shape[0], 64, 32) * 2 - 1
    return model, faces, kernels, kernels + 0.3 * torch.randn(1)


@settings(max_examples=25)
@given(Seeds, Norms)
def test_read_as_maps_the_theorem_holds_for_the_papers_network(seed: int, p: float) -> None:
    torch.manual_seed(seed)
    x = torch.randn(1, 4, 3, 3)
    one, other = (list(torch.randn(3, 4, 4) * torch.rand(3, 1, 1) * 2) for _ in range(2))
    apart = vector_norm(chain(x, one) - chain(x, other), p)
    assert apart <= theorem_1(one, other, vector_norm(x, p), p, operator_norm) * (1 + 1e-5)


@settings(max_examples=25)
@given(Seeds, st.sampled_from([1.0, 1.5, 2.0]))
def test_read_as_numbers_it_holds_up_to_p_2_for_one_tap(seed: int, p: float) -> None:
    torch.manual_seed(seed)
    x = torch.randn(1, 4, 3, 3)
    one, other = (list(torch.randn(3, 4, 4)) for _ in range(2))
    apart = vector_norm(chain(x, one) - chain(x, other), p)
    assert apart <= theorem_1(one, other, vector_norm(x, p), p, entrywise_norm) * (1 + 1e-5)


def test_read_as_numbers_it_fails_for_larger_p() -> None:
    """Two equal inputs, summed: the result is 2, the bound 1."""
    one, other = [torch.ones(1, 2)], [torch.zeros(1, 2)]
    x = torch.ones(1, 2, 1, 1)
    assert vector_norm(chain(x, one) - chain(x, other), math.inf) == 2.0
    assert theorem_1(one, other, 1.0, math.inf) == 1.0


def test_read_as_numbers_it_fails_for_several_taps_and_p_2() -> None:
    """A 3x3 box on a flat picture: inside it every number is nine times as large."""
    one, other = [torch.ones(1, 1, 3, 3)], [torch.zeros(1, 1, 3, 3)]
    x = torch.ones(1, 1, 20, 20)
    assert vector_norm(chain(x, one) - chain(x, other), 2.0) > 2.5 * theorem_1(
        one, other, 20.0, 2.0
    )


def test_a_sigmoid_breaks_it_however_norms_are_read() -> None:
    """At x = 0 the bound is 0; but the sigmoid hands on 1/2, which the kernels tell apart."""
    one, other = [torch.eye(1), torch.eye(1)], [torch.eye(1), 2 * torch.eye(1)]
    x = torch.zeros(1, 1, 1, 1)
    apart = vector_norm(chain(x, one, torch.sigmoid) - chain(x, other, torch.sigmoid), 2.0)
    assert apart > 0.1
    assert theorem_1(one, other, vector_norm(x, 2.0), 2.0, operator_norm) == 0.0


def test_corollary_1_fails_where_discriminators_differ() -> None:
    """F = 1, D = d x with d = 1 and 0: the losses differ by 2 e - 2 e², the limit goes with e²."""
    x = np.array([1e-1, 1e-3, 1e-5])
    apart = np.abs((x**2 + (1 - x) ** 2) - 1.0)
    ratio = apart / x**2  # A1 + A2 would have to be at least this
    assert (np.diff(ratio) > 0).all() and ratio[-1] > 1e5


@settings(max_examples=30)
@given(Seeds, Norms, st.sampled_from([1, 3]), st.sampled_from([(0, 0), (1, 2)]), st.booleans())
def test_the_corrected_bounds_hold(
    seed: int, p: float, kernel_size: int, static_layers: tuple[int, int], warped: bool
) -> None:
    model, faces, one, _ = small_network(seed, kernel_size, static_layers, warped, warped)
    first, second = (forward_pass(model, faces[:1], kernels) for kernels in one)
    layers = layer_bounds(model.unet, one[0], one[1], p)
    sizes, pixels = [vector_norm(y, p) for y in second.middle[:-1]], 2
    known = middle_bound(layers, sizes[:1], pixels, p)
    measured = middle_bound(layers, sizes, pixels, p)
    assert first.middle[0].shape[2:] == (2, 1)
    assert measured <= known * (1 + 1e-6)
    assert 0 < vector_norm(first.middle[-1] - second.middle[-1], p) <= measured * (1 + 1e-4)
    decoder = decoder_bound(model.unet, p)
    output, face = first.output - second.output, first.blended - second.blended
    assert vector_norm(output, p) <= measured * decoder.output * (1 + 1e-4)
    assert vector_norm(output[:, :1], p) <= measured * decoder.attention * (1 + 1e-4)
    assert vector_norm(face, p) <= measured * decoder.blended(p) * (1 + 1e-4)


@settings(max_examples=15)
@given(Seeds, Norms, st.sampled_from([1, 3]), st.sampled_from([(0, 0), (1, 2)]), st.booleans())
def test_the_networks_own_lipschitz_constant_holds(
    seed: int, p: float, kernel_size: int, static_layers: tuple[int, int], warped: bool
) -> None:
    model, faces, kernels, _ = small_network(seed, kernel_size, static_layers, warped, warped)
    near = faces[:1].clone()
    near[:, :3] += 0.01 * torch.randn(1, 3, 64, 32)  # the reference stays
    one, other = (forward_pass(model, x, kernels[0]).blended for x in (faces[:1], near))
    limit = input_lipschitz(model.unet, kernels[0], p)
    assert vector_norm(one - other, p) <= limit * vector_norm(faces[:1] - near, p)


@settings(max_examples=25)
@given(Seeds, Norms, st.sampled_from([1, 3]))
def test_a_convolutions_norm_is_never_underrated(seed: int, p: float, side: int) -> None:
    torch.manual_seed(seed)
    weight = torch.randn(3, 2, side, side, dtype=torch.float64)
    x = torch.randn(1, 2, 9, 9, dtype=torch.float64)
    for _ in range(20):  # power iteration finds how large it gets for p = 2
        y = F.conv2d(x, weight, padding=side // 2)
        x = F.conv_transpose2d(y, weight, padding=side // 2)
        x = x / x.norm()
    grown = vector_norm(F.conv2d(x, weight, padding=side // 2), p) / vector_norm(x, p)
    assert grown <= convolution_norm(weight, p) * (1 + 1e-9)
    if p == 2.0:
        assert convolution_norm(weight, p) < 1.4 * grown  # nor overrated by much


def test_a_transposed_convolution_is_a_convolution_and_a_shuffle() -> None:
    torch.manual_seed(0)
    weight, x = torch.randn(3, 2, 4, 4), torch.randn(1, 3, 5, 7)
    expected = F.conv_transpose2d(x, weight, stride=2, padding=1)
    got = F.pixel_shuffle(F.conv2d(x, transposed_as_convolution(weight), padding=1), 2)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("reference", [False, True])
def test_corollary_3_holds_as_mended(reference: bool) -> None:
    model, faces, (one, *_), (other, *_) = small_network(3, 1, reference=reference)
    x, pair = faces[:1], Pair("any", one, other, cast(Face, None))
    runs = [forward_pass(model, x, kernels) for kernels in (one, other)]
    layers = {1.0: layer_bounds(model.unet, one, other, 1.0)}
    decoders = {1.0: decoder_bound(model.unet, 1.0)}
    judge = random_discriminator(0)
    difference, measured, bound = cycle(
        Case(model, pair, x, x[:, :3], *runs, judge, 1.0, layers, decoders)
    )
    assert 0 < abs(difference) <= measured <= bound


def test_the_discriminators_constant_holds() -> None:
    judge = random_discriminator(0)
    torch.manual_seed(1)
    one, other = torch.randn(2, 1, 3, 64, 64)
    with torch.no_grad():
        apart = vector_norm(judge(one) - judge(other), 2.0)
    assert 0 < apart <= discriminator_lipschitz(judge) * vector_norm(one - other, 2.0)


def test_no_norm_is_made_up() -> None:
    for norm in (operator_norm, convolution_norm):
        with pytest.raises(ValueError, match="3"):
            norm(
                torch.ones(1, 1, 1, 1)[:, :, 0, 0]
                if norm is operator_norm
                else torch.ones(1, 1, 1, 1),
                3.0,
            )
