"""What tensors may be: no copies, the dtypes that belong to them, sentences otherwise."""

import pytest

import tapeless

torch = pytest.importorskip("torch")

from tapeless.interop.torch import (
    _ode_problem,
    apply_operator,
    evaluate,
    odeint,
    solve_ode,
    solve_sde,
)
from torch_problem import FIELD, gradients, solve


def test_nothing_is_copied_on_the_way_in_and_out(y0, theta, monkeypatch):
    seen, run = {}, _ode_problem._ode.solve_ode

    def spy(field, t_span, y0, theta, **options):
        sol = run(field, t_span, y0, theta, **options)
        seen.update(y0=y0, theta=theta, ys=sol.ys)
        vjp = sol.vjp

        def spied(bar, **more):
            seen["bar"] = bar
            seen["y0_bar"], seen["theta_bar"] = bars = vjp(bar, **more)
            return bars

        sol.vjp = spied
        return sol

    monkeypatch.setattr(_ode_problem._ode, "solve_ode", spy)
    ys = solve(y0, theta)
    bar = torch.ones_like(ys)
    bars = torch.autograd.grad(ys, (y0, theta), bar)
    tensors = {
        "y0": y0,
        "theta": theta,
        "ys": ys,
        "bar": bar,
        "y0_bar": bars[0],
        "theta_bar": bars[1],
    }
    pointers = {name: x.data_ptr() for name, x in tensors.items()}
    assert pointers == {name: seen[name].ctypes.data for name in tensors}


@pytest.mark.filterwarnings("ignore:.*quant:UserWarning")  # that they will go
@pytest.mark.parametrize("of", ["y0", "theta"])
@pytest.mark.parametrize(
    "change, kind, wanted",
    [
        (lambda x: x.to("meta"), ValueError, "on the CPU; got a tensor on device 'meta'"),
        (lambda x: x.to_sparse(), TypeError, "dense"),
        (
            lambda x: x.bfloat16(),
            TypeError,
            "float32 or float64; got a tensor of dtype torch.bfloat16",
        ),
        (lambda x: x.half(), TypeError, "torch.float16"),
        (lambda x: x.cfloat(), TypeError, "torch.complex64"),
        (lambda x: x.long(), TypeError, "torch.int64"),
        (
            lambda x: torch.quantize_per_tensor(x.float(), 0.1, 0, torch.qint8),
            TypeError,
            "torch.qint8",
        ),
        (lambda x: x.tolist(), TypeError, "a torch.Tensor; got list"),
        (lambda x: x[:-1].flatten(), ValueError, "of shape"),
        (lambda x: x.detach() * float("nan"), None, None),
    ],
)
def test_other_tensors_raise_sentences(y0, theta, of, change, kind, wanted):
    y0, theta = (
        change(x.detach()) if of == name else x for name, x in (("y0", y0), ("theta", theta))
    )
    if kind is None:
        kind, wanted = (tapeless.SolverError, "failed") if of == "y0" else (ValueError, "finite")
    with pytest.raises(kind, match=wanted) as raised:
        solve(y0, theta)
    assert kind is tapeless.SolverError or f"`{of}`" in str(raised.value)


def test_layouts_of_memory_change_no_bit(y0, theta):
    wanted = gradients(y0, theta)
    transposed = y0.detach().T.contiguous().T.requires_grad_()
    strided = torch.zeros(6, 4, dtype=torch.float64)
    strided[::2, ::2] = y0.detach()
    strided = strided[::2, ::2].requires_grad_()
    negative = torch.complex(torch.zeros(3, 2).double(), -y0.detach()).conj().imag
    assert negative.is_neg() and torch.equal(negative, y0)
    negative = negative.detach().requires_grad_()
    for y in (transposed, strided, negative):
        assert all(torch.equal(a, b) for a, b in zip(gradients(y, theta), wanted, strict=True))
    expanded = y0[:1].expand(3, 2)
    assert torch.equal(solve(expanded, theta), solve(expanded.contiguous(), theta))
    bar = torch.ones(1, dtype=torch.float64).expand(3, 2)
    once = torch.autograd.grad(solve(y0, theta), y0, bar)
    assert torch.equal(once[0], torch.autograd.grad(solve(y0, theta), y0, bar.contiguous())[0])


def test_an_empty_batch_and_a_single_number(theta):
    y0 = torch.zeros(0, 2, dtype=torch.float64, requires_grad=True)
    ys = solve(y0, theta)
    ys.sum().backward()
    assert ys.shape == y0.grad.shape == (0, 2) and not theta.grad.any()


def test_gradients_have_the_dtype_of_what_they_belong_to(y0, theta):
    ys = solve(y0.float(), theta)
    ys.sum().backward()
    assert ys.dtype == torch.float32 and theta.grad.dtype == y0.grad.dtype == torch.float64


@pytest.mark.parametrize("name", ["reduce", "first_passage", "time_gradients"])
def test_options_whose_results_would_be_lost_are_refused(y0, theta, name):
    with pytest.raises(ValueError, match=f"`{name}` must be left out"):
        solve(y0, theta, **{name: True})


@pytest.mark.parametrize(
    "call, wanted",
    [
        (
            lambda y, th: solve_ode(torch.nn.Linear(2, 2), (0.0, 1.0), y, th),
            "`field` must be a tapeless field",
        ),
        (lambda y, th: solve_ode(FIELD, 1.0, y, th), "`t_span` must be a pair"),
        (lambda y, th: solve(y, th, measure="speed"), "`measure` must be one of"),
        (
            lambda y, th: solve_sde(FIELD, 3, (0.0, 1.0), y, th),
            "`diffusion` must be a tapeless field",
        ),
        (
            lambda y, th: solve_sde(FIELD, FIELD, (0, 1), y, torch.cat([th, th]), rng="x"),
            "`rng` must be a seed",
        ),
        (lambda y, th: evaluate(3, 0.0, y, th), "`field` must be a tapeless field"),
        (lambda y, th: apply_operator(3, y, th), "`operator` must be a SpectralConv"),
        (lambda y, th: odeint(3, y, th), "`func` must be a module"),
    ],
)
def test_other_arguments_raise_sentences(y0, theta, call, wanted):
    with pytest.raises((TypeError, ValueError), match=wanted):
        call(y0, theta)


def test_a_failure_is_a_solver_error_or_nan(theta):
    y0 = torch.full((2, 2), float("inf"), dtype=torch.float64, requires_grad=True)
    with pytest.raises(tapeless.SolverError, match="trajectories failed"):
        solve(y0, theta)
    assert solve(y0, theta, throw=False).isnan().all()


def test_autocast_gives_float32(theta):
    y0 = torch.ones(3, 2).bfloat16().requires_grad_()
    with torch.autocast("cpu"):
        ys = solve(y0, theta)
        ys.sum().backward()
    assert ys.dtype == torch.float32 and y0.grad.dtype == torch.bfloat16
