"""Functions as fields are known by their content: closures, what they name, and what is kept on the disk."""

import shutil
from operator import setitem
from types import ModuleType

import numpy as np

import tapeless
from tapeless.fields import Field
from tapeless_kernels import _cache
from tapeless_kernels.launch.content import digest


def helper(x):
    return x * x


def test_closures_defaults_and_lambdas():
    def with_rate(rate):
        def fun(t, y, theta, dy):
            dy[0] = rate * y[0]

        return Field(fun, 1)

    for rate in (-1.0, 2.0):
        sol = tapeless.solve_ode(with_rate(rate), (0, 1), [1.0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(sol.ys, np.exp(rate), rtol=1e-7)
    by_lambda = tapeless.field(dim=1)(lambda t, y, theta, dy: setitem(dy, 0, -y[0]))
    np.testing.assert_allclose(
        tapeless.solve_ode(by_lambda, (0, 1), [1.0]).ys, np.exp(-1), rtol=1e-3
    )


def test_functions_within_closures():
    def square(x):
        return x * x

    from math import sin

    def fun(t, y, theta, dy):
        dy[0] = square(sin(y[0]))

    def of_arrays(t, y, theta, dy):
        np.sin(y, dy)
        dy[0] = square(dy[0])

    for function in (fun, of_arrays):
        sol = tapeless.solve_ode(Field(function, 1), (0, 1), [0.5], method="euler", n_steps=1)
        np.testing.assert_allclose(sol.ys, 0.5 + np.sin(0.5) ** 2, rtol=1e-15)


def test_what_another_module_holds_is_not_kept():
    """It may change without a change of the function, whose compiled form would stay."""
    constants = ModuleType("constants")
    constants.RATE = 2.0

    def fun(t, y, theta, dy):
        dy[0] = constants.RATE * y[0]

    assert digest(fun) is None
    sol = tapeless.solve_ode(Field(fun, 1), (0, 1), [1.0], method="euler", n_steps=1)
    assert sol.ys[0] == 3.0


def test_the_key_is_the_content_and_nothing_else():
    def make(factor, offset=0.0, deep=helper):
        def fun(t, y, theta, dy, offset=offset):
            dy[0] = factor * deep(y[0])

        return fun

    key = digest(make(1.0))
    assert key == digest(make(1.0)) and len(key) == 24
    different = [
        make(2.0),
        make(1),
        make(1.0, 0.5),
        make(1.0, deep=lambda x: x + 1),
        make(1.0, deep=abs),
    ]
    assert len({key, *map(digest, different)}) == 6
    assert digest(make(1.0), "float32") != digest(make(1.0), "float64") != key
    assert digest(make(np.arange(3.0))) != digest(make(np.arange(4.0)))
    assert digest(make(object())) is None  # what that is cannot be told: not kept


def test_the_same_function_compiles_once_and_comes_from_the_disk(run_python, tmp_path):
    key = _cache.content_key()  # of the package's own kernels, which need not be compiled again
    kept = shutil.ignore_patterns("field_*")
    shutil.copytree(_cache.cache_folder() / key, tmp_path / key, ignore=kept)
    script = """
import numpy as np, tapeless
from operator import setitem
from tapeless_kernels._cache import COMPILATIONS
field = tapeless.field(dim=1, n_params=1)(lambda t, y, theta, dy: setitem(dy, 0, theta[0] * y[0]))
print(tapeless.solve_ode(field, (0, 1), np.ones((1, 1)), [0.25]).ys[0, 0])
print([c.loaded for c in COMPILATIONS if c.kernel.startswith("user_tile")])
"""
    first, second = (run_python(script, TAPELESS_CACHE_DIR=str(tmp_path)) for _ in range(2))
    assert first.splitlines()[0] == second.splitlines()[0]
    assert first.splitlines()[1] == "[False]" and second.splitlines()[1] == "[True]"
    before = len(_cache.COMPILATIONS)
    for _ in range(2):
        same = Field(lambda t, y, theta, dy: setitem(dy, 0, 3.5 * y[0]), 1)
        tapeless.solve_ode(same, (0, 1), np.ones((1, 1)))
    assert len(_cache.COMPILATIONS) <= before + 2
