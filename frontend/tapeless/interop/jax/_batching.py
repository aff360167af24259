"""What `jax.vmap` does with our calls: the mapped axis becomes part of the batch, or a loop on the host."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from tapeless.interop.jax._host import Call


def batch(bind: Callable[..., Any], operands: Any, dims: Any, call: Call) -> Any:
    """Return the outputs of a call whose operands have a further axis at `dims`, and where they have theirs."""
    (size,) = {x.shape[d] for x, d in zip(operands, dims, strict=True) if d is not None}
    operands = [
        x if d is None else jnp.moveaxis(x, d, 0) for x, d in zip(operands, dims, strict=True)
    ]
    mask = [d is not None for d in dims]
    token = []
    if call.kind in ("push", "pull"):
        # There is one for all; an axis is one that jax has spread it along.
        token = [operands[0][0] if mask[0] else operands[0]]
        operands, mask = operands[1:], mask[1:]
    fold = _Fold(call, size, operands[: call.n_inputs], mask[: call.n_inputs])
    if fold.possible:
        outs = fold.outs(bind(*token, *fold.operands(operands, mask), call=call))
    else:
        maps = ((size, tuple(mask)), *call.maps)
        outs = bind(*token, *operands, call=call._replace(maps=maps))
    return outs, [0] * (len(outs) - 1) + [None if call.kind == "keep" else 0]


class _Fold:
    """A mapped axis as part of the batch: of inputs that are mapped, and of those whose derivatives are wanted.

    The latter because each sample of the mapped axis then has a derivative of its own.
    """

    def __init__(self, call: Call, size: int, inputs: Sequence[Any], mask: Sequence[bool]) -> None:
        self.call, self.size, problem = call, size, call.problem
        wanted = call.wanted or (False,) * len(mask)
        spread = [a or b for a, b in zip(mask, wanted, strict=True)]
        self.possible = (
            problem.folds
            and not call.maps
            and any(mask)
            and all(own or not one for own, one in zip(problem.own, spread, strict=True))
        )
        self.with_batch = [
            x.ndim - mapped > core
            for x, mapped, core in zip(inputs, mask, problem.cores, strict=True)
        ]
        # The first input has the batch, and what has one axis of it needs both.
        self.spread = [
            j == 0 or one or has for j, (one, has) in enumerate(zip(spread, self.with_batch, strict=True))
        ]  # fmt: skip
        self.batch = inputs[0].shape[mask[0]] if self.with_batch[0] else 1

    def operands(self, operands: Sequence[Any], mask: Sequence[bool]) -> list[Any]:
        """Return inputs, and tangents or cotangents, with both axes as one."""
        n = self.call.n_inputs
        which = [*self.spread], [*self.with_batch]
        if self.call.kind == "push":
            chosen = [j for j in range(n) if self.call.wanted[j]]
            for found in which:
                found += [found[j] for j in chosen]
        elif self.call.kind == "pull":
            which[0].extend([True] * (len(operands) - n))
            which[1].extend([self.with_batch[0]] * (len(operands) - n))
        return [
            self._joined(x, mapped, has) if spread else x
            for x, mapped, spread, has in zip(operands, mask, *which, strict=True)
        ]

    def _joined(self, x: Any, mapped: bool, with_batch: bool) -> Any:
        if not mapped:
            x = jnp.broadcast_to(x[None], (self.size, *x.shape))
        if not with_batch:
            x = jnp.broadcast_to(x[:, None], (self.size, self.batch, *x.shape[1:]))
        return x.reshape(self.size * self.batch, *x.shape[2:])

    def outs(self, outs: Sequence[Any]) -> list[Any]:
        """Return outputs with both axes apart; cotangents of what the batch shared, summed over it."""
        call = self.call
        if call.kind == "pull":
            has = [h for h, one in zip(self.with_batch, call.wanted, strict=True) if one]
        else:
            has = [self.with_batch[0]] * (len(outs) - (call.kind == "keep"))
        parted = []
        for out, with_batch in zip(outs, has, strict=False):
            parts = (self.size, self.batch) if with_batch or self.batch > 1 else (self.size,)
            out = out.reshape(*parts, *out.shape[1:])
            parted.append(out if with_batch or self.batch == 1 else out.sum(axis=1))
        return [*parted, *outs[len(parted) :]]
