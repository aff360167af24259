"""`tapeless.cuda.solve_sde` on the stand-in: the CPU's bits, whatever the chunk, the order of threads or the memory."""

import numpy as np
import pytest

import tapeless
from tapeless import cuda
from tapeless.errors import SolverError
from tapeless_kernels.cuda import sde_part
from tapeless_kernels.cuda.stand_in import ORDERS, OnDevice
from tapeless_kernels.status import NON_FINITE

Y0 = (1 + np.arange(10.0)).reshape(2, 5).T
TIMES = [0.0, 0.25, 0.3, 0.75]  # 0.3 is within a step, and becomes the end of one
SPAN = (0.0, 0.75)
YS_BAR = np.random.default_rng(0).standard_normal((5, 4, 2))


@tapeless.field(2, 2, vjp="symbolic")
def drift(t, y, theta, dy):
    dy[0] = -theta[0] * y[0] + y[1]
    dy[1] = t - theta[1] * y[1]


@tapeless.diffusion(2, None, 2, noise="diagonal", vjp="symbolic", jvp="symbolic")
def diagonal(t, y, theta, dg):
    dg[0] = theta[0] * y[0]
    dg[1] = theta[1] + theta[0] * y[1]


@tapeless.diffusion(2, 3, 2, noise="general", vjp="symbolic")
def mixing(t, y, theta, dg):
    dg[0, 0] = theta[0] * y[0]
    dg[0, 1] = theta[1] * y[1]
    dg[0, 2] = t
    dg[1, 0] = theta[0]
    dg[1, 1] = theta[1] * y[0]
    dg[1, 2] = theta[0]


@tapeless.diffusion(2, 2, 2, noise="commutative", vjp="symbolic", jvp="symbolic")
def commuting(t, y, theta, dg):
    for k in range(2):
        dg[0, k] = 0.1 * (k + 1) * theta[0] * y[0] * y[1]
        dg[1, k] = 0.1 * (k + 1) * (theta[1] * y[0] + t)


FROM_ITO = {"calculus": "ito", "convert": True}
OWN = np.array([0.5, 1.0, 0.3, 0.2]) * np.linspace(0.9, 1.1, 5)[:, None]
CASES = {
    "euler_maruyama": (diagonal, OWN, {}),
    "euler_maruyama, a matrix": (mixing, OWN[0], {}),
    "heun, states at strides": (mixing, OWN, {"method": "heun", "adjoint": "every", "stride": 3}),
    "sriw1, with areas": (diagonal, OWN[0], {"method": "sriw1"}),
    "milstein_free": (diagonal, OWN, {"method": "milstein_free"}),
    "milstein": (diagonal, OWN, {"method": "milstein"}),
    "milstein, a matrix, states at strides": (
        commuting, OWN[0], {"method": "milstein", "adjoint": "every", "stride": 3},
    ),
    "heun, converted": (diagonal, OWN[0], {"method": "heun"} | FROM_ITO),
    "sriw1, converted": (
        diagonal, OWN, {"method": "sriw1", "calculus": "stratonovich", "convert": True},
    ),
    "reversible Heun, converted": (
        commuting, OWN, {"method": "reversible_heun", "adjoint": "reversible"} | FROM_ITO,
    ),
    "reversible Heun": (mixing, OWN, {"method": "reversible_heun", "adjoint": "reversible"}),
    "reversible Heun, stored": (diagonal, OWN[0], {"method": "reversible_heun"}),
}  # fmt: skip


def solve(device, g=diagonal, y0=Y0, theta=OWN, path=7, **how):
    """Solve on a device, by default Euler and Maruyama's method on a path of key 7."""
    how = {"n_steps": 6, "t_eval": TIMES} | how
    if path == 7:
        area = "space-time" if how.get("method") == "sriw1" else "none"
        path = key_7(len(y0), g, area, y0.dtype)
    return cuda.solve_sde(drift, g, SPAN, y0, theta, path=path, device=device, **how)


def key_7(n, g=diagonal, area="none", dtype=np.float64, first=2):
    return tapeless.BrownianPath(
        7, 0.0, 1.0, (n, g.channels), area, dtype=dtype, resolution=2.0**-6, first_sample=first
    )


def assert_same(device, sol, wanted):
    """Hold that a solution and its gradients have the CPU's bits; theta_bar is summed in another order."""
    assert all(isinstance(x, OnDevice) for x in (sol.ys, sol.y, *sol.stats))
    np.testing.assert_array_equal(device.host(sol.ys), wanted.ys)
    np.testing.assert_array_equal(device.host(sol.y), wanted.y)
    for found, known in zip(sol.host_stats(), wanted.stats, strict=True):
        assert found.dtype == known.dtype
        np.testing.assert_array_equal(found, known)
    if wanted.nbytes_adjoint or wanted.method == "reversible_heun":
        ys_bar = YS_BAR[: len(wanted.ys)].astype(wanted.ys.dtype)
        y0_bar, theta_bar = map(device.host, sol.vjp(ys_bar))
        y0_wanted, theta_wanted = wanted.vjp(ys_bar)
        np.testing.assert_array_equal(y0_bar, y0_wanted)
        if theta_bar.ndim == 2:
            np.testing.assert_array_equal(theta_bar, theta_wanted)
        scale = np.finfo(theta_bar.dtype).eps * abs(theta_wanted).max()
        np.testing.assert_allclose(theta_bar, theta_wanted, rtol=0, atol=8 * scale)


@pytest.mark.parametrize("name", CASES)
def test_solution_and_gradients_have_the_cpus_bits(name):
    g, theta, how = CASES[name]
    device = cuda.StandIn()
    sol = solve(device, g, theta=theta, **how)
    how = {"n_steps": 6, "t_eval": TIMES, "path": sol.path} | how
    assert_same(device, sol, tapeless.solve_sde(drift, g, SPAN, Y0, theta, **how))


def test_float32():
    device, y0, how = cuda.StandIn(), Y0[:2].astype(np.float32), {"method": "heun"}
    sol = solve(device, y0=y0, theta=OWN[0], **how)
    how |= {"n_steps": 6, "t_eval": TIMES, "path": sol.path}
    assert_same(device, sol, tapeless.solve_sde(drift, diagonal, SPAN, y0, OWN[0], **how))


def test_neither_chunk_nor_order_of_threads_nor_stride_changes_a_bit():
    found = set()
    ways = [{"chunk": n} for n in (1, 2, None)] + [
        {"adjoint": "every", "stride": n} for n in (1, 4)
    ]
    for i, how in enumerate(ways):
        device = cuda.StandIn(order=ORDERS[i % 3], seed=i)
        sol = solve(device, theta=OWN[0], **how)
        assert sol.parts == {1: [1] * 5, 2: [2, 2, 1]}.get(how.get("chunk"), [5])
        bars = sol.vjp(YS_BAR)
        found.add(tuple(device.host(x).tobytes() for x in (sol.ys, *sol.stats, *bars)))
    assert len(found) == 1


def test_a_trajectory_has_its_path_alone():
    device = cuda.StandIn()
    sol = solve(device)
    for i in (1, 4):
        alone = solve(device, y0=Y0[i : i + 1], theta=OWN[i], path=key_7(1, first=2 + i))
        np.testing.assert_array_equal(device.host(alone.ys[0]), device.host(sol.ys[i]))


def test_launches_are_bounded(monkeypatch):
    device = cuda.StandIn()
    whole = solve(device)
    bars = whole.vjp(YS_BAR)
    monkeypatch.setattr(sde_part, "BUDGET", 3)
    device.launches.clear()
    sol = solve(device)
    again = sol.vjp(YS_BAR)
    for a, b in zip((whole.ys, *bars), (sol.ys, *again), strict=True):
        np.testing.assert_array_equal(a, b)
    spans = [launch.arguments[-1] for launch in device.launches]
    assert spans == [(0, 3), (3, 6), (6, 7), (4, 7), (1, 4), (0, 1)]
    assert [launch.kernel for launch in device.launches] == ["sde_kernel"] * 3 + [
        "sde_kernel_vjp"
    ] * 3
    assert {launch.blocks for launch in device.launches} == {1}


@pytest.mark.parametrize("adjoint", ["store", "reversible"])
def test_memory_that_is_short_divides_the_batch(adjoint):
    how = {"method": "reversible_heun", "adjoint": adjoint, "theta": OWN[0]}
    roomy = cuda.StandIn()
    wanted = solve(roomy, **how)
    bars = wanted.vjp(YS_BAR)
    scarce = cuda.StandIn(memory=roomy.peak * 3 // 4)
    sol = solve(scarce, **how)
    found = sol.vjp(YS_BAR)
    assert len(sol.parts) > 1
    for a, b in zip((wanted.ys, *bars), (sol.ys, *found), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(MemoryError):
        solve(cuda.StandIn(memory=500), **how)


@tapeless.field(1, 1, vjp="symbolic")
def exploding(t, y, theta, dy):
    dy[0] = theta[0] * y[0] * y[0] * y[0]


@tapeless.diffusion(1, None, 1, noise="diagonal", vjp="symbolic")
def loud(t, y, theta, dg):
    dg[0] = theta[0] * y[0]


def test_a_state_that_is_not_finite_ends_its_trajectory_alone():
    device, y0 = cuda.StandIn(), np.array([[0.1], [1e60], [0.2]])
    path = tapeless.BrownianPath(1, 0.0, 1.0, (3, 1), resolution=2.0**-4)
    how = {"path": path, "n_steps": 8, "t_eval": [0.0, 0.125, 0.5, 1.0]}
    span, theta = (0.0, 1.0), [0.5, 0.1]
    with pytest.raises(SolverError, match=r"solve_sde: 1 of 3 .* Trajectory 1 reached t = 0.125"):
        cuda.solve_sde(exploding, loud, span, y0, theta, device=device, **how)
    sol = cuda.solve_sde(exploding, loud, span, y0, theta, device=device, throw=False, **how)
    wanted = tapeless.solve_sde(exploding, loud, span, y0, theta, throw=False, **how)
    assert sol.host_stats().status[1] == NON_FINITE and not sol.success
    np.testing.assert_array_equal(device.host(sol.ys), wanted.ys)
    for found, known in zip(sol.host_stats(), wanted.stats, strict=True):
        np.testing.assert_array_equal(found, known)
    bar = np.ones((3, 4, 1))
    bar[1] = 0.0
    for found, known in zip(sol.vjp(bar), wanted.vjp(bar), strict=True):
        np.testing.assert_allclose(device.host(found), known, rtol=1e-14)


NETWORK = tapeless.fields.MLP(2, [4])
WRONG = {
    "a network": ({"drift": NETWORK}, TypeError, "`drift` must be a function of your own"),
    "no steps": ({"n_steps": None}, ValueError, "`dt` must be given, or `n_steps`"),
    "increments": ({"path": np.zeros((6, 5, 2))}, TypeError, "`path` must be a BrownianPath"),
    "rng and path": ({"rng": 1}, ValueError, "`rng` must be left out"),
    "a path of others": ({"path": key_7(4)}, ValueError, r"`path` must be of shape \(5, 2\)"),
    "no stride": ({"adjoint": "every"}, TypeError, "`stride` must be given"),
    "a stride": ({"stride": 2}, ValueError, "`stride` must be left out"),
    "an adjoint": ({"adjoint": "binomial"}, ValueError, "`adjoint` must be"),
    "taken back": ({"adjoint": "reversible"}, ValueError, "`adjoint` must be another one"),
    "pairs at strides": (
        {"adjoint": "every", "stride": 2, "method": "reversible_heun"}, ValueError, "`adjoint` must be 'store'",
    ),
    "theta": ({"theta": np.ones(3)}, ValueError, r"`theta` must be of shape \(4,\)"),
    "no theta": ({"theta": None}, TypeError, "`theta` must be an array"),
    "NaN in theta": ({"theta": np.full(4, np.nan)}, ValueError, "`theta` must be finite"),
    "y0": ({"y0": np.ones((5, 3))}, ValueError, r"`y0` must be of shape \(batch, 2\)"),
    "chunk": ({"chunk": 0}, ValueError, "`chunk` must be"),
    "stream": ({"stream": 1}, ValueError, "`stream` must be left out"),
    "backward": ({"t_span": (1.0, 0.0)}, ValueError, "`t_span` must be a pair with t0 < t1"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_named(name):
    changed, error, message = WRONG[name]
    given = {"drift": drift, "diffusion": diagonal, "t_span": SPAN, "y0": Y0, "theta": OWN[0]}
    given |= {"n_steps": 6, "path": key_7(5), "device": cuda.StandIn()}
    with pytest.raises(error, match=f"solve_sde: {message}"):
        cuda.solve_sde(**given | changed)


@pytest.mark.parametrize("y0", [np.zeros((0, 2)), np.array([1.0, 2.0])], ids=["none", "single"])
def test_shapes_of_no_and_of_a_single_trajectory(y0):
    device = cuda.StandIn()
    sol = cuda.solve_sde(drift, diagonal, SPAN, y0, OWN[0], n_steps=3, rng=1, device=device)
    assert sol.ys.shape == y0.shape and sol.success
    y0_bar, theta_bar = sol.vjp(np.ones(y0.shape))
    assert y0_bar.shape == y0.shape and theta_bar.shape == (4,)


def test_inputs_are_not_written_to():
    device, y0, theta = cuda.StandIn(), Y0.copy(), OWN.copy()
    y0.flags.writeable = theta.flags.writeable = False
    strided = np.asfortranarray(y0)
    bars = [solve(device, y0=x, theta=theta).vjp(YS_BAR) for x in (y0, strided)]
    for a, b in zip(*bars, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(y0, Y0)


def test_there_is_no_transpose_where_nothing_was_kept():
    sol = solve(cuda.StandIn(), adjoint=None)
    with pytest.raises(ValueError, match=r"Solution.vjp: `adjoint` must not be None"):
        sol.vjp(YS_BAR)
