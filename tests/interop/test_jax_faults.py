"""What goes wrong in jax's programs is said in a sentence, and what waits for its transpose is bounded."""

import threading

import numpy as np
import pytest

import tapeless

jax = pytest.importorskip("jax")

import jax.numpy as jnp

import tapeless.interop.jax as tj
from tapeless.interop.jax import _ffi, _host
from tapeless.interop.jax._frozen import Frozen
from tapeless.interop.jax._ode_problem import OdeProblem
from tapeless.interop.jax._operators import _OperatorProblem

SPAN = (0.0, 1.0)
FAILED = (jax.errors.JaxRuntimeError, ValueError)  # the latter from jitted calls that run at once


@pytest.fixture
def solve(network):
    """Return a solve of y0 and theta, which are float32, as a function, and both."""
    field, theta, y0 = network

    def solve(y0, theta, **options):
        return tj.solve_ode(field, SPAN, y0, theta, **options)

    return solve, jnp.asarray(y0, "float32"), jnp.asarray(theta, "float32")


def loss_of(solve):
    return lambda y0, theta: (solve(y0, theta) ** 2).sum() / 2


def test_a_thousand_steps_leave_nothing(solve, passes):
    f, y0, theta = solve
    step = jax.jit(lambda theta: theta - 1e-3 * jax.grad(loss_of(f), 1)(y0, theta))
    forward = jax.jit(f)
    for i in range(1000):
        theta = step(theta)
        forward(y0, theta).block_until_ready()
        assert len(passes) == 0 or i == 0
    assert np.isfinite(theta).all()


def test_a_forward_call_keeps_nothing(solve, passes, monkeypatch):
    f, y0, theta = solve
    kept = []
    monkeypatch.setattr(_host, "_keep", lambda *x: kept.append(x))
    jax.jit(f)(y0, theta).block_until_ready()
    jax.vmap(f, (0, None))(y0, theta).block_until_ready()
    jax.checkpoint(f)(y0, theta).block_until_ready()
    assert kept == []


def test_a_checkpointed_forward_pass_keeps_nothing(solve, passes):
    f, y0, theta = solve
    ys, pullback = jax.vjp(jax.checkpoint(f), y0, theta)
    assert len(passes) == 0
    bars = pullback(ys)
    assert np.array_equal(bars[1], jax.vjp(f, y0, theta)[1](ys)[1])


def test_a_pullback_can_be_called_again(solve, passes):
    f, y0, theta = solve
    ys, pullback = jax.vjp(f, y0, theta)
    assert len(passes) == 1 and passes.nbytes > 0
    first = pullback(ys)
    assert len(passes) == 0
    again = pullback(ys)  # from a solve made once more
    assert all(map(np.array_equal, first, again))


def test_the_oldest_passes_go_and_are_made_again(solve, passes, monkeypatch):
    f, y0, theta = solve
    pulled = [jax.vjp(f, scale * y0, theta) for scale in (1.0, 2.0, 3.0)]
    wanted = [pullback(ys) for ys, pullback in pulled]
    monkeypatch.setattr(passes, "limit", 1)
    pulled = [jax.vjp(f, scale * y0, theta) for scale in (1.0, 2.0, 3.0)]
    assert len(passes) == 1  # the newest, whatever its size
    for (ys, pullback), bars in zip(pulled, wanted, strict=True):
        assert all(map(np.array_equal, pullback(ys), bars))


def test_passes_for_tangents_are_few(solve, network):
    f, y0, theta = solve
    for _ in range(3 * _host.PUSHED):
        jax.jvp(f, (y0, theta), (y0, theta))
    assert len(_host.PASSES) <= _host.PUSHED
    for token in list(_host.PASSES._passes):
        _host.PASSES.for_pull(token)


def test_threads_share_programs(solve, passes):
    f, y0, theta = solve
    gradient = jax.jit(jax.grad(loss_of(f)))
    wanted = [np.asarray(gradient(scale * y0, theta)) for scale in range(4)]
    wrong = []

    def work(scale):
        for _ in range(25):
            if not np.array_equal(gradient(scale * y0, theta), wanted[scale]):
                wrong.append(scale)

    threads = [threading.Thread(target=work, args=(scale,)) for scale in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_arrays_come_in_without_a_copy(solve, monkeypatch):
    f, y0, theta = solve
    seen = []
    run = tapeless.solve_ode

    def look(field, t_span, y0, theta, **options):
        seen.append([x.__array_interface__["data"][0] for x in (y0, theta)])
        return run(field, t_span, y0, theta, **options)

    jitted = jax.jit(f)
    jitted(y0, theta)
    monkeypatch.setattr(tapeless, "solve_ode", look)
    jitted(y0, theta).block_until_ready()
    assert seen == [[x.unsafe_buffer_pointer() for x in (y0, theta)]]


@pytest.mark.parametrize("of", ["solve", "operator"])
def test_what_waits_does_not_read_memory_of_xla(network, of):
    if of == "solve":
        field, theta, y0 = network
        times = (Frozen(0.0), Frozen(1.0), Frozen(None))
        problem = OdeProblem(field, times, (False,) * 3, (), False, ())
        operands = [y0.copy(), theta.copy()]
    else:
        model = tapeless.operators.FNO(
            1, 1, 4, width=4, n_layers=2, projection=8, coordinates=False
        )
        problem = _OperatorProblem("fno", model, None)
        operands = [np.random.default_rng(0).standard_normal((3, 1, 16)), model.init(rng=0)]
    outs, kept = problem.keep(*(x.copy() for x in operands))
    wanted = kept.vjp([np.ones_like(outs[0])], (True, True))
    _, kept = problem.keep(*operands)
    for x in operands:  # as XLA does when a buffer is free again
        x[...] = np.nan
    found = kept.vjp([np.ones_like(outs[0])], (True, True))
    assert all(map(np.array_equal, found, wanted))


def test_a_failure_is_said_where_the_program_runs(passes):
    @tapeless.field(dim=1, vjp="symbolic")
    def blows_up(t, y, theta, dy):
        dy[0] = y[0] * y[0]

    def solve(y0, **options):
        return tj.solve_ode(blows_up, (0.0, 2.0), y0, **options)

    y0 = jnp.ones((3, 1)) * jnp.array([[0.1], [1.0], [0.2]])
    for f in (solve, jax.jit(solve), jax.grad(lambda y0: solve(y0).sum())):
        with pytest.raises(FAILED, match=r"SolverError: solve_ode: 1 of 3 trajectories failed"):
            jax.block_until_ready(f(y0))
    ys = np.asarray(solve(y0, throw=False))
    assert np.isnan(ys[1]) and np.isfinite(ys[[0, 2]]).all()
    assert np.array_equal(solve(y0[:1]), ys[:1])  # and the process goes on


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"theta": np.float32(np.nan)}, r"ValueError: solve_ode: `theta` must be finite"),
        ({"t_eval": [0.7, 0.3]}, r"ValueError: solve_ode: `t_eval` must be sorted"),
        ({"t1": np.inf}, r"ValueError: solve_ode: `t_span` must be finite"),
    ],
)
def test_numbers_are_looked_at_where_the_program_runs(network, bad, message):
    field, theta, y0 = network
    theta = jnp.asarray(theta * bad.get("theta", 1))
    span, at = (0.0, jnp.asarray(bad.get("t1", 1.0))), jnp.asarray(bad.get("t_eval", [0.5]))
    with pytest.raises(FAILED, match=message):
        jax.jit(lambda theta: tj.solve_ode(field, span, y0, theta, t_eval=at))(theta)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"field": np.sin}, TypeError, "`field` must be a tapeless field"),
        ({"y0": jnp.ones((5, 3))}, ValueError, r"`y0` must be of shape \(batch, 2\) or \(2,\)"),
        ({"y0": jnp.ones((5, 2), "bfloat16")}, TypeError, "`y0` must be of dtype float32 or"),
        ({"y0": jnp.ones((5, 2), "float16")}, TypeError, "`y0` must be of dtype float32 or"),
        ({"y0": jnp.ones((5, 2), "complex64")}, TypeError, "`y0` must be of dtype float32 or"),
        ({"y0": "zero"}, TypeError, "`y0` must be an array; got 'zero'"),
        ({"theta": jnp.ones(7)}, ValueError, r"`theta` must be of shape \(82,\)"),
        ({"theta": None}, TypeError, r"`theta` must be an array of shape \(82,\).*init"),
        ({"t_span": 1.0}, ValueError, r"`t_span` must be a pair"),
        ({"t_span": (0.0, jnp.ones(3))}, ValueError, "`t_span` must be a pair of numbers or arr"),
        ({"t_eval": jnp.ones((4, 3))}, ValueError, "`t_eval` must be of shape"),
        ({"t_eval": [0.7, 0.3]}, ValueError, "`t_eval` must be sorted"),
        ({"method": "rk5"}, ValueError, "`method` must be"),
        ({"tolerance": 1e-3}, TypeError, "unexpected keyword argument 'tolerance'"),
        ({"reduce": True}, TypeError, "`reduce` must be left out in jax"),
        ({"rtol": jnp.float32(1e-3)}, TypeError, r"`rtol` must be a number of Python.*float\(x\)"),
        ({"measure": ["length"]}, ValueError, "`measure` must be one of 'error'"),
    ],
)  # fmt: skip
def test_arguments_are_looked_at_where_the_call_is_traced(network, change, kind, message):
    field, theta, y0 = network
    given = {"field": field, "t_span": SPAN, "y0": jnp.asarray(y0), "theta": jnp.asarray(theta)}
    given |= change
    with pytest.raises(kind, match=rf"solve_ode.*{message}"):
        jax.eval_shape(lambda: tj.solve_ode(**given))


def test_what_has_no_derivative_says_so(network):
    field, theta, y0 = network

    def solve(y0, t1):
        return tj.solve_ode(field, (0.0, t1), y0, theta).sum()

    y0 = jnp.asarray(y0)
    with pytest.raises(ValueError, match=r"`time_gradients` must be true.*stop_gradient"):
        jax.grad(solve, 1)(y0, 1.0)
    assert jax.grad(lambda y0: solve(y0, jax.lax.stop_gradient(1.0)))(y0).shape == (5, 2)
    with pytest.raises(TypeError, match=r"first derivatives only"):
        jax.jacfwd(jax.grad(solve))(y0, 1.0)

    @tapeless.field(dim=1)
    def plain(t, y, theta, dy):
        dy[0] = -y[0]

    assert tj.solve_ode(plain, SPAN, jnp.ones((1, 1))).shape == (1, 1)
    with pytest.raises(ValueError, match=r"solve_ode: `field` must be one with a `vjp`"):
        jax.grad(lambda y0: tj.solve_ode(plain, SPAN, y0).sum())(jnp.ones((1, 1)))


def test_no_trajectories_and_deleted_arrays(solve, passes):
    f, y0, theta = solve
    assert f(y0[:0], theta).shape == (0, 2)
    assert not jax.grad(loss_of(f), 1)(y0[:0], theta).any()
    assert jax.vmap(f, (0, None))(jnp.ones((0, 3, 2)), theta).shape == (0, 3, 2)
    deleted = y0 + 1
    deleted.delete()
    with pytest.raises(RuntimeError, match="deleted"):
        f(deleted, theta)


def test_a_program_of_another_process_is_refused(solve, monkeypatch):
    f, y0, theta = solve
    jitted = jax.jit(lambda y0, theta: f(y0, theta, n_steps=3))
    jitted(y0, theta)
    monkeypatch.setattr(_ffi, "_calls", {})
    with pytest.raises(FAILED, match="compiled in another process"):
        jax.block_until_ready(jitted(y0, theta))


SHARDED = """
import os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
import jax, numpy as np, jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import tapeless, tapeless.interop.jax as tj
field = tapeless.fields.MLP(2, [16])
theta, y0 = field.init(rng=0, dtype="float32"), np.ones((6, 2), "float32")
mesh = Mesh(np.array(jax.devices()), ("batch",))
split = jax.device_put(y0, NamedSharding(mesh, PartitionSpec("batch")))
loss = lambda y0, theta: (tj.solve_ode(field, (0.0, 1.0), y0, theta) ** 2).sum() / 2
found = jax.jit(jax.grad(loss, (0, 1)))(split, jnp.asarray(theta))
sol = tapeless.solve_ode(field, (0.0, 1.0), y0, theta)
print(*map(np.array_equal, found, sol.vjp(sol.ys)))
"""


def test_sharded_arrays_are_gathered(run_python):
    assert run_python(SHARDED) == "True True\n"


ENDING = """
import os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
import atexit, threading, time
import jax, jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
def late():
    try:
        jax.block_until_ready(step(y0))
    except Exception as error:
        print(error)
atexit.register(late)
import tapeless, tapeless.interop.jax as tj
from tapeless.interop.jax import _ffi
execute, begun = _ffi.execute, threading.Semaphore(0)
def slowly(*arguments):
    begun.release()
    time.sleep(0.2)
    execute(*arguments)
    print("done\\n", end="")
_ffi.execute = slowly
field = tapeless.fields.MLP(2, [16])
theta = jnp.asarray(field.init(rng=0))
y0 = jax.device_put(jnp.ones((6, 2)), NamedSharding(Mesh(jax.devices(), ("batch",)), PartitionSpec("batch")))
step = jax.jit(lambda y0: tj.solve_ode(field, (0.0, 1.0), y0, theta))
y = step(step(y0))
for _ in range(3):  # two devices make four calls
    begun.acquire()
"""


def test_a_process_ends_while_calls_run(run_python):
    """Those that have begun are waited for and later ones refused; else XLA would wait for a thread that has gone."""
    printed = run_python(ENDING, timeout=100).splitlines()
    assert printed.count("done") >= 3
    assert "the interpreter was ending when this call was due" in printed[-1]


MISSING = """
import sys
sys.modules["jax"] = None
import tapeless
try:
    import tapeless.interop.jax
except ImportError as error:
    print(error)
"""


def test_a_missing_jax_is_named(run_python):
    assert "pip install 'tapeless[jax]'" in run_python(MISSING)
    light = "import sys, tapeless, tapeless.interop; print('jax' in sys.modules)"
    assert run_python(light) == "False\n"
