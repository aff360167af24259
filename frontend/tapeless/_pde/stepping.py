"""One exponential Runge-Kutta step between arrays that are there, its transpose, and its slope in a parameter of L."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tapeless_kernels.spectral import exponential as kernels
from tapeless_kernels.spectral.pde import family

Array: TypeAlias = NDArray[Any]
# Writes what belongs to a stage, of which it gets the number, from the second array to the third.
Evaluate: TypeAlias = Callable[[int, Array, Array], None]
KERNELS = (kernels.combine2, kernels.combine3, kernels.combine4)


class Factors(NamedTuple):
    """`Coefficients` as the arrays of one dtype, or None where all are 0."""

    half: Array | None
    whole: Array | None
    a21: Array | None
    a32: Array | None
    a41: Array | None
    a43: Array | None
    b1: Array | None
    b2: Array | None
    b4: Array | None


class Room(NamedTuple):
    """The arrays of a step, or of its transpose, all of the shape of the state."""

    z: tuple[Array, ...]  # the stages after the first one, which is the state
    n: tuple[Array, ...]  # the slopes, or their cotangents
    scratch: Array
    next: Array

    @classmethod
    def like(cls, u: Array) -> "Room":
        """Return room for states like u."""
        made = [np.empty_like(u) for _ in range(9)]
        return cls(tuple(made[:3]), tuple(made[3:7]), *made[7:])


def step(c: Factors, u: Array, evaluate: Evaluate, room: Room, *, end: bool = True) -> None:
    """Fill `room` with stages, slopes and, unless it is not wanted, the state at the step's end."""
    (z2, z3, z4), (n1, n2, n3, n4) = room.z, room.n
    evaluate(0, u, n1)
    combine(z2, (c.half, u), (c.a21, n1))
    evaluate(1, z2, n2)
    combine(z3, (c.half, u), (c.a32, n2))
    evaluate(2, z3, n3)
    combine(z4, (c.whole, u), (c.a43, n3), (c.a41, n1))
    evaluate(3, z4, n4)
    if end:
        np.add(n2, n3, out=room.scratch)
        combine(room.next, (c.whole, u), (c.b1, n1), (c.b2, room.scratch), (c.b4, n4))


def step_vjp(c: Factors, u_bar: Array, evaluate_vjp: Evaluate, room: Room) -> None:
    """Fill `room` with cotangents: of stages and slopes, and of u in `next`; complex c are conjugated before."""
    (z2, z3, z4), (n1, n2, n3, n4) = room.z, room.n
    combine(n4, (c.b4, u_bar))
    evaluate_vjp(3, n4, z4)
    combine(n3, (c.b2, u_bar), (c.a43, z4))
    evaluate_vjp(2, n3, z3)
    combine(n2, (c.b2, u_bar), (c.a32, z3))
    evaluate_vjp(1, n2, z2)
    combine(n1, (c.b1, u_bar), (c.a21, z2), (c.a41, z4))
    evaluate_vjp(0, n1, room.scratch)
    combine(room.next, (c.whole, u_bar), (c.half, z2), (c.half, z3), (c.whole, z4))
    np.add(room.next, room.scratch, out=room.next)


def slope_dot(
    d: Factors, u: Array, room: Room, u_bar: Array, bars: Room, inner: Callable[[Array, Array], float]
) -> float:  # fmt: skip
    """Return the cotangent of a parameter of L, in which the factors have the slopes d, after `step` and `step_vjp`."""
    (z2_bar, z3_bar, z4_bar), (n1, n2, n3, n4) = bars.z, room.n
    out = room.scratch
    total = inner(z2_bar, combine(out, (d.half, u), (d.a21, n1)))
    total += inner(z3_bar, combine(out, (d.half, u), (d.a32, n2)))
    total += inner(z4_bar, combine(out, (d.whole, u), (d.a43, n3), (d.a41, n1)))
    np.add(n2, n3, out=room.next)
    combine(out, (d.whole, u), (d.b1, n1), (d.b2, room.next), (d.b4, n4))
    return total + inner(u_bar, out)


def combine(out: Array, *terms: tuple[Array | None, Array]) -> Array:
    """Return out with the sum of factors times arrays in it; None is 0. All are contiguous, and no array is out."""
    kept = [(c, x) for c, x in terms if c is not None]
    if not kept or not out.size:
        out[...] = 0
        return out
    real = out.real.dtype
    if 2 <= len(kept) <= 4 and out.dtype.kind == "c" and all(c.dtype == real for c, _ in kept):
        size = 2 * kept[0][0].size
        rows = [x.reshape(-1).view(real).reshape(-1, size) for _, x in kept]
        flat = [
            array for (c, _), row in zip(kept, rows, strict=True) for array in (c.reshape(-1), row)
        ]
        family(real)(KERNELS[len(kept) - 2])(out.reshape(-1).view(real).reshape(-1, size), *flat)
        return out
    np.multiply(*kept[0], out=out)
    for c, x in kept[1:]:
        out += c * x
    return out
