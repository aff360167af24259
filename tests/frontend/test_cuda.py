"""`tapeless.cuda` on the stand-in: the CPU's bits, whatever the chunk, the order of threads or the memory."""

import numpy as np
import pytest

import tapeless
from tapeless import cuda
from tapeless.errors import SolverError
from tapeless_kernels.cuda.example_fields import lorenz, lorenz_vjp
from tapeless_kernels.cuda.stand_in import OnDevice

THETA = [10, 28, 8 / 3]
Y0 = np.array([[1, 2, 20], [-3, 0.5, 15], [8, -7, 30], [0.1, 0, 10], [1, 1, 1]])
TIMES = [0.0, 0.05, 0.1]
YS_BAR = np.random.default_rng(0).standard_normal((5, 3, 3))
PAIR = tapeless.reversible("bosh3")
CASES = {
    "tsit5": {"rtol": 1e-5},
    "dopri5, not FSAL at outputs": {"method": "dop853", "rtol": 1e-7},
    "bosh3, interpolated": {"method": "bosh3"},
    "rk4, equal steps": {"method": "rk4", "n_steps": 3},
    "pair, taken back": {"method": PAIR, "adjoint": "reversible"},
    "pair, stored": {"method": PAIR},
    "reversible Heun": {"method": "reversible_heun", "adjoint": "reversible", "n_steps": 9},
    "leapfrog": {"method": "alf", "adjoint": "reversible", "n_steps": 9},
}


@pytest.fixture(scope="module")
def field():
    return tapeless.field(dim=3, n_params=3, vjp=lorenz_vjp)(lorenz)


def on_host(device, sol):
    """Return the arrays of a solution on the host."""
    assert all(isinstance(x, OnDevice) for x in (sol.ys, sol.y, *sol.stats))
    return device.host(sol.ys), sol.host_stats()


def assert_same(device, sol, wanted, ys_bar=YS_BAR):
    """Hold that a solution and its gradients have the CPU's bits; theta_bar is summed in another order."""
    ys, stats = on_host(device, sol)
    assert ys.dtype == wanted.ys.dtype
    np.testing.assert_array_equal(ys, wanted.ys)
    np.testing.assert_array_equal(device.host(sol.y), wanted.y)
    for name in ("nfe", "accepted", "rejected", "last_step", "status", "t", "drift"):
        np.testing.assert_array_equal(getattr(stats, name), getattr(wanted.stats, name))
    ys_bar = ys_bar.astype(ys.dtype)
    y0_bar, theta_bar = (device.host(x) for x in sol.vjp(ys_bar))
    y0_wanted, theta_wanted = wanted.vjp(ys_bar)
    np.testing.assert_array_equal(y0_bar, y0_wanted)
    eps = np.finfo(ys.dtype).eps
    np.testing.assert_allclose(theta_bar, theta_wanted, rtol=64 * eps)
    np.testing.assert_array_equal(sol.host_stats().reconstruction, wanted.stats.reconstruction)
    return theta_bar


@pytest.mark.parametrize("name", CASES)
def test_solution_and_gradients_have_the_cpus_bits(name, field):
    device, how = cuda.StandIn(), {"t_eval": TIMES} | CASES[name]
    sol = cuda.solve_ode(field, (0.0, 0.1), Y0, THETA, device=device, **how)
    assert_same(device, sol, tapeless.solve_ode(field, (0.0, 0.1), Y0, THETA, **how))


def test_float32(field):
    device, y0 = cuda.StandIn(), Y0[:2].astype(np.float32)
    how = {"t_eval": TIMES, "method": "bosh3", "rtol": 1e-2}
    sol = cuda.solve_ode(field, (0.0, 0.1), y0, THETA, device=device, **how)
    wanted = tapeless.solve_ode(field, (0.0, 0.1), y0, THETA, **how)
    assert_same(device, sol, wanted, YS_BAR[:2])


def test_spans_tolerances_parameters_and_times_of_each_trajectory(field):
    device = cuda.StandIn()
    t0, t1 = np.linspace(0, 0.02, 5), np.array([0.1, 0.1, -0.1, 0.05, 0.02])
    theta = np.array(THETA) * np.linspace(0.9, 1.1, 5)[:, None]
    times = np.stack([t0, (t0 + t1) / 2, t1], axis=1)
    how = {"t_eval": times, "rtol": np.logspace(-3, -5, 5), "first_step": np.full(5, 1e-2)}
    wanted = tapeless.solve_ode(field, (t0, t1), Y0, theta, **how)
    for chunk in (None, 2):
        span = device.array(t0), t1  # some on the device, some not
        sol = cuda.solve_ode(
            field, span, device.array(Y0), device.array(theta), device=device, chunk=chunk, **how
        )
        theta_bar = assert_same(device, sol, wanted)
        np.testing.assert_array_equal(theta_bar, wanted.vjp(YS_BAR)[1])
        np.testing.assert_array_equal(sol.ts, wanted.ts)


@pytest.mark.parametrize("adjoint", ["store", "reversible"])
def test_no_bit_depends_on_the_chunk_or_the_order_of_threads(field, adjoint):
    y0 = np.random.default_rng(1).standard_normal((11, 3))
    ys_bar = np.random.default_rng(2).standard_normal((11, 3))
    how = {"adjoint": adjoint}
    how |= {"method": PAIR} if adjoint == "reversible" else {"method": "bosh3"}
    found = set()
    for chunk, order in ((1, "forward"), (4, "reverse"), (7, "random"), (None, "random")):
        device = cuda.StandIn(order=order)
        sol = cuda.solve_ode(field, (0.0, 0.05), y0, THETA, device=device, chunk=chunk, **how)
        bars = sol.vjp(ys_bar)
        assert sum(sol.parts) == 11 and max(sol.parts) == (chunk or 11)
        found.add(tuple(device.host(x).tobytes() for x in (sol.ys, sol.stats.nfe, *bars)))
    assert len(found) == 1


def test_single_state_no_output_times_and_a_second_gradient(field):
    device = cuda.StandIn()
    sol = cuda.solve_ode(field, (0.0, 0.1), Y0[0], THETA, device=device)
    wanted = tapeless.solve_ode(field, (0.0, 0.1), Y0[0], THETA)
    assert sol.ys.shape == (3,) and sol.stats.t.shape == () and sol.ts == 0.1
    for _ in range(2):
        assert_same(device, sol, wanted, YS_BAR[0, 0])


def test_records_longer_than_a_block_go_on_in_another(field, monkeypatch):
    monkeypatch.setattr(cuda, "BLOCK", 3)
    for how in ({"rtol": 1e-5}, {"method": PAIR, "adjoint": "reversible"}):
        device = cuda.StandIn()
        sol = cuda.solve_ode(field, (0.0, 0.1), Y0, THETA, device=device, t_eval=TIMES, **how)
        wanted = tapeless.solve_ode(field, (0.0, 0.1), Y0, THETA, t_eval=TIMES, **how)
        assert wanted.stats.accepted.max() > 6 and wanted.stats.accepted.min() < 12
        assert len(device.launches) > 2
        assert_same(device, sol, wanted)


def test_out_of_memory_halves_the_part_and_keeps_what_is_done(field, monkeypatch):
    monkeypatch.setattr(cuda, "BLOCK", 4)  # so that more memory is needed than was thought
    y0, ys_bar = np.repeat(Y0, 2, axis=0), np.repeat(YS_BAR[:, 0], 2, axis=0)
    found, parts = set(), []
    for kilobytes in (1000, 20, 8):
        device = cuda.StandIn(kilobytes << 10)
        sol = cuda.solve_ode(field, (0.0, 0.1), y0, THETA, rtol=1e-5, device=device)
        bars = sol.vjp(ys_bar)
        found.add(tuple(device.host(x).tobytes() for x in (sol.ys, *bars)))
        parts.append(sol.parts)
        assert device.peak <= device.memory
        assert kilobytes != 20 or device.n_given_back > 0  # memory ran out, and it went on
        del sol, bars
        assert device.used == 0
    assert len(found) == 1
    assert [len(x) for x in parts] == sorted(len(x) for x in parts) and len(parts[0]) < len(
        parts[-1]
    )


def test_a_device_without_room_says_so(field):
    with pytest.raises(MemoryError):
        cuda.solve_ode(field, (0.0, 0.1), Y0, THETA, device=cuda.StandIn(100))
    device = cuda.StandIn(6000)
    with pytest.raises(MemoryError, match="no memory left for one trajectory, with 0 of 1 done"):
        sol = cuda.solve_ode(field, (0.0, 0.1), Y0[:1], THETA, rtol=1e-9, device=device)
        sol.vjp(YS_BAR[:1, 0])


def test_failures_are_those_of_the_cpu(field):
    how = {"max_steps": 6, "t_eval": TIMES, "rtol": [1e-7, 1e-7, 1e-2]}
    y0 = np.vstack([Y0[2], [np.nan, 0, 0], 1e-3 * Y0[0]])
    with pytest.raises(
        SolverError, match=r"2 of 3 trajectories failed\. Trajectory 0 reached t"
    ) as e:
        cuda.solve_ode(field, (0.0, 0.1), y0, THETA, device=cuda.StandIn(), **how)
    assert isinstance(e.value.solution, cuda.Solution)
    device = cuda.StandIn()
    how |= {"throw": False}
    sol = cuda.solve_ode(field, (0.0, 0.1), y0, THETA, device=device, **how)
    assert not sol.success
    assert_same(device, sol, tapeless.solve_ode(field, (0.0, 0.1), y0, THETA, **how), YS_BAR[:3])


def test_a_start_that_is_missed_raises():
    def decay(t, y, theta, dy):
        dy[0] = -5 * y[0]

    def decay_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
        y_bar[0] = -5 * dy_bar[0]

    field, device = tapeless.field(dim=1, vjp=decay_vjp)(decay), cuda.StandIn()
    # With so small a coupling errors grow on the way back.
    how = {"method": tapeless.reversible("rk4", 0.7), "adjoint": "reversible", "n_steps": 200}
    sol = cuda.solve_ode(field, (0.0, 1.5), [[1.0]], device=device, **how)
    assert sol.success
    with pytest.raises(SolverError, match="could not be taken back to their start") as error:
        sol.vjp([[1.0]])
    assert error.value.solution is sol and not sol.success
    assert sol.host_stats().reconstruction[0] > 1 and sol.host_stats().status[0] == 7


def test_empty_batches_and_fields_without_parameters():
    def grow(t, y, theta, dy):
        dy[0] = y[0]

    def grow_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
        y_bar[0] = dy_bar[0]

    field, device = tapeless.field(dim=1, vjp=grow_vjp)(grow), cuda.StandIn()
    sol = cuda.solve_ode(field, (0.0, 1.0), np.zeros((0, 1)), device=device)
    assert sol.ys.shape == (0, 1) and sol.success
    assert [x.shape for x in sol.vjp(sol.ys)] == [(0, 1), (0,)]
    sol = cuda.solve_ode(field, (0.0, 1.0), np.ones((2, 1)), device=device)
    assert [x.shape for x in sol.vjp(sol.ys)] == [(2, 1), (0,)]


def test_arguments_are_read_and_not_written(field):
    device, y0 = cuda.StandIn(), np.asfortranarray(Y0)
    y0.flags.writeable = False
    big = Y0.astype(">f8")
    sols = [cuda.solve_ode(field, (0.0, 0.05), y, THETA, device=device) for y in (Y0, y0, big)]
    assert len({device.host(sol.ys).tobytes() for sol in sols}) == 1
    # What the caller writes afterwards does not change a gradient.
    mine, theta = device.array(Y0.copy()), device.array(np.array(THETA))
    sol = cuda.solve_ode(field, (0.0, 0.05), mine, theta, device=device, chunk=2)
    wanted = device.host(sol.vjp(YS_BAR[:, 0])[0])
    mine[...] = 0
    theta[...] = 0
    np.testing.assert_array_equal(device.host(sol.vjp(YS_BAR[:, 0])[0]), wanted)


def bad(field):
    network = tapeless.fields.MLP(3, [4])
    return {
        "network": ((network,), {}, TypeError, "`field`.*kernel of their own"),
        "no field": ((lorenz,), {}, TypeError, "`field`"),
        "y0": ((field, (0, 1), np.ones((2, 4))), {}, ValueError, r"`y0`.*\(2, 4\)"),
        "y0, complex": ((field, (0, 1), Y0 + 0j), {}, TypeError, "`y0`.*float32"),
        "theta": ((field, (0, 1), Y0, [1.0]), {}, ValueError, "`theta`"),
        "theta left out": ((field, (0, 1), Y0), {}, TypeError, "`theta`"),
        "theta, NaN": ((field, (0, 1), Y0, [1, 2, np.nan]), {}, ValueError, "`theta`.*finite"),
        "t_span": ((field, (0, np.inf)), {}, ValueError, "`t_span`.*finite"),
        "t_eval": ((field,), {"t_eval": [2.0]}, ValueError, "`t_eval`.*inside"),
        "method": ((field,), {"method": "rk4"}, ValueError, "`n_steps`.*'rk4'"),
        "adjoint": ((field,), {"adjoint": "binomial"}, ValueError, "`adjoint`.*'store'"),
        "not reversible": ((field,), {"adjoint": "reversible"}, ValueError, "`method`"),
        "interpolate": ((field,), {"method": PAIR, "interpolate": True}, ValueError, "`interpolate`"),
        "chunk": ((field,), {"chunk": 0}, ValueError, "`chunk`.*positive integer"),
        "stream": ((field,), {"stream": 1}, ValueError, "`stream`.*`device`"),
    }  # fmt: skip


@pytest.mark.parametrize("name", bad(None))
def test_bad_arguments_are_named(name, field):
    given, how, kind, match = bad(field)[name]
    filled = (*given, *(field, (0.0, 1.0), Y0, THETA)[len(given) :])
    if name == "theta left out":
        filled = filled[:3]
    with pytest.raises(kind, match=f"solve_ode: {match}"):
        cuda.solve_ode(*filled, device=cuda.StandIn(), **how)


def test_gradients_that_were_not_prepared_say_so(field):
    device = cuda.StandIn()
    sol = cuda.solve_ode(field, (0.0, 0.05), Y0, THETA, device=device, adjoint=None)
    np.testing.assert_array_equal(
        device.host(sol.ys), tapeless.solve_ode(field, (0.0, 0.05), Y0, THETA).ys
    )
    with pytest.raises(ValueError, match="adjoint=None"):
        sol.vjp(sol.ys)
    plain = tapeless.field(dim=3, n_params=3)(lorenz)
    sol = cuda.solve_ode(plain, (0.0, 0.05), Y0, THETA, device=device)
    with pytest.raises(ValueError, match="no `vjp`"):
        sol.vjp(sol.ys)
    sol = cuda.solve_ode(field, (0.0, 0.05), Y0, THETA, device=device)
    with pytest.raises(ValueError, match=r"`ys_bar`.*\(5, 3\)"):
        sol.vjp(np.ones((5, 2)))


def test_launches(field):
    device = cuda.StandIn()
    y0 = np.repeat(Y0, 26, axis=0)  # 130: two blocks of 128 threads
    sol = cuda.solve_ode(field, (0.0, 0.001), y0, THETA, device=device)
    sol.vjp(sol.ys)
    forward, backward, sums = device.launches
    assert [x.kernel for x in device.launches] == ["solve_kernel", "solve_vjp_kernel", "sum_kernel"]
    assert (forward.blocks, forward.threads) == (backward.blocks, backward.threads) == (2, 128)
    assert (sums.blocks, sums.threads) == (1, 128)  # three parameters, one group
    given = forward.arguments[2]
    assert given.y0 == ("float64", (3, 130)) and given.theta == ("float64", (3, 1))
