"""With its own or with fixed steps a sample's results do not depend on its company by a bit."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from tapeless import solve_ode
from tapeless.fields import MLP
from tapeless_kernels.launch import cpu
from tapeless_kernels.status import MAX_STEPS, NON_FINITE, SUCCESS

DIM = 5
WIDE = max(cpu.WIDTHS.values())
SETTINGS = {
    "tsit5": {"method": "tsit5", "max_steps": 30},
    "dopri5, Hermite": {"method": "dopri5", "t_eval": [0.1, 0.7, 1.5], "interpolate": True},
    "bosh3, stepping": {"method": "bosh3", "t_eval": [0.1, 0.7, 1.5], "interpolate": False},
    "heun21, own times": {"method": "heun21", "rtol": 1e-2, "own": True},
    "rk4, fixed": {"method": "rk4", "n_steps": 7},
    "tsit5, fixed, own times": {"method": "tsit5", "n_steps": 5, "own": True, "interpolate": False},
}
every_setting = pytest.mark.parametrize("setting", SETTINGS)
every_dtype = pytest.mark.parametrize("dtype", cpu.WIDTHS, ids=str)


@pytest.fixture(scope="module")
def make():
    """Return a solve of chosen samples among 3 LANES + 1, some of which fail."""
    field = MLP(DIM, [37, 18], activation="silu", time=True)
    theta, rng = 1.5 * field.init(rng=0), np.random.default_rng(0)
    n = 3 * WIDE + 1
    y0 = rng.standard_normal((n, DIM)) * np.geomspace(0.1, 30, n)[:, None]
    y0 = rng.permutation(y0)
    y0[17] = np.nan
    y0[[40, 90], 2] = np.inf, 1e30
    own = {
        "t_span": (rng.uniform(-1, 0, n), rng.uniform(1, 3, n)),
        "rtol": 10 ** rng.uniform(-4, -1, n),
        "atol": 10 ** rng.uniform(-4, -1, n),
        "t_eval": np.sort(rng.uniform(0, 1, (n, 3))),
    }
    ys_bar = rng.standard_normal((n, 3, DIM))

    def solve(samples, setting, dtype, threads=1):
        kwargs = {"t_span": (0.0, 2.0), "throw": False} | SETTINGS[setting]
        if kwargs.pop("own", False):
            kwargs |= {name: x[samples] for name, x in own.items() if name != "t_span"}
            kwargs["t_span"] = tuple(t[samples] for t in own["t_span"])
        t_span = kwargs.pop("t_span")
        sol = solve_ode(field, t_span, y0[samples].astype(dtype), theta, threads=threads, **kwargs)
        bars = ys_bar[samples] if "t_eval" in kwargs else ys_bar[samples, 0]
        y0_bar, theta_bar = sol.vjp(np.where(np.isfinite(sol.ys), bars, 0))
        return SimpleNamespace(
            results=[sol.ys, sol.y, *sol.stats, y0_bar],
            theta_bar=theta_bar,
            status=sol.stats.status,
        )

    return SimpleNamespace(solve=solve, n=n, alone={})


def bits(results):
    return [x.tobytes() for x in results]


def alone(make, setting, dtype):
    """Return the results of every sample by itself."""
    if (setting, dtype) not in make.alone:
        each = [make.solve(np.array([i]), setting, dtype).results for i in range(make.n)]
        make.alone[setting, dtype] = [np.concatenate(parts) for parts in zip(*each, strict=True)]
    return make.alone[setting, dtype]


@every_setting
@every_dtype
def test_sample_is_the_same_alone_and_in_any_batch_and_lane(make, setting, dtype):
    expected = alone(make, setting, dtype)
    status = expected[6]
    assert (status == SUCCESS).any() and (status == NON_FINITE).any()
    assert setting != "tsit5" or (status == MAX_STEPS).any()
    lanes, rng = cpu.WIDTHS[dtype], np.random.default_rng(1)
    for size in (2, 3, 15, 16, 17, lanes - 1, lanes, lanes + 1, 2 * lanes, 2 * lanes + 5, make.n):
        samples = rng.permutation(make.n)[:size]
        got = make.solve(samples, setting, dtype, threads=int(rng.integers(1, 3)))
        assert bits(got.results) == bits(x[samples] for x in expected), size


@every_dtype
def test_sample_is_the_same_in_every_lane(make, dtype):
    lanes = cpu.WIDTHS[dtype]
    expected = alone(make, "tsit5", dtype)
    samples = np.arange(lanes)
    for shift in range(lanes):
        rolled = np.roll(samples, shift)
        got = make.solve(rolled, "tsit5", dtype)
        assert bits(got.results) == bits(x[rolled] for x in expected)


@every_setting
@every_dtype
def test_theta_bar_is_the_same_for_any_number_of_threads(make, setting, dtype):
    samples = np.arange(make.n)
    one = make.solve(samples, setting, dtype, threads=1)
    assert np.isfinite(one.theta_bar).all() and one.theta_bar.any()
    for threads in (2, 3, 8):
        got = make.solve(samples, setting, dtype, threads=threads)
        assert bits([got.theta_bar, *got.results]) == bits([one.theta_bar, *one.results])


@pytest.mark.parametrize("batch", [3, 2 * WIDE + 3])
@pytest.mark.parametrize(
    "kwargs", [{}, {"method": "rk4", "n_steps": 5}, {"t_eval": [0.5, 2.0]}], ids=str
)
def test_coupled_solve_is_the_same_for_any_number_of_threads(batch, kwargs):
    field = MLP(DIM, [20])
    theta, y0 = field.init(rng=0), np.random.default_rng(0).standard_normal((batch, DIM))
    results = []
    for threads in (1, 2, 5):
        sol = solve_ode(field, (0, 2), y0, theta, coupled=True, threads=threads, **kwargs)
        results.append(bits([sol.ys, *sol.stats, *sol.vjp(np.ones_like(sol.ys))]))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("threads", [1, 2])
def test_four_python_threads_solve_at_once(make, threads):
    settings = ["tsit5", "dopri5, Hermite", "rk4, fixed", "tsit5"]
    dtypes = [*cpu.WIDTHS, *cpu.WIDTHS]
    jobs = list(zip(settings, dtypes, strict=True))

    def job(i):
        samples = np.roll(np.arange(make.n), 7 * i)[: 20 * (i % 4) + 5 * i + 1]
        got = make.solve(samples, *jobs[i % 4], threads=threads)
        return samples, bits(got.results), got.theta_bar

    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(job, range(24)))
    for i, (samples, got, theta_bar) in enumerate(at_once):
        assert got == bits(x[samples] for x in alone(make, *jobs[i % 4]))
        assert np.array_equal(theta_bar, job(i)[2])


THREADS_FROM_THE_START = """
import threading
import numpy as np
import tapeless
field = tapeless.fields.MLP(3, [8])
theta, y0 = field.init(rng=0), np.random.default_rng(0).standard_normal((70, 3))
barrier, results = threading.Barrier(4), [None] * 4

def work(i):
    barrier.wait()
    sol = tapeless.solve_ode(field, (0, 1), y0, theta, threads=2)
    results[i] = [sol.ys.tobytes(), *(x.tobytes() for x in sol.vjp(sol.ys))]

threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert results[0] is not None and results.count(results[0]) == 4
"""


def test_four_python_threads_make_the_kernels_ready_at_once(run_python):
    run_python(THREADS_FROM_THE_START)


# A child is forked while other threads solve, so that it inherits locks and pools in any state.
FORK = """
import os, signal, threading, warnings
import numpy as np
import tapeless
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: that is the point
field = tapeless.fields.MLP(3, [8])
theta, y0 = field.init(rng=0), np.random.default_rng(0).standard_normal((200, 3))

def solve():
    sol = tapeless.solve_ode(field, (0, 1), y0, theta, threads=2)
    return [sol.ys.tobytes(), *(x.tobytes() for x in sol.vjp(sol.ys))]

expected, done = solve(), threading.Event()
before = tapeless.solve_ode(field, (0, 1), y0, theta, threads=2)

def keep_solving():
    while not done.is_set():
        assert solve() == expected

others = [threading.Thread(target=keep_solving) for _ in range(2)]
[thread.start() for thread in others]
for _ in range(20):
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a child that hangs is killed
        same = solve() == expected and before.vjp(before.ys)[1].tobytes() == expected[2]
        os._exit(0 if same and solve() == expected else 1)
    assert solve() == expected
    _, status = os.waitpid(child, 0)
    assert status == 0, status
done.set()
[thread.join() for thread in others]
assert solve() == expected
"""


def test_forked_child_solves_while_other_threads_did(run_python):
    run_python(FORK)


LOCKED = """
import gc, os, signal, threading, warnings
import numpy as np
import tapeless
from tapeless_kernels.launch.pool import POOL
warnings.simplefilter("ignore", DeprecationWarning)
signal.alarm(20)
field = tapeless.fields.MLP(3, [8])
theta, y0 = field.init(rng=0), np.ones((3, 3))
cycle = [tapeless.solve_ode(field, (0, 1), y0, theta)]
cycle.append(cycle)
del cycle
with POOL._lock:
    gc.collect()  # a solution that dies while its own thread is at the pool
locked, over = threading.Event(), threading.Event()

def hold():
    with POOL._lock:
        locked.set()
        over.wait()

thread = threading.Thread(target=hold)
thread.start()
locked.wait()
child = os.fork()
if child == 0:
    signal.alarm(10)
    tapeless.solve_ode(field, (0, 1), y0, theta).vjp(y0)
    os._exit(0)
_, status = os.waitpid(child, 0)
over.set()
thread.join()
assert status == 0, status
"""


def test_no_lock_of_the_pool_is_waited_for_in_vain(run_python):
    run_python(LOCKED)
