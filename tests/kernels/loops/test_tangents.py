"""The tangents of the loop against the complex step, in plain Python, and against its transpose.

The complex step differentiates on the grid that the real parts choose: see test_adjoint.py. Tangents of times
are those of a change of variable: a solve of dy/ds = L f(a + L s, y) on the same grid of s.
"""

import pathlib
import runpy

import numpy as np
import pytest

from tapeless_kernels.launch.python import from_tiles, run_vjp
from tapeless_kernels.launch.python_jvp import PlainTangents, run_jvp
from tapeless_kernels.tableaus.explicit import EXPLICIT

PROBLEM = runpy.run_path(str(pathlib.Path(__file__).with_name("test_adjoint.py")))
DIM, LANES, N, STEP, THETA, Case = (PROBLEM[x] for x in "DIM LANES N STEP THETA Case".split())
field, field_vjp = PROBLEM["field"], PROBLEM["field_vjp"]
CASES = [
    (tableau, adaptive, outputs, backward)
    for tableau in EXPLICIT
    if tableau.name in ("heun21", "bosh3", "rk4", "tsit5", "dop853")
    for adaptive in ((False, True) if tableau.error else (False,))
    for outputs, backward in (("final", True), ("stepped", False), ("hermite", True))
]


def field_jvp(t, y, theta, t_dot, y_dot, theta_dot, dy_dot):
    sine, cosine = np.sin(t), np.cos(t)
    dy_dot[0] = theta_dot[0] * y[1] + theta[0] * y_dot[1] + 2 * sine * y[0] * y_dot[0]
    dy_dot[0] += cosine * y[0] * y[0] * t_dot
    dy_dot[1] = theta_dot[1] * y[0] + theta[1] * y_dot[0] + theta_dot[2] * y[0] * y[1] * t
    dy_dot[1] += theta[2] * (y_dot[0] * y[1] * t + y[0] * y_dot[1] * t + y[0] * y[1] * t_dot)


def label(case):
    tableau, adaptive, outputs, _ = case
    return "-".join((tableau.name, "adaptive" if adaptive else "fixed", outputs))


def solved(case):
    kernels = PlainTangents(np.complex128, LANES, field, field_vjp, field_jvp)
    _, solve = case.solve(case.y0, THETA.astype(complex))
    return kernels, solve


@pytest.mark.parametrize("parts", CASES, ids=map(label, CASES))
def test_tangents_are_the_complex_step_and_the_transpose(parts):
    case, rng = Case(*parts), np.random.default_rng(1)
    kernels, solve = solved(case)
    y0_dot, theta_dot = rng.standard_normal((3, N, DIM)), rng.standard_normal((3, len(THETA)))
    y0_dot[1], theta_dot[2] = 0, 0
    theta = THETA.astype(complex)
    found = run_jvp(kernels, case.method, case.control, solve, theta, (y0_dot, theta_dot, None))
    assert not found.imag.any()
    tolerance = 1e-12 * max(1, *(sum(map(abs, row)) / 30 for row in case.tableau.a[1:]))
    y0_bar, theta_bar, *_ = run_vjp(
        kernels, 0, (case.method, case.control), solve, theta, case.ys_bar
    )
    for j in range(3):
        _, other = case.solve(case.y0 + STEP * y0_dot[j], THETA + STEP * theta_dot[j])
        assert other.record.h.tobytes() == solve.record.h.tobytes()
        wanted = from_tiles(other.outputs.ys, N).imag / STEP.imag
        size = np.abs(wanted).max()
        np.testing.assert_allclose(found[j], wanted, rtol=0, atol=float(tolerance) * size)
        forward = (found[j] * case.ys_bar).sum()
        backward = (y0_bar * y0_dot[j]).sum() + (theta_bar * theta_dot[j]).sum()
        assert abs(forward - backward) <= float(tolerance) * np.abs(found[j] * case.ys_bar).sum()


TIME_CASES = [
    (tableau, adaptive, outputs, backward)
    for tableau in EXPLICIT
    if tableau.name in ("rk4", "bosh3", "heun21")
    for adaptive in ((False, True) if tableau.error else (False,))
    for outputs, backward in (("final", False), ("stepped", True), ("hermite", False))
]


@pytest.mark.parametrize("parts", TIME_CASES, ids=map(label, TIME_CASES))
def test_tangents_of_times_move_the_grid(parts):
    case, rng = Case(*parts), np.random.default_rng(2)
    kernels, solve = solved(case)
    times_dot = rng.standard_normal((2, 2 + len(case.times)))
    zeros = np.zeros((2, N, DIM)), np.zeros((2, len(THETA)))
    theta = THETA.astype(complex)
    found = run_jvp(kernels, case.method, case.control, solve, theta, (*zeros, times_dot))
    for dots, tangents in zip(times_dot, found, strict=True):
        wanted = np.array([moved_outputs(case, solve, i, dots) for i in range(N)])
        np.testing.assert_allclose(tangents, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())


def moved_outputs(case, solve, i, dots):
    """Return the outputs' derivative by the complex step, of trajectory i on its steps between moved times."""
    tile, lane, hermite = i // LANES, i % LANES, bool(case.control.interpolate)
    forced = {case.t1: dots[1]}
    if not hermite:  # of equal times the first counts
        forced |= dict(zip(case.times[::-1], dots[:1:-1], strict=True))
    forced[case.t0] = dots[0]
    ends = sorted(forced)

    def moved(t):
        return t + STEP * np.interp(t, ends, [forced[end] for end in ends])

    def f(t, y):
        dy = np.empty(DIM, complex)
        field(t, y, THETA, dy)
        return dy

    y, found = case.y0[i].astype(complex), []
    a, c, stages = case.method.a, case.method.c, case.method.stages
    while not hermite and len(found) < len(case.times) and case.times[len(found)] == case.t0:
        found.append(y)
    for n in range(int(solve.record.filled[0])):
        if solve.record.h[n, tile, lane] == 0:
            continue
        start, end = solve.record.t[n, tile, :, lane]
        t, h, k = moved(start), moved(end) - moved(start), []
        for m in range(stages + 1):
            z = y + h * sum((a[m, j] * k[j] for j in range(m)), np.zeros(DIM, complex))
            k.append(f(t + c[m] * h, z))
        while len(found) < len(case.times) and abs(case.times[len(found)] - start) <= abs(
            end - start
        ):
            time = case.times[len(found)]
            x = (time + STEP * dots[2 + len(found)] - t) / h
            r, w = 1 - x, x * x * (3 - 2 * x)
            inside = (1 - w) * y + w * z + h * x * r * (r * k[0] - x * f(moved(end), z))
            found.append(inside if hermite else z)
        y = z
    return np.imag(found) / STEP.imag


def test_time_of_an_interpolated_output_moves_it_alone():
    case = Case(next(x for x in EXPLICIT if x.name == "bosh3"), True, "hermite", False)
    kernels, solve = solved(case)
    n = len(case.times)
    zeros = np.zeros((n, N, DIM)), np.zeros((n, len(THETA)))
    times_dot = np.hstack([np.zeros((n, 2)), np.eye(n)])
    theta = THETA.astype(complex)
    found = run_jvp(kernels, case.method, case.control, solve, theta, (*zeros, times_dot))
    ys = from_tiles(solve.outputs.ys, N)
    for j in range(n):
        assert not found[j][:, np.arange(n) != j].any()
    for i, j in np.ndindex(N, n):
        slope = np.empty(DIM, complex)
        field(case.times[j], ys[i, j], THETA, slope)
        at_an_end = case.times[j] in (
            case.t0,
            case.t1,
        )  # there the interpolant's slope is the field
        np.testing.assert_allclose(found[j][i, j], slope, rtol=1e-12 if at_an_end else 0.05)
