"""A solve of a stochastic differential equation as torch sees it, and where its noise comes from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tapeless import _sde
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._memory import without_adjoint
from tapeless._sde_grid import SOLVE
from tapeless.interop.torch._problem import Arrays, Meta, Problem, Pullback
from tapeless.interop.torch._tensors import dense

MOST = 2**63 - 1


class SdeProblem(Problem):
    """A solve: the fields, the options, and whether the noise comes by a seed."""

    def __init__(
        self, drift: VectorField, diffusion: VectorField | None, names: tuple[str, ...], t_span: tuple[Any, Any],
        options: dict[str, Any],
    ) -> None:  # fmt: skip
        super().__init__()
        self.drift, self.diffusion, self.names = drift, diffusion, names
        self.t_span, self.options = t_span, options

    def parts(self) -> tuple[Any, ...]:
        """Return the arguments."""
        return self.drift, self.diffusion, self.names, self.t_span, self.options

    def forward(self, arrays: Arrays, needs: Sequence[bool]) -> tuple[list[Any], Pullback | None]:
        """Return the states."""
        given, options = dict(zip(self.names, arrays, strict=True)), self.options
        if not any(needs):
            options = without_adjoint(options) | {"adjoint": None}
        elif options.get("adjoint", "store") is None:
            wanted, advice = (
                "left out where a gradient may be asked for",
                "Solve under torch.no_grad().",
            )
            raise complain(ValueError, SOLVE, "adjoint", wanted, "None", advice)
        if "seed" in given:
            options = options | {"rng": given["seed"].item()}
        sol = _sde.solve_sde(
            self.drift, self.diffusion, self.t_span, given["y0"], given.get("theta"), **options
        )
        if not any(needs):
            return [sol.ys], None

        def pullback(bars: Sequence[Any]) -> Sequence[Any]:
            found = dict(zip(("y0", "theta"), sol.vjp(bars[0]), strict=True))
            return [found.get(name) for name in self.names]

        return [sol.ys], pullback

    def meta(self, tensors: Sequence[Tensor]) -> list[Meta]:
        """Return shape and dtype of the states."""
        y0, t_eval = tensors[0], self.options.get("t_eval")
        *batch, dim = y0.shape
        return [
            (
                (*batch, *np.shape([] if t_eval is None else t_eval)[: t_eval is not None], dim),
                y0.dtype,
            )
        ]


def n_params(drift: Any, diffusion: Any) -> int:
    """Return how many parameters both fields have."""
    return int(drift.n_params + (0 if diffusion is None else diffusion.n_params))


def as_seed(rng: Any) -> Tensor:
    """Return the seed of a path as a tensor of one int64, drawn from torch's generator if `rng` is None."""
    if isinstance(rng, Tensor):
        dense(SOLVE, "rng", rng)
        if rng.dtype != torch.int64 or rng.ndim:
            wanted, got = (
                "a tensor of one int64",
                f"one of shape {tuple(rng.shape)} and dtype {rng.dtype}",
            )
            raise complain(TypeError, SOLVE, "rng", wanted, got)
        return rng
    if rng is None or isinstance(rng, torch.Generator):
        return torch.randint(MOST, (), generator=rng, dtype=torch.int64)
    if isinstance(rng, (int, np.integer)) and 0 <= rng <= MOST:
        return torch.full((), int(rng), dtype=torch.int64)
    if isinstance(rng, np.random.Generator):
        return torch.full((), int(rng.integers(MOST)), dtype=torch.int64)
    wanted = "a seed below 2**63, a torch.Generator, a numpy Generator or None"
    raise complain(TypeError, SOLVE, "rng", wanted, describe(rng))


def check_fields(drift: Any, diffusion: Any) -> None:
    """Complain of what has no parameters to be counted."""
    for name, field in (("drift", drift), ("diffusion", diffusion)):
        if not isinstance(field, VectorField) and not (field is None and name == "diffusion"):
            raise complain(TypeError, SOLVE, name, "a tapeless field", describe(field))
