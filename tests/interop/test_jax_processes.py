"""Processes in which jax has several devices, ends while calls run, or is missing."""

import pytest

pytest.importorskip("jax")


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
