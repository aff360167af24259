"""The dense micro-kernel and its two transposes on the layers of whole networks, without activations."""

import functools
import itertools

import numpy as np
import problems as P
from adapters.limits import multiply_add

from tapeless_kernels._jit import kernel
from tapeless_kernels.fields.dense import FROM_BIAS
from tapeless_kernels.launch import cpu

from . import compile_kernels
from .timing import least_seconds

setup_cache = compile_kernels
timeout = 300

NETWORKS = {
    f"{dim}-{hidden}-{hidden}-{dim} batch {batch}": ((dim, hidden, hidden, dim), batch)
    for dim, hidden, batch, _ in P.MLP_SIZES.values()
} | {
    "784-100-784 batch 512": ((784, 100, 784), 512),
    "512-1024-512 batch 256": ((512, 1024, 512), 256),
}
N_CHAINS = (56, 96, 256)  # of the FMA peak: the best number depends on the registers


@kernel
def fields(jobs, i):
    """Return one job as a tuple, which is what Numba unpacks."""
    return jobs[i, 0], jobs[i, 1], jobs[i, 2], jobs[i, 3], jobs[i, 4]


@functools.cache
def loops(dtype, lanes):
    """Return loops over rounds and jobs, rows (at, x_at, out_at, n_in, n_out), of the three products."""
    family = cpu.family(dtype, lanes)
    names = ("dense", "dense_vjp_input", "dense_vjp_theta")
    dense, dense_vjp_input, dense_vjp_theta = (family(family.bind[name]) for name in names)

    @kernel
    def forward(n, jobs, theta, x, bar, theta_bar, panel):
        for _ in range(n):
            for i in range(jobs.shape[0]):
                at, x_at, out_at, n_in, n_out = fields(jobs, i)
                dense(theta, at, x, x_at, x, out_at, n_in, n_out, FROM_BIAS)

    @kernel
    def vjp_input(n, jobs, theta, x, bar, theta_bar, panel):
        for _ in range(n):
            for i in range(jobs.shape[0]):
                at, x_at, out_at, n_in, n_out = fields(jobs, i)
                dense_vjp_input(theta, at, x, out_at, bar, x_at, n_in, n_out, 1, panel)

    @kernel
    def vjp_theta(n, jobs, theta, x, bar, theta_bar, panel):
        for _ in range(n):
            for i in range(jobs.shape[0]):
                at, x_at, out_at, n_in, n_out = fields(jobs, i)
                dense_vjp_theta(x, x_at, x, out_at, theta_bar, at, n_in, n_out, FROM_BIAS, panel)

    return {"forward": forward, "vjp input": vjp_input, "vjp theta": vjp_theta}


def jobs_of(sizes, tiles, lanes):
    """Return every layer of every tile, tile after tile as a solve goes through them."""
    rows, row = [], 0
    for _ in range(tiles):
        at = 0
        for n_in, n_out in itertools.pairwise(sizes):
            rows.append((at, row * lanes, (row + n_in) * lanes, n_in, n_out))
            at, row = at + (n_in + 1) * n_out, row + n_in
        row += sizes[-1]
    return np.array(rows)


@functools.cache
def peak(dtype):
    """Return the multiply-adds that this core does at most, in flop/s, without memory traffic."""
    rates = []
    for n_chains in N_CHAINS:
        run, finish = multiply_add(n_chains, "fma peak", dtype)
        seconds = least_seconds(lambda n, run=run: [run() for _ in range(n)])
        rates.append(finish(None)["extra"]["work"] / seconds)
    return max(rates)


class Dense:
    """The layers of a network, once for all tiles of a batch."""

    params = (list(NETWORKS), ["float32", "float64"], ["forward", "vjp input", "vjp theta"])
    param_names = ("layers", "dtype", "product")

    def setup(self, layers, dtype, product):
        sizes, batch = NETWORKS[layers]
        real = np.dtype(dtype)
        lanes = 1 if batch == 1 else cpu.WIDTHS[real]
        tiles, pairs = batch // lanes, list(itertools.pairwise(sizes))
        n_params, n_states = sum((a + 1) * b for a, b in pairs), batch * sum(sizes)
        n_panel = cpu.family(real, lanes).bind["PANEL_SIZE"]
        rng = np.random.default_rng(0)
        self.arguments = (
            jobs_of(sizes, tiles, lanes),
            *(rng.standard_normal(n).astype(real) for n in (n_params, n_states, n_states)),
            *(np.zeros(n, real) for n in (n_params, n_panel)),
        )
        self.loop = loops(real, lanes)[product]
        self.flops = 2 * batch * sum(a * b for a, b in pairs)
        self.loop(1, *self.arguments)

    def rate(self):
        """Return the flop/s of the product."""
        return self.flops / least_seconds(lambda n: self.loop(n, *self.arguments))

    def track_rate(self, layers, dtype, product):
        return 1e-9 * self.rate()

    def track_share_of_peak(self, layers, dtype, product):
        return self.rate() / peak(dtype)

    track_rate.unit = "GFLOP/s"
    track_share_of_peak.unit = "of the core's multiply-add peak"
