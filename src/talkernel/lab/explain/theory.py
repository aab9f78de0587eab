"""Theorem 1 as the paper states it (Section V-A), for two readings of a kernel's norm.

The paper does not define ‖k‖_p. As a norm of the kernel's entries, which Fig. 7's scale and the
value of M_p suggest, the theorem fails for p > 2, and for p > 1 where kernels have more than one
tap. As the operator norm of the convolution, it holds for the network of eq. 9. docs/theory.md
has the proofs and the counterexamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

NORMS = (1.0, 2.0, math.inf)
KernelNorm = Callable[[Tensor, float], float]
SLOPE = 0.2  # of the leaky ReLU for negative numbers


def vector_norm(x: Tensor, p: float) -> float:
    """‖x‖_p of all entries."""
    return float(torch.linalg.vector_norm(x.double(), p))


def entrywise_norm(kernel: Tensor, p: float) -> float:
    """‖k‖_p of a kernel's numbers."""
    return vector_norm(kernel, p)


def operator_norm(kernel: Tensor, p: float) -> float:
    """Largest ‖k y‖_p / ‖y‖_p of a 1x1 kernel `[c1, c2]`, exact for p = 1, 2 and infinity.

    Raises:
        ValueError: For another p it is not implemented.
    """
    kernel = kernel.double()
    if p == 1.0:
        return float(kernel.abs().sum(0).max())
    if p == 2.0:
        return float(torch.linalg.matrix_norm(kernel, 2))
    if p == math.inf:
        return float(kernel.abs().sum(1).max())
    raise ValueError(f"No operator_norm norm for p = {p}.")


def largest_norm(
    sets: Sequence[Sequence[Tensor]], p: float, norm: KernelNorm = entrywise_norm
) -> float:
    """M_p of some kernel sets: the largest norm of their kernels."""
    return max(norm(kernel, p) for kernels in sets for kernel in kernels)


def theorem_1(
    one: Sequence[Tensor],
    other: Sequence[Tensor],
    input_norm: float,
    p: float,
    norm: KernelNorm = entrywise_norm,
) -> float:
    """Right-hand side of eq. 10: M_p^(n-1) ‖x‖_p Σ ‖k1_i - k2_i‖_p.

    Args:
        one: n kernels.
        other: n kernels of the same shapes.
        input_norm: ‖x‖_p.
        p: 1 or more.
        norm: The reading of ‖k‖_p.
    """
    difference = sum(norm(a - b, p) for a, b in zip(one, other, strict=True))
    return largest_norm([one, other], p, norm) ** (len(one) - 1) * input_norm * difference


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU, the activation of all our layers."""
    return F.leaky_relu(x, SLOPE)


def chain(
    x: Tensor, kernels: Sequence[Tensor], activation: Callable[[Tensor], Tensor] = leaky
) -> Tensor:
    """The network of eq. 9: y_i = g(k_i * y_(i-1)), no bias, no normalisation, no skips.

    Args:
        x: `[B, c, H, W]`.
        kernels: `[c1, c2]` or `[c1, c2, ks, ks]` each; zero padding.
        activation: g.
    """
    for kernel in kernels:
        weight = kernel if kernel.ndim == 4 else kernel[:, :, None, None]
        x = activation(F.conv2d(x, weight, padding=weight.shape[-1] // 2))
    return x
