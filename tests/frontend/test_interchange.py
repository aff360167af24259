"""Arrays of other libraries share their memory with ours, stay alive, and get a sentence where they cannot be taken."""

import copy
import ctypes
import gc
import pickle
import subprocess
import sys
import types
import warnings
import weakref

import numpy as np
import pytest

import tapeless
from tapeless import SolverError, fft, fields, losses, solve_ode, spectral
from tapeless._interchange import ON_DEVICE
from tapeless._interchange.calls import converting
from tapeless._recycled import LEAST
from tapeless._recycled import empty as recycled

FIELD = fields.MLP(2, [3])
THETA = FIELD.init(rng=0)
Y0 = np.random.default_rng(0).standard_normal((4, 2))
CPU, CUDA = (1, 0), (2, 0)
# Of DLManagedTensor: void *data, then the type of device.
DEVICE_TYPE = ctypes.sizeof(ctypes.c_void_p)


class Exporter:
    """A library's array: says where it is, and knows the arguments that are named."""

    def __init__(self, x, device=CPU, knows=("max_version", "copy", "dl_device"), error=None):
        self.x, self.device, self.knows, self.error = x, device, knows, error

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **how):
        if self.error is not None:
            raise self.error
        unknown = how.keys() - set(self.knows) - {"stream"}
        if unknown:
            raise TypeError(f"__dlpack__() got an unexpected keyword argument {unknown.pop()!r}")
        return self.x.__dlpack__(**how)


class Liar(Exporter):
    """Says that it is on the CPU, and exports memory of a CUDA device."""

    def __dlpack__(self, **how):
        capsule = self.x.__dlpack__()
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
        address = pointer(capsule, b"dltensor") + DEVICE_TYPE
        ctypes.c_int32.from_address(address).value = CUDA[0]
        return capsule


class OnGPU:
    """A Numba array: no DLPack."""

    __cuda_array_interface__ = {}  # noqa: RUF012


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def jax():
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        yield jax


def solve(y0=Y0, theta=THETA, **how):
    return solve_ode(FIELD, (0.0, 1.0), y0, theta, **how)


def address(x):
    return np.from_dlpack(x).ctypes.data


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


FAULTS = {
    "CUDA": (lambda: Exporter(Y0, CUDA), BufferError, "on a CUDA device, number 0"),
    "another device": (lambda: Exporter(Y0, (99, 1)), BufferError, "a device of DLPack's type 99, number 1"),
    "Numba's on a GPU": (OnGPU, BufferError, "on a CUDA device"),
    "a liar": (lambda: Liar(Y0.copy()), BufferError, "must be an array that offers its memory"),
    "no capsule": (lambda: Exporter(types.SimpleNamespace(__dlpack__=lambda **how: 5)), BufferError, "PyCapsule"),
    "freed": (lambda: Exporter(Y0, error=ValueError("It was freed.")), BufferError, "which does not: It was freed. "),
    "no memory": (lambda: Exporter(Y0, error=MemoryError()), BufferError, "which does not: MemoryError. "),
    "no device": (lambda: Exporter(Y0, device=None), BufferError, "which does not"),
    "bytes": (lambda: Exporter(Y0.astype("S3")), BufferError, "which does not"),
    "a Python array of text": (lambda: ["a"], TypeError, "float32 or float64"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_taken_gets_a_sentence(fault, monkeypatch):
    monkeypatch.delitem(ON_DEVICE, "solve_ode")
    make, kind, sentence = FAULTS[fault]
    with pytest.raises(kind) as caught:
        solve(make())
    assert str(caught.value).startswith("solve_ode: `y0` must be ") and sentence in str(
        caught.value
    )
    with pytest.raises(kind, match=r"^derivative: `u` must be "):
        spectral.derivative(make())


TORCH_FAULTS = {
    "requires grad": (lambda t: t.ones(4, 2, requires_grad=True), "x.detach()"),
    "conjugate": (lambda t: t.ones(4, 2, dtype=t.complex64).conj(), "x.resolve_conj()"),
    "negative": (lambda t: t.full((4, 2), 1 + 2j).conj().imag, "x.resolve_neg()"),
    "sparse": (lambda t: t.eye(4).to_sparse(), "x.to_dense()"),
    "bfloat16": (lambda t: t.ones(4, 2, dtype=t.bfloat16), "Convert it"),
    "float8": (lambda t: t.ones(4, 2).to(t.float8_e4m3fn), "Convert it"),
    "float16": (lambda t: t.ones(4, 2, dtype=t.float16), "Convert it"),
    "complex": (lambda t: t.ones(4, 2, dtype=t.complex64), "Convert it"),
}  # fmt: skip


@pytest.mark.parametrize("fault", TORCH_FAULTS)
def test_tensors_that_cannot_be_taken(torch, fault):
    make, advice = TORCH_FAULTS[fault]
    with pytest.raises(TypeError, match=r"^solve_ode: `y0` must be ") as caught:
        solve(make(torch))
    assert advice in str(caught.value)


def test_tensors_without_memory(torch):
    with pytest.raises(BufferError, match=r"solve_ode: `y0`"):
        solve(torch.ones(4, 2, device="meta"))
    with pytest.raises(BufferError, match=r"solve_ode: `y0`"):
        torch.func.vmap(lambda y: solve(y).ys)(torch.ones(3, 4, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own
        from torch._subclasses.fake_tensor import FakeTensorMode

        forward = torch.autograd.forward_ad
        with forward.dual_level():
            forward.make_dual(torch.ones(1), torch.ones(1))  # compiles what it needs
    with FakeTensorMode(), pytest.raises(TypeError, match=r"torch\.compile"):
        solve(torch.ones(4, 2))
    with forward.dual_level(), pytest.raises(TypeError, match="forward-mode"):
        solve(forward.make_dual(torch.ones(4, 2), torch.ones(4, 2)))


def test_arrays_of_jax_that_cannot_be_taken(jax):
    y0 = jax.numpy.array(Y0)
    for transform in (jax.jit, jax.grad, jax.vmap):
        with pytest.raises(TypeError, match=r"`y0` must be .* got a tracer.* tapeless.interop.jax"):
            transform(lambda y: solve(y).ys.sum())(y0)
    with pytest.raises(TypeError, match="bfloat16"):
        solve(y0.astype("bfloat16"))
    y0.delete()
    with pytest.raises(BufferError, match=r"`y0` must be .* deleted"):
        solve(y0)


def test_a_dtype_that_the_library_lacks(torch):
    with pytest.raises(TypeError, match=r"extended: a result of dtype .* torch has"):
        converting("extended", lambda x: np.ones(3, np.longdouble))(torch.ones(1))


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
