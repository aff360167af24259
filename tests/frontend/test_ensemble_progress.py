"""What an ensemble tells of its progress, and to whom."""

import sys

import pytest

from ensemble_problem import N, ensemble, hunt, solve


@pytest.mark.parametrize("n", [5, 100, N])
def test_progress_is_told_to_a_function(n):
    told = []
    solve(hunt, slice(None), ensemble(n), progress=lambda *x: told.append(x), threads=2)
    assert told[-1] == (n, n) and [done for done, _ in told] == sorted({done for done, _ in told})


def test_progress_is_drawn_by_tqdm(capsys):
    solve(hunt, slice(None), ensemble(100), progress=True)
    assert "100/100" in capsys.readouterr().err


def test_progress_without_tqdm_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"tapeless\[progress\]"):
        solve(hunt, slice(None), ensemble(3), progress=True)


def test_function_that_raises_in_progress_ends_the_solve():
    def tell(done, total):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        solve(hunt, slice(None), ensemble(), progress=tell)
    assert solve(hunt, slice(None), ensemble()).success


def test_progress_that_is_neither():
    with pytest.raises(TypeError, match="solve_ode: `progress` must be True, False or a function"):
        solve(hunt, slice(None), ensemble(3), progress="yes")
