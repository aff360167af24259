"""Weights of a spectral convolution, dense, separable or of low rank: as parameters, and as kernels take them."""

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

AXES = "abc"


class Form(NamedTuple):
    """How weights are made of factors, as an einsum; `ranks` are letters whose sizes are ranks."""

    name: str
    separable: bool
    ranks: str


FORMS = (
    Form("dense", False, ""),
    Form("separable", True, ""),
    Form("cp", False, "r"),
    Form("tucker", False, "uvxyz"),
)
KINDS = tuple(form.name for form in FORMS)


class Weights:
    """The parameters of weights with a form: complex factors, real parts first, and their product.

    Kernels take (modes, 2, n_in, n_out), or (modes, 2, n_in) if they are separable. Of dense and separable weights
    those are the parameters as they are.
    """

    def __init__(
        self, kind: str, n_in: int, n_out: int, counts: tuple[int, ...], rank: int | None
    ) -> None:
        self.kind, self.n_in, self.n_out, self.counts = kind, n_in, n_out, counts
        self.separable = kind == "separable"
        self.n_modes = math.prod(counts)
        self.channels = (n_in,) if self.separable else (n_in, n_out)
        axes = AXES[: len(counts)]
        sizes = dict(zip(axes, counts, strict=True)) | {"i": n_in, "o": n_out}
        if kind == "cp":
            parts = [*(f"{a}r" for a in axes), "ir", "or"]
            sizes["r"] = rank or max(1, min(n_in, n_out) // 2)
        elif kind == "tucker":
            letters = "xyz"[: len(counts)]
            parts = [f"uv{letters}", "iu", "ov", *map("".join, zip(axes, letters, strict=True))]
            share = (rank or max(1, min(n_in, n_out) // 2)) / min(n_in, n_out)
            for letter, n in zip("uv" + letters, (n_in, n_out, *counts), strict=True):
                sizes[letter] = max(1, min(n, round(share * n)))
        else:
            parts = []
        self._parts, self._result = parts, axes + "io"
        self.shapes = [tuple(sizes[letter] for letter in part) for part in parts]
        self.n_params = 2 * math.prod((self.n_modes, *self.channels))
        if parts:
            self.n_params = 2 * sum(math.prod(shape) for shape in self.shapes)

    def init(self, rng: np.random.Generator, dtype: np.dtype) -> NDArray[np.floating]:
        """Return normal numbers: an entry of the weights has variance 1 / n_in, so that modes keep their size.

        Of separable weights, which add nothing up, it is 1.
        """
        variance = 1.0 if self.separable else 1.0 / self.n_in
        terms = {"cp": self.shapes[0][-1] if self.shapes else 1}.get(self.kind, 1)
        if self.kind == "tucker":
            terms = math.prod(self.shapes[0])
        n = max(1, len(self._parts))
        scale = np.sqrt((variance / terms) ** (1 / n) / 2)
        return (scale * rng.standard_normal(self.n_params)).astype(dtype)

    def dense(self, theta: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return what kernels multiply by, (modes, 2, ...): a view of theta, or the product of its factors."""
        shape = (self.n_modes, 2, *self.channels)
        if not self._parts:
            return theta.reshape(shape)
        factors = self.factors(theta)
        whole = self._einsum(self._parts, factors, self._result).reshape(
            self.n_modes, *self.channels
        )
        out = np.empty(shape, theta.dtype)
        out[:, 0], out[:, 1] = whole.real, whole.imag
        return out

    def dense_vjp(
        self, theta: NDArray[np.floating], weights_bar: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """Return the cotangent of theta from that of `dense`."""
        if not self._parts:
            return weights_bar.ravel()
        factors = [factor.conj() for factor in self.factors(theta)]
        bar = (weights_bar[:, 0] + 1j * weights_bar[:, 1]).astype(factors[0].dtype)
        bar = bar.reshape(*self.counts, *self.channels)
        bars = []
        for i, part in enumerate(self._parts):
            others = [p for j, p in enumerate(self._parts) if j != i]
            given = [f for j, f in enumerate(factors) if j != i]
            found = self._einsum([self._result, *others], [bar, *given], part)
            bars += [found.real.ravel(), found.imag.ravel()]
        return np.concatenate(bars)

    def dense_jvp(
        self, theta: NDArray[np.floating], theta_dot: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """Return the tangent of `dense`."""
        if not self._parts:
            return self.dense(theta_dot)
        factors, dots = self.factors(theta), self.factors(theta_dot)
        out = np.zeros((self.n_modes, 2, *self.channels), theta.dtype)
        for i, dot in enumerate(dots):
            given = [dot if j == i else factor for j, factor in enumerate(factors)]
            whole = self._einsum(self._parts, given, self._result)
            whole = whole.reshape(self.n_modes, *self.channels)
            out[:, 0] += whole.real
            out[:, 1] += whole.imag
        return out

    def factors(self, theta: NDArray[np.floating]) -> list[NDArray[np.complexfloating]]:
        """Return the complex factors in theta."""
        found, at = [], 0
        for shape in self.shapes:
            n = math.prod(shape)
            pair = theta[at : at + 2 * n].reshape(2, *shape)
            factor = np.empty(shape, np.result_type(theta.dtype, np.complex64))
            factor.real, factor.imag = pair
            found.append(factor)
            at += 2 * n
        return found

    def _einsum(
        self, parts: list[str], operands: list[NDArray[np.complexfloating]], result: str
    ) -> NDArray[np.complexfloating]:
        subscripts = f"{','.join(parts)}->{result}"
        path = _path(subscripts, tuple(x.shape for x in operands))
        return np.einsum(subscripts, *operands, optimize=path)


@functools.lru_cache(maxsize=64)
def _path(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> list[Any]:
    return np.einsum_path(subscripts, *map(np.empty, shapes), optimize="optimal")[0]
