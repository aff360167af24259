"""Arrays that cannot be taken, or given, get a sentence with the way out."""

import types
import warnings

import numpy as np
import pytest

from array_exporters import CUDA, Exporter, Liar, OnGPU
from array_samples.problem import Y0, solve
from tapeless import spectral
from tapeless._interchange import ON_DEVICE
from tapeless._interchange.calls import converting

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
