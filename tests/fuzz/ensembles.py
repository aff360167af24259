"""Random ensembles of user fields, some with singularities: no hang, no crash, no leak, and nobody disturbs another.

``python tests/fuzz/ensembles.py 100000 --seed 0 --seconds 1800`` prints the seeds of failures, which
become cases of tests/frontend/test_ensemble.py.
"""

import argparse
import pathlib
import sys
import time

import numpy as np

import tapeless
from tapeless_kernels.status import CAUSE, INTERRUPTED, RUNNING, SUCCESS


@tapeless.field(dim=1, n_params=1)
def blow_up(t, y, theta, dy):
    dy[0] = theta[0] * y[0] * y[0]


@tapeless.field(dim=2, n_params=2)
def pole(t, y, theta, dy):
    dy[0] = theta[0] / (y[1] - 0.5)
    dy[1] = theta[1] - y[0]


@tapeless.field(dim=2, n_params=1)
def roots_and_logs(t, y, theta, dy):
    dy[0] = np.sqrt(y[1]) - np.log(y[0])
    dy[1] = theta[0] * np.cos(t) - y[1]


@tapeless.field(dim=3, n_params=3)
def lorenz(t, y, theta, dy):
    dy[0] = theta[0] * (y[1] - y[0])
    dy[1] = y[0] * (theta[1] - y[2]) - y[1]
    dy[2] = y[0] * y[1] - theta[2] * y[2]


@tapeless.field(dim=1, n_params=1)
def raises(t, y, theta, dy):
    if y[0] > theta[0]:
        raise ValueError("above")
    dy[0] = 1.0


@tapeless.field(dim=5, n_params=1)
def stiff(t, y, theta, dy):
    for i in range(5):
        dy[i] = -(10.0**i) * theta[0] * y[i]


FIELDS = (blow_up, pole, roots_and_logs, lorenz, raises, stiff)
SCALES = (1e-3, 1.0, 1.0, 1.0, 30.0, 1e6, 1e200)


def case(seed):
    """Return the field and the arguments of the ensemble of a seed."""
    rng = np.random.default_rng(seed)
    field = FIELDS[rng.integers(len(FIELDS))]
    batch = int(rng.choice([1, 3, 16, 17, 33, 65, 200, 600]))
    dtype = rng.choice([np.float32, np.float64])
    with np.errstate(over="ignore"):  # infinite states are among those to try
        y0 = (rng.standard_normal((batch, field.dim)) * rng.choice(SCALES)).astype(dtype)
    own = rng.random() < 0.5
    theta = rng.standard_normal((batch, field.n_params) if own else field.n_params)
    t0 = rng.choice([0.0, -3.0, 1e6])
    span = rng.choice([0.0, 1e-12, 0.1, 1.0, 10.0]) * rng.choice([-1, 1])
    t1 = t0 + span * (10 ** rng.uniform(-1, 0, batch) if rng.random() < 0.5 else 1.0)
    options = {
        "method": str(rng.choice(["dopri5", "tsit5", "bosh3", "dop853", "rk4"])),
        "rtol": 10.0 ** rng.uniform(-10, -1),
        "atol": 10 ** rng.uniform(-10, -1, batch) if rng.random() < 0.3 else 1e-6,
        "max_steps": int(rng.choice([1, 7, 60])),
        "threads": int(rng.choice([1, 2])),
    }
    if options["method"] == "rk4":
        options["n_steps"] = int(rng.choice([1, 5]))
    if rng.random() < 0.4:
        ends = np.broadcast_to(t1, batch)
        options["t_eval"] = t0 + np.linspace(0, 1, 4) * (ends - t0)[:, None]
        options["interpolate"] = bool(rng.random() < 0.5)
    return field, (t0, t1), y0, theta, options


def assert_sound(seed):
    """Solve the ensemble of a seed; raise AssertionError for what may not be."""
    field, (t0, t1), y0, theta, options = case(seed)
    sol = tapeless.solve_ode(field, (t0, t1), y0, theta, throw=False, **options)
    status, batch = sol.stats.status, len(y0)
    assert set(status.tolist()) <= set(CAUSE) - {RUNNING, INTERRUPTED}
    arrived = status == SUCCESS
    assert sol.success == arrived.all()
    finite = np.isfinite(y0).all(1)
    assert np.isfinite(sol.ys[arrived & finite]).all() and np.isfinite(sol.y[finite]).all()
    assert (sol.stats.t == t1)[arrived].all() if np.ndim(t1) else (sol.stats.t[arrived] == t1).all()
    i = seed % batch  # a trajectory is the same alone
    mine = {k: v[i : i + 1] if isinstance(v, np.ndarray) else v for k, v in options.items()}
    own = theta[i : i + 1] if theta.ndim == 2 else theta
    span = (t0, t1[i : i + 1] if np.ndim(t1) else t1)
    alone = tapeless.solve_ode(field, span, y0[i : i + 1], own, throw=False, **mine)
    assert alone.stats.status[0] == status[i]
    assert alone.ys.tobytes() == sol.ys[i : i + 1].tobytes()
    assert alone.stats.nfe[0] == sol.stats.nfe[i]


def resident():
    """Return the bytes this process occupies."""
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * 4096


def main():
    """Run so many ensembles, or for so long; return 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1800)
    arguments = parser.parse_args()
    end, failed, slowest, before, done = time.monotonic() + arguments.seconds, [], 0.0, None, 0
    for seed in range(arguments.seed, arguments.seed + arguments.n):
        begun = time.monotonic()
        if begun > end:
            break
        try:
            assert_sound(seed)
        except Exception as error:
            failed.append(seed)
            print(seed, type(error).__name__, error, flush=True)
        done += 1
        slowest = max(slowest, time.monotonic() - begun if done > 100 else 0)
        before = resident() if done == min(2000, arguments.n) else before
    grown = (resident() - before) / 1e6 if before else 0
    print(f"{done} ensembles, {len(failed)} failed, slowest {slowest:.2f} s, {grown:+.0f} MB")
    return 1 if failed or grown > 100 else 0


if __name__ == "__main__":
    sys.exit(main())
