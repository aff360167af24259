"""Arrays of other libraries share their memory with ours and stay alive, and results are of the same library."""

import copy
import gc
import pickle
import subprocess
import sys
import types
import weakref

import numpy as np
import pytest

import tapeless
from array_exporters import CUDA, Exporter
from array_samples.problem import FIELD, THETA, Y0, solve
from tapeless import SolverError, fft, losses, solve_ode
from tapeless._interchange import ON_DEVICE
from tapeless._interchange.calls import converting
from tapeless._recycled import LEAST
from tapeless._recycled import empty as recycled


def seen_by(function):
    """Return a converting function that notes where its array argument lies, and the notes."""
    notes = []

    def note(x):
        notes.append(x.ctypes.data)
        return function(x)

    return converting("note", note), notes


@pytest.mark.parametrize(
    "knows", [("max_version", "copy", "dl_device"), ("copy",), ("dl_device",), ()]
)
def test_what_an_exporter_knows_of_the_protocol_does_not_matter(knows):
    x = np.arange(3.0)
    same, notes = seen_by(lambda x: x * 2)
    assert same(Exporter(x, knows=knows)).tolist() == [0, 2, 4] and notes == [x.ctypes.data]


def test_torch_shares_its_memory_both_ways(torch):
    x = torch.arange(6.0).reshape(2, 3).T
    out = np.empty(3)
    back, notes = seen_by(lambda x: (x, out))
    itself, given = back(x)
    assert notes == [x.data_ptr()] and itself is x and given.data_ptr() == out.ctypes.data


def test_jax_shares_its_memory_both_ways_where_it_is_aligned(jax):
    room = np.empty(64 + 16)
    start = -room.ctypes.data % 64 // 8
    aligned, odd = room[start : start + 4], room[start + 1 : start + 5]
    x = jax.numpy.arange(4.0)
    back, notes = seen_by(lambda x: (x, aligned, odd))
    itself, shared, copied = back(x)
    assert itself is x and notes == [x.unsafe_buffer_pointer()]
    assert shared.unsafe_buffer_pointer() == aligned.ctypes.data
    assert copied.unsafe_buffer_pointer() != odd.ctypes.data


def test_results_are_the_solves_own_memory(torch):
    sol = solve(torch.tensor(Y0))
    assert sol.ys.data_ptr() == sol._itself.ys.ctypes.data and sol.ys is sol.ys
    assert sol.stats.nfe is sol.stats.nfe
    x = torch.tensor(Y0 + 1j)
    out = torch.empty_like(x)
    assert fft.fft(x, out=out) is out and np.array_equal(np.asarray(out), np.fft.fft(Y0 + 1j))


def test_what_cannot_be_shared_is_copied(torch):
    """Of negative strides torch ends the process; of read-only memory it makes what may be written to."""
    constant = np.arange(3.0)
    constant.flags.writeable = False
    reverse, big = np.arange(3.0)[::-1], np.arange(3, dtype=">f8")
    found = converting("copy", lambda x: (constant, reverse, big, np.broadcast_to(x, (2, 3))))
    results = found(torch.arange(3.0, dtype=torch.float64))
    assert [x.tolist() for x in results] == [[0, 1, 2], [2, 1, 0], [0, 1, 2], [[0, 1, 2]] * 2]
    results[0][0] = 7
    assert constant[0] == 0


@pytest.mark.parametrize(
    "shaped",
    [lambda x: x[:, ::2], lambda x: x.T, lambda x: x[:0], lambda x: x[:1, :1], lambda x: x[1, 1], lambda x: x[1:]],
)  # fmt: skip
def test_tensors_of_any_layout(torch, shaped):
    x = torch.arange(12.0, dtype=torch.float64).reshape(3, 4)
    double, notes = seen_by(lambda x: x * 2)
    found = double(shaped(x))
    assert torch.equal(found, 2 * shaped(x)) and found.dtype == x.dtype
    assert notes == [shaped(x).data_ptr()] or not shaped(x).numel()


@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "complex64", "bool", "uint8"])
def test_dtypes_are_kept(torch, kind):
    x = torch.ones(3, dtype=getattr(torch, kind))
    same = converting("same", lambda x: x.copy())
    assert same(x).dtype == x.dtype


def test_memory_lives_as_long_as_what_refers_to_it(torch):
    x = np.arange(4.0)
    gone = weakref.ref(x)
    half = converting("half", lambda x: x[::2])(Exporter(x))
    del x
    gc.collect()
    assert gone() is not None and half.tolist() == [0, 2]
    del half
    gc.collect()
    assert gone() is None
    objective = tapeless.Objective(FIELD, (0.0, Exporter(np.array(1.0))), losses.mse)
    gc.collect()
    assert (
        objective(THETA, Y0, Y0).loss
        == tapeless.Objective(FIELD, (0.0, 1.0), losses.mse)(THETA, Y0, Y0).loss
    )


def test_an_exported_block_is_not_used_again(torch):
    n = LEAST // 8
    give = converting("give", lambda x: recycled((n,), np.dtype(np.float64)))
    held = give(torch.zeros(1))
    held[:] = 1
    other = give(torch.zeros(1))
    other[:] = 2
    assert held.data_ptr() != other.data_ptr() and held.eq(1).all()
    first = held.data_ptr()
    del held
    gc.collect()
    assert give(torch.zeros(1)).data_ptr() == first


def test_a_result_is_of_its_class_and_can_be_copied(torch):
    sol = solve(torch.tensor(Y0), t_eval=[0.5, 1.0])
    assert isinstance(sol, tapeless.Solution) and type(sol).__name__ == "Solution"
    assert repr(sol) == f"<{solve(t_eval=[0.5, 1.0])!r}, in arrays of torch>"
    assert "ys" in dir(sol) and sol.nbytes_adjoint > 0
    dense = tapeless.solve_ivp(lambda t, y: -y, (0, 1), torch.tensor(Y0[0]), dense_output=True).sol
    for again in (pickle.loads(pickle.dumps(dense)), copy.deepcopy(dense)):
        assert isinstance(again, tapeless.OdeSolution) and torch.equal(again(0.5), dense(0.5))


def test_an_error_has_its_result_in_the_callers_arrays(torch):
    with pytest.raises(SolverError) as caught:
        solve(torch.tensor([[1.0, 1.0], [float("nan"), 1.0]]))
    assert caught.value.solution.stats.status.tolist()[0] == 1
    assert isinstance(caught.value.solution.ys, torch.Tensor)


def test_stats_that_a_gradient_changes_are_read_anew(torch):
    sol = solve(torch.tensor(Y0), method="alf", adjoint="reversible")
    assert sol.stats.reconstruction.isnan().all()
    sol.vjp(sol.ys)
    assert not sol.stats.reconstruction.isnan().any()


def test_numpy_numbers_and_lists_mix_with_one_library(torch, jax):
    assert isinstance(solve(torch.tensor(Y0), THETA).ys, torch.Tensor)
    assert isinstance(solve(Y0, THETA.tolist(), rtol=torch.tensor(1e-3)).ys, torch.Tensor)
    assert isinstance(solve(Exporter(Y0), torch.tensor(THETA)).ys, torch.Tensor)
    assert isinstance(solve().vjp(jax.numpy.array(Y0))[0], jax.Array)
    with pytest.raises(
        TypeError, match=r"solve_ode: `theta` must be of torch, as `y0` is, .* array of jax"
    ):
        solve(torch.tensor(Y0), jax.numpy.array(THETA))
    with pytest.raises(TypeError, match=r"Solution.vjp: `ys_bar` must be of torch, as `self` is"):
        solve(torch.tensor(Y0)).vjp(jax.numpy.array(Y0))


def test_the_device_is_that_of_the_arguments():
    strict = pytest.importorskip("array_api_strict")
    one, two = (strict.Device(f"device{i}") for i in (1, 2))
    y0 = strict.asarray(Y0, device=one)
    assert solve(y0, THETA).ys.device == one
    with pytest.raises(
        BufferError, match=r"`theta` must be on the device of `y0`, .*device1.*; got .*device2"
    ):
        solve(y0, strict.asarray(THETA, device=two))


def test_arrays_on_a_device_are_handed_to_a_twin(monkeypatch):
    module = types.ModuleType("twin")
    module.solve = lambda *args, n_steps=0: (args, n_steps)
    monkeypatch.setitem(sys.modules, "twin", module)
    monkeypatch.setitem(ON_DEVICE, "solve_ode", "twin:solve")
    y0 = Exporter(Y0, CUDA)
    args, n_steps = solve(y0, n_steps=3, measure=False)
    assert args[0] is FIELD and args[2] is y0 and args[3] is THETA and n_steps == 3
    with pytest.raises(TypeError, match="`workers` must be left out for arrays on a device"):
        solve(y0, workers=2)
    with pytest.raises(BufferError, match=r"`theta` must be on the device of `y0`, \(2, 0\)"):
        solve(y0, Exporter(THETA))


def test_callbacks_return_arrays_of_any_library(torch):
    found = tapeless.solve_ivp(lambda t, y: -torch.from_numpy(y), (0.0, 1.0), [1.0, 2.0])
    expected = tapeless.solve_ivp(lambda t, y: -y, (0.0, 1.0), [1.0, 2.0])
    assert np.array_equal(found.y, expected.y)


def test_a_pullback_frees_what_it_kept(torch):
    conv = tapeless.operators.SpectralConv(1, 1, 3)
    x, theta = torch.ones(1, 1, 8, dtype=torch.float64), torch.tensor(conv.init(rng=0))
    _, pullback = conv.pullback(x, theta)
    assert all(isinstance(bar, torch.Tensor) for y_bar in (x, x.numpy()) for bar in pullback(y_bar))
    kept = weakref.ref(pullback)
    del pullback
    gc.collect()
    assert kept() is None
    inner = conv.pullback(np.ones((1, 1, 8)), theta.numpy())[1]
    inner(x)
    kept = weakref.ref(inner.__wrapped__)
    del inner
    gc.collect()
    assert kept() is None


def test_no_library_is_imported_by_ours():
    imported = "sys.exit(bool({'torch', 'jax', 'cupy'} & {*sys.modules}))"
    code = f"import sys, tapeless; tapeless.losses.mse([1.0], [2.0]); {imported}"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_signatures_and_names_are_those_of_the_function():
    import inspect

    assert list(inspect.signature(solve_ode).parameters)[:4] == ["field", "t_span", "y0", "theta"]
    assert solve_ode.__name__ == "solve_ode" and "Integrate dy/dt" in solve_ode.__doc__
    assert solve_ode.__module__ == "tapeless._ode"
