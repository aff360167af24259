"""Forward mode through a solve: tangents of y0, theta and times in, tangents of the outputs out."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapeless._check import as_real, as_state
from tapeless._complain import complain, describe
from tapeless._solve import Solve
from tapeless._types import ArrayInput
from tapeless_kernels.launch.array import contiguous
from tapeless_kernels.launch.forward import Groups, Pass
from tapeless_kernels.launch.pool import POOL
from tapeless_kernels.launch.threads import THREADS

CALLER = "Solution.jvp"
NAMES = ("y0_dot", "theta_dot", "t0_dot", "t1_dot", "t_eval_dot")


class Shapes(NamedTuple):
    """The shapes of y0, theta, t0, t1 and t_eval as given: those of their tangents, but for a leading axis."""

    y0: tuple[int, ...]
    theta: tuple[int, ...]
    t0: tuple[int, ...]
    t1: tuple[int, ...]
    t_eval: tuple[int, ...] | None


def shapes_of(y0: Any, single: bool, theta: Any, t_span: Any, t_eval: Any) -> Shapes:
    """Return the shapes of what a solve was given, once it is checked."""
    t0, t1 = (() if type(t) is float else as_real(CALLER, "t_span", t).shape for t in t_span)
    at = None if t_eval is None else as_real(CALLER, "t_eval", t_eval).shape
    return Shapes(y0.shape[1:] if single else y0.shape, theta.shape, t0, t1, at)


class Forward:
    """The forward passes of a solve."""

    def __init__(self, solve: Solve, field: Any, theta: Any, shapes: Shapes, threads: int) -> None:
        self._solve, self._field, self._theta = solve, field, theta
        self._shapes, self._threads = shapes, threads
        self._stored = solve.plan.keep and not solve.keeps_states

    @property
    def nbytes(self) -> int:
        """The bytes kept for passes that take the steps again."""
        return self._solve.y0_bytes

    def __call__(self, tangents: tuple[ArrayInput | None, ...], ys: NDArray[Any]) -> NDArray[Any]:
        """Return the tangents of ys, of its shape, with a leading axis if the tangents given have one."""
        if self._field.without_jvp:
            parts = ", ".join(map(str, self._field.without_jvp))
            raise without_tangent(CALLER, parts)
        given, n = self._checked(tangents)
        solve, plan = self._solve, self._solve.plan
        groups = Groups(n or 1, plan)
        found = np.full((groups.total, solve.batch, plan.n_outputs, plan.program.dim), np.nan)
        found = found.astype(plan.dtype)
        if n != 0:
            inputs = self._inputs(given, n or 1, groups.total)
            jobs = list(range(len(solve.parts)))
            with solve.lock:
                THREADS.map(
                    lambda job, stop: self._push(job, stop, groups, inputs, found),
                    jobs,
                    self._threads,
                )
        found = (found[0] if n is None else found[:n]).reshape(
            *(() if n is None else (n,)), *ys.shape
        )
        found[..., np.isnan(ys)] = np.nan  # what an interrupted solve did not reach
        return found

    def _checked(self, tangents):
        """Return the tangents as arrays, and how many there are; None if they have no leading axis."""
        given: list[NDArray[Any] | None] = []
        counts = {}
        for name, x, shape in zip(NAMES, tangents, self._shapes, strict=True):
            if x is None:
                given.append(None)
                continue
            if shape is None:
                raise complain(
                    ValueError, CALLER, name, "left out, as the solve had no `t_eval`", describe(x)
                )
            convert = as_state if name in NAMES[:2] else as_real
            x = convert(CALLER, name, x)
            if x.shape != shape and (x.ndim == 0 or x.shape[1:] != shape):
                wanted = f"of shape {shape} or (n_tangents, {', '.join(map(str, shape))})"
                raise complain(ValueError, CALLER, name, wanted.replace(", )", ",)"), describe(x))
            if not np.isfinite(x).all():
                raise complain(ValueError, CALLER, name, "finite", "NaN or inf in it")
            counts[name] = len(x) if x.ndim > len(shape) else None
            given.append(x)
        if len(set(counts.values())) > 1:
            got = ", ".join(
                f"{n if n is not None else 'none'} of `{name}`" for name, n in counts.items()
            )
            name = next(iter(counts))
            wanted = "of as many tangents as the others, all of them with a leading axis or none"
            raise complain(ValueError, CALLER, name, wanted, got)
        return given, next(iter(counts.values()), None)

    def _inputs(self, given, n, total):
        """Return tangents of times (J, 2 + n_outputs, columns), of y0 and of theta; None where they are 0."""
        solve, shapes, dtype = self._solve, self._shapes, self._solve.plan.dtype
        y0, theta = given[:2]
        if y0 is not None:
            y0 = padded(y0.reshape(n, solve.batch, -1), total, dtype)
        if theta is not None:
            theta = theta.reshape(n, *shapes.theta).astype(dtype)
            if self._field.maps_theta:
                theta = np.stack([self._field._effective_jvp(self._theta, dot) for dot in theta])
            theta = padded(theta, total, dtype)
        times = None
        if any(x is not None for x in given[2:]):
            own = [shape for shape in shapes[2:] if shape is not None]
            per_sample = any(len(shape) > (shape is shapes.t_eval) for shape in own)
            times = np.zeros((total, 2 + solve.plan.n_outputs, solve.batch if per_sample else 1))
            for row, x in enumerate(given[2:4]):
                if x is not None:
                    times[:n, row] = x.reshape(n, -1)
            if shapes.t_eval is None:
                times[:, 2] = times[:, 1]
            elif given[4] is not None:
                x = given[4].reshape(n, *shapes.t_eval)
                times[:n, 2:] = x[:, :, None] if len(shapes.t_eval) == 1 else np.moveaxis(x, 1, 2)
        return times, y0, theta

    def _push(self, job, stop, groups, inputs, found):
        """Run the tangents of one chunk."""
        solve, part = self._solve, self._solve.parts[job]
        times, y0, theta = inputs
        own = solve.plan.theta_stride > 0
        if times is not None and times.shape[2] > 1:
            times = np.ascontiguousarray(times[:, :, part])
        y0 = None if y0 is None else np.ascontiguousarray(y0[:, part])
        theta = theta if theta is None or not own else np.ascontiguousarray(theta[:, part])
        ys = np.full((groups.total, *found[0, part].shape), np.nan, found.dtype)
        rooms = [solve.room_for_theta() * 0 if own else solve.theta for _ in range(2)]
        chunk = solve.chunks[job] if self._stored else solve.begin_again(job, rooms[1])
        if chunk is None or not chunk.begun:
            return  # interrupted before its turn
        Pass(chunk, groups, times, y0, theta, ys)(rooms[0], rooms[1], stop)
        if not self._stored:
            POOL.give(chunk)
        found[:, part] = ys


def padded(x, total, dtype):
    """Return x with zeros for the tangents that it has too few of."""
    more = np.zeros((total - len(x), *x.shape[1:]), dtype)
    return contiguous(np.concatenate([x, more]), dtype)


def without_tangent(caller: str, parts: str) -> TypeError:
    """Return the complaint that a field has no tangent."""
    return TypeError(
        f"{caller}: the field has no `jvp` in {parts}, and forward mode needs one; give tapeless.field a `jvp`, say "
        '"symbolic".'
    )
