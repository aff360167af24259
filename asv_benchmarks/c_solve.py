"""Times a solve and its gradient through the C functions and through Python, in one run, in turns.

``taskset -c 0 python asv_benchmarks/c_solve.py`` prints microseconds, each the least of many, of a batch of 1. The C
functions are called through cffi, which takes a fraction of a microsecond.
"""

import time

import cffi
import numpy as np

import tapeless

ROUNDS, REPEATS = 500, 5


def in_python(field, theta, y0):
    """Return functions that solve, and that solve and take the gradient."""

    def forward():
        return tapeless.solve_ode(field, (0.0, 1.0), y0, theta, adjoint=None, threads=1)

    def both():
        sol = tapeless.solve_ode(field, (0.0, 1.0), y0, theta, threads=1)
        return sol.vjp(sol.ys)

    return forward, both


def in_c(field, theta, y0):
    """Return the same through the C functions."""
    ffi = cffi.FFI()
    ffi.cdef(tapeless.c_declarations())
    call = {
        name: ffi.cast(f"tapeless_{name}_f64", tapeless.address(name))
        for name in ("ode_init", "ode_sizes", "solve", "solve_vjp")
    }
    pointers, ys, y0_bar, theta_bar = tapeless.c_field(field), y0.copy(), y0.copy(), theta.copy()

    def problem(keep):
        ode = ffi.new("tapeless_ode_f64 *")
        call["ode_init"](ode, ffi.sizeof("tapeless_ode_f64"))
        ode.n, ode.dim, ode.n_params, ode.n_cache, ode.t1 = (
            1,
            len(y0),
            len(theta),
            pointers.n_cache,
            1.0,
        )
        ode.y0, ode.theta, ode.ys = (ffi.from_buffer("double[]", x) for x in (y0, theta, ys))
        ode.field = ffi.cast("tapeless_field_f64", pointers.field)
        ode.vjp = ffi.cast("tapeless_vjp_f64", pointers.vjp)
        ode.context, ode.keep = ffi.cast("void *", pointers.context), keep
        call["ode_sizes"](ode)
        workspace = ffi.new("char[]", ode.workspace_needed)
        record = ffi.new("char[]", ode.record_overhead + 100 * ode.iteration_bytes + 1)
        ode.workspace, ode.workspace_bytes = workspace, len(workspace)
        ode.record, ode.record_bytes = record, len(record)
        return ode, (workspace, record)

    (plain, kept_plain), (ode, kept) = problem(0), problem(1)
    bars = [ffi.from_buffer("double[]", x) for x in (ys, y0_bar, theta_bar)]

    def forward(memory=kept_plain):
        assert call["solve"](plain) == 0

    def both(memory=kept):
        assert call["solve"](ode) == 0
        pointers.prepare_vjp(theta)
        assert call["solve_vjp"](ode, *bars) == 0

    return forward, both


def least(functions):
    """Return the least time of each function, in microseconds, measured in turns."""
    best = [np.inf] * len(functions)
    for _ in range(ROUNDS):
        for i, function in enumerate(functions):
            begun = time.perf_counter()
            for _ in range(REPEATS):
                function()
            best[i] = min(best[i], (time.perf_counter() - begun) / REPEATS * 1e6)
    return best


def main():
    """Print the table."""
    print(f"{'network':<16}{'':<10}{'Python':>8}{'C':>8}{'ratio':>7}")
    for hidden in ((16,), (64, 64)):
        field = tapeless.fields.MLP(2, list(hidden))
        theta, y0 = field.init(rng=0), np.array([1.0, -0.5])
        functions = [*in_python(field, theta, y0), *in_c(field, theta, y0)]
        forward, both, c_forward, c_both = least(functions)
        for what, python, c in (("solve", forward, c_forward), ("gradient", both, c_both)):
            print(f"{f'2-{hidden}':<16}{what:<10}{python:>8.1f}{c:>8.1f}{python / c:>7.1f}")


if __name__ == "__main__":
    main()
