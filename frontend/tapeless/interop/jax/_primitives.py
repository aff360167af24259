"""Our calls as primitives of jax: one that runs, one that keeps its forward pass, and that pass's two derivatives.

``run`` becomes ``keep`` and ``push`` when it is differentiated. ``push`` is linear, and ``pull`` its transpose: so
forward and reverse mode both work, and the pass is computed once. Each rule takes what the others do not see:
shapes here, arrays in `_host`.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jax.interpreters import partial_eval as pe

from tapeless.interop.jax._batching import batch
from tapeless.interop.jax._ffi import TARGET, number_of
from tapeless.interop.jax._host import Call, Problem, execute

TOKEN = ShapedArray((2,), np.dtype(np.uint32))


def call(problem: Problem, *inputs: Any) -> list[Any]:
    """Return the outputs of a problem, as jax arrays that can be differentiated."""
    return RUN.bind(*inputs, call=Call("run", problem))


def _own_shape(call: Call, j: int, aval: Any) -> Any:
    """Return the shape of an operand within all loops."""
    return aval.update(shape=aval.shape[sum(mask[j] for _, mask in call.maps) :])


def _avals(*avals: Any, call: Call) -> list[Any]:
    """Return shapes and dtypes of what a call returns."""
    lead, n = tuple(size for size, _ in call.maps), call.n_inputs
    given = avals if call.kind in ("run", "keep") else avals[1:]
    inputs = [_own_shape(call, j, aval) for j, aval in enumerate(given[:n])]
    if call.kind == "pull":
        found = [(x.shape, x.dtype) for x, one in zip(inputs, call.wanted, strict=True) if one]
    else:
        found = call.problem.outputs(inputs)
    outs = [ShapedArray((*lead, *shape), np.dtype(dtype)) for shape, dtype in found]
    return [*outs, TOKEN] if call.kind == "keep" else outs


def _by_xla(*operands: Any, call: Call) -> Any:
    """Return what a call returns, from XLA's own threads and memory."""
    shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in _avals(*_of(operands), call=call)]
    return jax.ffi.ffi_call(TARGET, shapes)(*operands, call=number_of(call))


def _by_callback(*operands: Any, call: Call) -> Any:
    """Return the same where arrays are not the host's: jax brings them here and the results back."""
    shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in _avals(*_of(operands), call=call)]

    def on_host(*arrays: Any) -> list[Any]:
        outs = [np.empty(x.shape, x.dtype) for x in shapes]
        execute(call, [np.asarray(x) for x in arrays], outs)
        return outs

    return jax.pure_callback(on_host, shapes, *operands)


def _of(operands: Sequence[Any]) -> list[Any]:
    return [ShapedArray(x.shape, x.dtype) for x in operands]


def _primitive(kind: str) -> Primitive:
    primitive = Primitive(f"tapeless_{kind}")
    primitive.multiple_results = True
    primitive.def_abstract_eval(_avals)
    primitive.def_impl(lambda *operands, call: _compiled(primitive, call)(*operands))
    mlir.register_lowering(primitive, mlir.lower_fun(_by_callback, multiple_results=True))
    mlir.register_lowering(
        primitive, mlir.lower_fun(_by_xla, multiple_results=True), platform="cpu"
    )
    batching.primitive_batchers[primitive] = functools.partial(_batched, primitive)
    return primitive


@functools.lru_cache(maxsize=512)
def _compiled(primitive: Primitive, call: Call) -> Any:
    """Return a call as a program, for operands that are no tracers."""
    return jax.jit(functools.partial(primitive.bind, call=call))


def _batched(primitive: Primitive, operands: Any, dims: Any, *, call: Call) -> Any:
    return batch(primitive.bind, operands, dims, call)


RUN, KEEP, PUSH, PULL = map(_primitive, ("run", "keep", "push", "pull"))


def _is_zero(tangent: Any) -> bool:
    return type(tangent) is ad.Zero or tangent.dtype == jax.dtypes.float0


def _run_jvp(inputs: Any, dots: Any, *, call: Call) -> Any:
    wanted = tuple(not _is_zero(dot) for dot in dots)
    if not any(wanted):
        outs = RUN.bind(*inputs, call=call)
        return outs, [ad.Zero(ShapedArray(out.shape, out.dtype)) for out in outs]
    call.problem.check_wanted(wanted)
    *outs, token = KEEP.bind(*inputs, call=call._replace(kind="keep", wanted=wanted))
    chosen = [i for i, one in enumerate(wanted) if one]
    maps = tuple((n, (*mask, *(mask[i] for i in chosen))) for n, mask in call.maps)
    pushed = Call("push", call.problem, maps, wanted)
    return outs, PUSH.bind(token, *inputs, *(dots[i] for i in chosen), call=pushed)


def _push_transpose(bars: Any, token: Any, *operands: Any, call: Call) -> Any:
    call.problem.check_reverse()
    n = call.n_inputs
    inputs, dots = operands[:n], operands[n:]
    bars = [ad.instantiate_zeros(bar) for bar in bars]
    # Outputs of a push have an axis for every loop, whatever its operands have.
    maps = tuple((size, (*mask[:n], *(True for _ in bars))) for size, mask in call.maps)
    pulled = PULL.bind(token, *inputs, *bars, call=Call("pull", call.problem, maps, call.wanted))
    found = []
    for j, (bar, dot) in enumerate(zip(pulled, dots, strict=True)):
        shared = tuple(i for i, (_, mask) in enumerate(call.maps) if not mask[n + j])
        found.append(jnp.sum(bar, axis=shared) if ad.is_undefined_primal(dot) else None)
    return [None] * (n + 1) + found


def _no_second(*_: Any, call: Call) -> Any:
    raise TypeError(
        f"tapeless.interop.jax.{call.problem.name}: it has first derivatives only, and jax was asked for a derivative "
        "of them. Do not nest grad, jvp, jacrev or hessian around it."
    )


def _without_token(used: list[bool], eqn: Any) -> Any:
    """Return the equation of a forward pass that nobody will ask for: jax.checkpoint makes such."""
    if used[-1] or not any(used):
        return [any(used)] * len(eqn.invars), eqn if any(used) else None
    run = eqn.params["call"]._replace(kind="run", wanted=())
    new = eqn.replace(primitive=RUN, outvars=eqn.outvars[:-1], params={"call": run})
    return [True] * len(eqn.invars), new


ad.primitive_jvps[RUN] = _run_jvp
ad.primitive_transposes[PUSH] = _push_transpose
for _primitive_ in (KEEP, PUSH, PULL):
    ad.primitive_jvps[_primitive_] = _no_second
pe.dce_rules[KEEP] = _without_token
