"""Arguments of the transforms, their documentation, and the choice of an engine."""

import contextvars
import inspect
import pickle
import threading

import numpy as np
import pytest
import scipy.fft
from numpydoc.validate import validate

from fft_cases import functions
from tapeless import _fft_engine, _fft_libraries, fft
from tapeless._fft_table import FOURIER, REAL

names = pytest.mark.parametrize("row", (*fft.TRANSFORMS, *fft.TRUNCATED), ids=lambda row: row.name)


@pytest.mark.parametrize("row", FOURIER, ids=lambda row: row.name)
def test_signature_begins_as_numpys(row):
    transform, _ = functions(row)
    ours, theirs = (inspect.signature(f) for f in (transform, getattr(np.fft, row.name)))
    pairs = [[(p.name, p.default) for p in s.parameters.values()] for s in (ours, theirs)]
    assert pairs[0] == pairs[1]


@pytest.mark.parametrize("row", REAL, ids=lambda row: row.name)
def test_signature_has_scipys_names(row):
    transform, _ = functions(row)
    theirs = inspect.signature(getattr(scipy.fft, row.name)).parameters
    for name, parameter in inspect.signature(transform).parameters.items():
        assert theirs[name].default == parameter.default


X = np.arange(6.0)
BAD = (
    ("fft", (X, 0), {}, ValueError, "`n` must be at least 1"),
    ("fft", (X, -1), {}, ValueError, "`n` must be at least 1"),
    ("fft", (X, 3.5), {}, TypeError, "`n` must be an integer"),
    ("fft", (X[:0],), {}, ValueError, "`n` must be at least 1"),
    ("fft", (X, None, 1), {}, IndexError, "`axis` must be an axis of the array, from -1 to 0"),
    ("fft", (X, 4, -2), {}, ValueError, "`axis` must be an axis"),
    ("fft", (X, None, 0.0), {}, TypeError, "`axis` must be an integer"),
    ("fft", (3.0,), {}, IndexError, "`axis` must be left out"),
    ("fft", (X, None, -1, "unitary"), {}, ValueError, "`norm` must be 'backward'"),
    ("fft", (X, None, -1, []), {}, ValueError, "`norm` must be 'backward'"),
    ("fft", (np.array([1, 2], object),), {}, TypeError, "`a` must be an array of real or complex"),
    ("fft", (["a", "b"],), {}, TypeError, "`a` must be an array of real or complex"),
    ("fft", (np.zeros(2, "M8[s]"),), {}, TypeError, "`a` must be an array of real or complex"),
    ("fft", (None,), {}, TypeError, "`a` must be an array"),
    ("fft", ([[1, 2], [3]],), {}, TypeError, "`a` must be an array"),
    ("rfft", (X + 0j,), {}, TypeError, "`a` must be real"),
    ("irfft", (X[:1],), {}, ValueError, "`n` must be at least 1"),
    ("fftn", (X, (2, 3), (0,)), {}, ValueError, "`s` must be one length for each axis"),
    ("fftn", (X, (2, 3)), {}, ValueError, "`s` must be one length for each axis"),
    ("fftn", (X, "ab"), {}, TypeError, "`s` must be an integer"),
    ("fftn", (X, (0,)), {}, ValueError, "`s` must be at least 1"),
    ("fftn", (X, None, (1,)), {}, IndexError, "`axes` must be an axis"),
    ("fft2", (X,), {}, IndexError, "`axes` must be an axis"),
    ("rfftn", (X, None, ()), {}, IndexError, "`axes` must be at least one"),
    ("irfftn", (3.0,), {}, IndexError, "`axes` must be at least one"),
    ("irfft_vjp", (X + 0j,), {}, TypeError, "`y_bar` must be real"),
    ("rfft_vjp", (X, 9), {}, ValueError, "`n` must be 10 or 11 for 6 coefficients"),
    ("rfft_vjp", (X,), {"n_x": 9}, ValueError, "`n_x` must be 10 or 11 for 6 coefficients"),
    ("rfft_vjp", (X,), {"n_x": 0}, ValueError, "`n_x` must be at least 1"),
    ("rfft_vjp", (X[:0],), {}, ValueError, "`y_bar` must be at least 1"),
    ("fft_vjp", (X, 7), {}, ValueError, "`n` must be 6, as the cotangent has; got 7"),
    ("rfftn_vjp", (X, 9), {}, ValueError, "`s` must be 10 or 11"),
    ("rfftn_vjp", (X,), {"s_x": (1, 2)}, ValueError, "`s_x` must be one length for each"),
    ("dct", (X, 5), {}, ValueError, "`type` must be 1, 2, 3 or 4"),
    ("dct", (X, "2"), {}, ValueError, "`type` must be 1, 2, 3 or 4"),
    ("dct", (X[:1], 1), {}, ValueError, "`n` must be at least 2 points"),
    ("idctn_vjp", (X[:1], 1), {}, ValueError, "`s` must be at least 2 points"),
    ("dst", (X,), {"orthogonalize": 1}, TypeError, "`orthogonalize` must be True"),
    ("fftfreq", (0,), {}, ValueError, "`n` must be a positive"),
    ("fftfreq", (2.5,), {}, ValueError, "`n` must be a positive"),
    ("rfftfreq", (3, 0), {}, ValueError, "`d` must be a number"),
    ("rfftfreq", (3,), {"device": "cuda"}, ValueError, "`device` must be one of"),
    ("fftshift", (X, 1), {}, IndexError, "`axes` must be an axis"),
    ("fftshift", (X, 0.5), {}, TypeError, "`axes` must be an integer"),
    ("set_engine", ("fftw",), {}, ValueError, "`name` must be one of"),
    ("set_engine", (None, 0), {}, ValueError, "`workers` must be a positive"),
)  # fmt: skip

# Those that NumPy knows too, but for frequencies, where it divides by zero.
NUMPYS = [
    row for row in BAD if "fft" in row[0] and hasattr(np.fft, row[0]) and "freq" not in row[0]
]
NUMPYS = [row for row in NUMPYS if isinstance(row[1][0], np.ndarray)]


@pytest.mark.parametrize(("name", "given", "options", "kind", "message"), BAD, ids=str)
def test_bad_arguments(name, given, options, kind, message):
    with pytest.raises(kind, match=f"^{name}: {message}"):
        getattr(fft, name)(*given, **options)


@pytest.mark.filterwarnings("ignore:`axes` should not be:DeprecationWarning")
@pytest.mark.parametrize(("name", "given", "options", "kind", "message"), NUMPYS, ids=str)
def test_numpy_raises_such_an_error_too(name, given, options, kind, message):
    with pytest.raises(kind):
        getattr(np.fft, name)(*given, **options)


def test_frequencies_and_shifts():
    for n in (1, 2, 3, 7, 8):
        assert np.array_equal(fft.fftfreq(n, 0.3), np.fft.fftfreq(n, 0.3))
        assert np.array_equal(fft.rfftfreq(n, 0.3), np.fft.rfftfreq(n, 0.3))
        x = np.arange(3 * n).reshape(3, n)
        for axes in (None, 0, -1, (0, 1), [1]):
            shifted, back = fft.fftshift(x, axes), fft.ifftshift(x, axes)
            assert np.array_equal(shifted, np.fft.fftshift(x, axes))
            assert np.array_equal(back, np.fft.ifftshift(x, axes))
            assert np.array_equal(fft.fftshift_vjp(shifted, axes), x)
            assert np.array_equal(fft.ifftshift_vjp(back, axes), x)


def test_engine_of_a_block_holds_in_its_thread_alone():
    def current():
        return _fft_engine.current().engine.name, _fft_engine.current().workers

    default = contextvars.Context().run(current)
    seen = []
    with fft.engine("scipy", workers=2):
        inside = current()
        with fft.engine("scipy"):
            assert current() == ("scipy", 1)
        assert current() == inside and inside[0] == "scipy"
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
    assert seen == [default] and current() == default
    with pytest.raises(RuntimeError, match="inside"), fft.engine("scipy", workers=2):
        raise RuntimeError("inside")
    assert current() == default


def test_engine_for_all_threads(monkeypatch):
    monkeypatch.setattr(_fft_engine, "_everywhere", None)
    name = lambda: contextvars.Context().run(_fft_engine.current).engine.name  # noqa: E731
    assert name() == fft.engines()[0]
    fft.set_engine("scipy")
    with fft.engine(fft.engines()[0]):
        assert name() == "scipy" and _fft_engine.current().engine.name == fft.engines()[0]


@pytest.mark.parametrize("engine", fft.engines())
def test_threads_and_workers_give_the_same(engine):
    x = np.random.default_rng(0).standard_normal((64, 128, 64))
    with fft.engine(engine):
        wanted = fft.rfftn(x)
    with fft.engine(engine, workers=2):
        assert np.array_equal(fft.rfftn(x), wanted)
    found = [None] * 4

    def work(i):
        with fft.engine(engine):
            found[i] = fft.rfftn(x)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(found))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(y, wanted) for y in found)


def test_public_functions_serve_where_scipys_own_have_moved(monkeypatch):
    def absent(name):
        raise ImportError(name)

    own = _fft_libraries._scipy()
    monkeypatch.setattr(_fft_libraries.importlib, "import_module", absent)
    public = _fft_libraries._scipy()
    x = np.ones((2, 3))
    for name, given in (("r2c", (True, 1)), ("c2c", (False, 2))):
        ours, theirs = (getattr(f, name)(x, (0, 1), *given, None, 1) for f in (own, public))
        assert own != public and np.allclose(ours, theirs)


IMPORTS = """
import sys
import tapeless
assert "scipy.fft" not in sys.modules and "ducc0" not in sys.modules
tapeless.fft.rfft([1.0, 2.0])
"""


def test_libraries_are_imported_on_use(run_python):
    run_python(IMPORTS)


# What a docstring need not have, and what concerns the source it stands in.
UNASKED = {"ES01", "SA01", "EX01", "GL01", "GL02", "GL03", "RT02", "SS05"}


@names
def test_docstrings_are_in_order(row):
    for function in functions(row):
        found = validate(f"{function.__module__}.{function.__name__}")["errors"]
        assert [error for error in found if error[0] not in UNASKED] == []
        assert max(len(line) for line in function.__doc__.splitlines()) <= 120


@names
def test_functions_are_known_by_their_names(row):
    for function in functions(row):
        assert pickle.loads(pickle.dumps(function)) is function
        assert function.__name__ in fft.__all__
