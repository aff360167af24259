"""What happens on the host when a jax program comes to a call of ours: NumPy arrays in, NumPy arrays filled.

Nothing here touches jax: a call to it from within a running program may wait for that program for ever.
"""

import itertools
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from numpy.typing import NDArray

Arrays: TypeAlias = Sequence[NDArray[Any]]
Level: TypeAlias = tuple[int, tuple[bool, ...]]
LIMIT = (
    1 << 30
)  # bytes of forward passes that wait for their transposes; the newest stays in any case
PUSHED = 8  # passes that stay for more tangents: nobody says which is the last


class Kept(Protocol):
    """A forward pass, ready for tangents and cotangents."""

    @property
    def nbytes(self) -> int:
        """The bytes that it holds."""

    def jvp(self, dots: list[Any]) -> list[Any]:
        """Return the tangents of the outputs; `dots` has None for inputs that are held."""

    def vjp(self, bars: Arrays, wanted: tuple[bool, ...]) -> list[Any]:
        """Return the cotangents of the inputs that are wanted."""


class Problem(Protocol):
    """A function of arrays with all that is constant in it; it has a hash."""

    @property
    def name(self) -> str:
        """The public function that it belongs to."""

    @property
    def cores(self) -> tuple[int, ...]:
        """The number of axes of each input besides that of the batch."""

    @property
    def own(self) -> tuple[bool, ...]:
        """Whether each sample of the batch may have an input of its own."""

    @property
    def folds(self) -> bool:
        """Whether two batches in one call give what they give in two."""

    def outputs(self, avals: Sequence[Any]) -> list[tuple[tuple[int, ...], Any]]:
        """Return shapes and dtypes of the outputs for those of the inputs."""

    def check_wanted(self, wanted: tuple[bool, ...]) -> None:
        """Complain of inputs that have no derivatives."""

    def check_reverse(self) -> None:
        """Complain if there are no derivatives in reverse mode."""

    def run(self, *inputs: Any) -> Sequence[Any]:
        """Return the outputs, and keep nothing."""

    def keep(self, *inputs: Any) -> tuple[Sequence[Any], Kept]:
        """Return the outputs, and what their derivatives need."""


class Call(NamedTuple):
    """One call in a program: of a problem, once or in nested loops.

    A level of `maps` is the length of a loop and whether each operand has an axis for it, the first of those it
    has left. Operands are the inputs, then tangents of those `wanted` ("push") or cotangents of outputs ("pull").
    """

    kind: str
    problem: Problem
    maps: tuple[Level, ...] = ()
    wanted: tuple[bool, ...] = ()

    @property
    def n_inputs(self) -> int:
        """The number of inputs of the problem."""
        return len(self.problem.cores)

    @property
    def kept_maps(self) -> tuple[Level, ...]:
        """The loops of the forward pass that a push or a pull belongs to."""
        n = self.n_inputs
        return tuple((size, mask[:n]) for size, mask in self.maps if any(mask[:n]))


class Pass(NamedTuple):
    """Forward passes that were kept: one, or nested lists of them."""

    call: Call
    kept: Any
    nbytes: int


class Passes:
    """Forward passes by their tokens, the oldest of which go when there are too many bytes.

    What has gone is computed again from the inputs, so a bound costs time and loses nothing. Tokens begin at
    random: one that another process has left, in a file say, means nothing here.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.nbytes = limit, 0
        self._passes: OrderedDict[int, Pass] = OrderedDict()
        self._pushed: OrderedDict[int, None] = OrderedDict()
        self._lock, self._tokens = threading.Lock(), itertools.count(secrets.randbits(62))

    def __len__(self) -> int:
        return len(self._passes)

    def put(self, kept: Pass) -> int:
        """Keep a pass and return its token."""
        with self._lock:
            token = next(self._tokens)
            self._passes[token] = kept
            self.nbytes += kept.nbytes
            while self.nbytes > self.limit and len(self._passes) > 1:
                self._forget(next(iter(self._passes)))
        return token

    def for_push(self, token: int) -> Pass | None:
        """Return the pass of a token, None if it has gone."""
        with self._lock:
            self._pushed[token] = None
            self._pushed.move_to_end(token)
            while len(self._pushed) > PUSHED:
                self._forget(next(iter(self._pushed)))
            return self._passes.get(token)

    def for_pull(self, token: int) -> Pass | None:
        """Return the pass of a token and forget it, as most are pulled once; None if it has gone."""
        with self._lock:
            return self._forget(token)

    def _forget(self, token: int) -> Pass | None:
        self._pushed.pop(token, None)
        found = self._passes.pop(token, None)
        self.nbytes -= 0 if found is None else found.nbytes
        return found


PASSES = Passes(LIMIT)


def execute(call: Call, arrays: Arrays, outs: Arrays) -> None:
    """Do a call; arrays are read and `outs` filled."""
    if call.kind == "run":
        _run(call.problem, call.maps, arrays, outs)
    elif call.kind == "keep":
        found = _keep(call.problem, call.maps, arrays, outs[:-1])
        number = PASSES.put(Pass(call, found, _nbytes(found)))
        outs[-1][:] = number & 0xFFFFFFFF, number >> 32
    else:
        token, inputs, rest = arrays[0], arrays[1 : call.n_inputs + 1], arrays[call.n_inputs + 1 :]
        kept = _find(call, int(token[0]) | int(token[1]) << 32, inputs)
        move = _push if call.kind == "push" else _pull
        move(call, call.maps, kept, rest, outs)


def _find(call: Call, token: int, inputs: Arrays) -> Any:
    """Return the forward pass of a push or a pull: the one kept, or the same once more."""
    maps = call.kept_maps
    found = PASSES.for_pull(token) if call.kind == "pull" else PASSES.for_push(token)
    if found is not None and found.call.maps == maps:
        theirs, ours = found.call.problem, call.problem
        if theirs is ours or theirs == ours:
            return found.kept
    return _keep(call.problem, maps, inputs, None)


def _each(level: Level, arrays: Arrays, i: int) -> list[NDArray[Any]]:
    return [x[i, ...] if mapped else x for x, mapped in zip(arrays, level[1], strict=True)]


def _run(problem: Problem, maps: tuple[Level, ...], inputs: Arrays, outs: Arrays) -> None:
    if not maps:
        _fill(outs, problem.run(*inputs))
        return
    for i in range(maps[0][0]):
        _run(problem, maps[1:], _each(maps[0], inputs, i), [out[i, ...] for out in outs])


def _keep(problem: Problem, maps: tuple[Level, ...], inputs: Arrays, outs: Arrays | None) -> Any:
    if not maps:
        found, kept = problem.keep(*inputs)
        if outs is not None:
            _fill(outs, found)
        return kept
    return [
        _keep(
            problem, maps[1:], _each(maps[0], inputs, i), outs and [out[i, ...] for out in outs]
        )
        for i in range(maps[0][0])
    ]  # fmt: skip


def _push(call: Call, maps: tuple[Level, ...], kept: Any, dots: Arrays, outs: Arrays) -> None:
    if not maps:
        given = iter(dots)
        _fill(outs, kept.jvp([next(given) if wanted else None for wanted in call.wanted]))
    else:
        _loop(_push, call, maps, kept, dots, outs)


def _pull(call: Call, maps: tuple[Level, ...], kept: Any, bars: Arrays, outs: Arrays) -> None:
    if not maps:
        _fill(outs, kept.vjp(bars, call.wanted))
    else:
        _loop(_pull, call, maps, kept, bars, outs)


def _loop(
    move: Any, call: Call, maps: tuple[Level, ...], kept: Any, rest: Arrays, outs: Arrays
) -> None:
    """Do a level of a push or a pull; a pass that has no axis for it serves all its rounds."""
    (n, mask), inner = maps[0], maps[1:]
    of_inputs = any(mask[: call.n_inputs])
    for i in range(n):
        mine = _each((n, mask[call.n_inputs :]), rest, i)
        move(call, inner, kept[i] if of_inputs else kept, mine, [out[i, ...] for out in outs])


def _fill(outs: Arrays, values: Sequence[Any]) -> None:
    for out, value in zip(outs, values, strict=True):
        out[...] = value


def _nbytes(kept: Any) -> int:
    return sum(map(_nbytes, kept)) if isinstance(kept, list) else kept.nbytes
