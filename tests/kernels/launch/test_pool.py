import gc

import numpy as np
import pytest

from tapeless import _solve, solve_ode
from tapeless.fields import MLP
from tapeless_kernels.launch import pool as pools

FIELD = MLP(3, [8])
THETA = FIELD.init(rng=0)


@pytest.fixture
def pool(monkeypatch):
    """An empty pool, in the place of the library's."""
    gc.collect()
    made = pools.Pool()
    monkeypatch.setattr(_solve, "POOL", made)
    return made


def solve(batch=3, **kwargs):
    return solve_ode(FIELD, (0, 1), np.ones((batch, 3)), THETA, **kwargs)


def chunks(solution):
    return solution._reverse._solve.chunks


def test_chunk_comes_back_when_the_solution_is_gone(pool):
    first = solve()
    (chunk,) = chunks(first)
    (other,) = chunks(solve())  # while the first is held
    assert other is not chunk
    del first
    assert {id(*chunks(a)) for a in (solve(), solve())} <= {id(chunk), id(other)}


def test_solve_that_keeps_nothing_gives_its_chunk_back_at_once(pool):
    solve(adjoint=None)
    pool._collect()
    (((plan, tiles), (chunk,)),) = pool._free.items()
    assert pool.take(plan, tiles) is chunk and not pool._loans and pool._bytes == 0


def test_pool_lends_and_keeps_no_more_than_its_bound(pool, monkeypatch):
    one = sum(chunk.n_bytes for chunk in chunks(solve(100)))
    monkeypatch.setattr(pools, "POOLED_BYTES", 3 * one)
    held = [solve(100) for _ in range(10)]
    assert pool._bytes <= 3 * one and len(pool._loans) <= 3
    expected = held[9].vjp(held[9].ys)
    del held
    for batch in (100, 50, 20, 3, 100):
        sol = solve(batch)
        assert pool._bytes <= 3 * one
    assert all(np.array_equal(a, b) for a, b in zip(sol.vjp(sol.ys), expected, strict=True))


def test_what_is_not_lent_is_freed(pool, monkeypatch):
    monkeypatch.setattr(pools, "POOLED_BYTES", 0)
    (chunk,) = chunks(solve())
    assert not pool._loans and not pool._free and not pool._dead
    assert chunks(solve())[0] is not chunk
