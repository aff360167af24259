"""The only place that spells Numba options: kernels, and families of them."""

import itertools
import os
import threading
from types import CodeType, FunctionType

import numba
from numba.core.ccallback import CFunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, LoweringPass, register_pass
from numba.core.dispatcher import Dispatcher
from numba.core.typed_passes import NativeLowering, NoPythonSupportedFeatureValidation
from numba.core.types import unliteral

from ._cache import ContentCache, KernelCache

_COMPILING = threading.RLock()
# Strict: no fast-math flag (kernels/README.md, 6). Kernels allocate nothing, so nothing is counted.
OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}


class _OnlyIR(JITCodeLibrary):
    """The code of a kernel that only kernels call: IR to be taken in, and optimised once, by an entry.

    What LLVM is to copy into its callers is optimised before: some lane loops would not vectorise else.
    """

    apart = inline = False

    def _optimize_final_module(self):
        if self.inline:
            super()._optimize_final_module()

    def _finalize_final_module(self):
        if self.apart:
            for function in self._final_module.functions:
                attributes = b" ".join(function.attributes)
                if not function.is_declaration and b"alwaysinline" not in attributes:
                    function.add_function_attribute("noinline")
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=False, analysis_only=True)
class _BeforeLowering(FunctionPass):
    """Give the kernel a library that is not optimised, and make no entry point."""

    _name = "tapeless_before_lowering"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        state.library = _OnlyIR(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.apart = getattr(state.func_id.func, "apart", False)
        state.library.inline = state.flags.forceinline and not getattr(
            state.func_id.func, "copied", False
        )
        state.flags.no_compile = True
        state.flags.noalias = True  # no kernel writes what it also reads by another argument
        return False


@register_pass(mutates_CFG=False, analysis_only=True)
class _AfterLowering(LoweringPass):
    """Make the kernel known to its callers, as Numba does with functions that have an entry point."""

    _name = "tapeless_after_lowering"

    def __init__(self):
        LoweringPass.__init__(self)

    def run_pass(self, state):
        key = [].append  # entry points are the keys of compiled functions; any new builtin will do
        state.targetctx.insert_user_function(key, state.cr.fndesc, [state.library])
        state.cr = state.cr._replace(cfunc=key)
        return False


class _ToIR(Compiler):
    """Compiles a kernel no further than to IR: optimising every level by itself takes three times as long."""

    def define_pipelines(self):
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        manager.add_pass_after(_BeforeLowering, NoPythonSupportedFeatureValidation)
        manager.add_pass_after(_AfterLowering, NativeLowering)
        manager.finalize()
        return [manager]


CALLED = OPTIONS | {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": _ToIR,
}


_APART = set()  # code of kernels that stay functions of their own
_SEPARATE = set()  # of those that stay so with one lane too
_COPIED = set()  # of those that are copied as they are
_UNKNOWN = itertools.count()  # two functions in one process must not share a symbol


def kernel(function):
    """Make `function` a kernel; a `Family` compiles it, and a call from Python compiles it as it stands."""
    return numba.njit(**OPTIONS)(function)


def apart(function):
    """Make `function` a kernel that LLVM does not copy into its callers, unless it has one lane.

    Its arguments do not overlap, and only as its arguments LLVM takes that for granted: a lane loop over many
    arrays vectorises there and not where it is called. A short loop says `range(len(x))`, not `range(LANES)`,
    which would be unrolled before it could be.
    """
    _APART.add(function.__code__)
    return kernel(function)


def separate(function):
    """Make `function` a kernel that LLVM never copies into its callers: one large, and called in several places."""
    _SEPARATE.add(function.__code__)
    return kernel(function)


def inlined(function):
    """Make `function` a scalar kernel that LLVM copies into its callers, so that their lane loops vectorise."""
    return numba.njit(forceinline=True, **OPTIONS)(function)


def copied(function):
    """Make `function` a kernel that LLVM copies into its callers before it optimises them, and so optimises but once.

    For what hands records of many arrays on: a call of a function of its own would pass every field.
    """
    _COPIED.add(function.__code__)
    return inlined(function)


def pasted(function):
    """Make `function` a kernel that Numba copies into its callers: where nothing is counted, none may return arrays."""
    return numba.njit(inline="always", **OPTIONS)(function)


def retarget(kernel, bind, made, compile):
    """Compile the same Python function with other meanings for the global names in `bind`; its callees follow.

    `made` remembers what was compiled with this binding; `compile` takes the rebound function and
    how it is to be inlined: `inlined`, `pasted` or None.
    """
    function = getattr(kernel, "py_func", kernel)
    if function not in made:
        options = getattr(kernel, "targetoptions", {})
        inline = inlined if options.get("forceinline") else None
        inline = pasted if options.get("inline") == "always" else inline
        made[function] = compile(rebind(function, bind, made, compile), inline)
    return made[function]


def rebind(function, bind, made, compile):
    """Return `function` with the names in `bind` and the kernels it calls replaced, not yet compiled."""
    scope = dict(function.__globals__)
    for name in global_names(function.__code__):
        meaning = bind.get(name, scope.get(name))
        if isinstance(meaning, Dispatcher):
            meaning = retarget(meaning, bind, made, compile)
        if meaning is not None:
            scope[name] = meaning
    return FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )


def global_names(code):
    """Yield the global names in a code object and in those within it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from global_names(constant)


class Family:
    """The kernels under one binding of their global names, say LANES = 64 and Real = float32.

    With `made`, functions compiled before that are not the package's, nothing is cached.
    """

    def __init__(self, label, bind, made=None):
        self.label, self.bind, self.cached = label, bind, made is None
        self._called, self._entries, self._addresses = made or {}, {}, {}

    def __call__(self, kernel, nogil=True):
        """Return `kernel` as compiled in this family, to be called from Python; its first call compiles.

        One that is short and often called keeps the interpreter's lock, with nogil=False.
        """
        function = getattr(kernel, "py_func", kernel)
        if function not in self._entries:
            rebound = rebind(function, self.bind, self._called, self._compile)
            options = OPTIONS | {"nogil": nogil}
            dispatcher = numba.njit(**options)(_rename(rebound, f"{self.label}_entry"))
            if self.cached:
                dispatcher._cache = KernelCache(dispatcher.py_func)
            self._entries[function] = dispatcher
        return self._entries[function]

    def address(self, function, signature):
        """Return the address of `function` compiled as a C callback of `signature`."""
        return self.callback(function, signature).address

    def callback(self, function, signature):
        """Return that callback; of one from the cache on disk there is no IR."""
        with _COMPILING:  # threads may ask for the first time at once
            if function not in self._addresses:
                rebound = rebind(function, self.bind, self._called, self._compile)
                rebound = _rename(rebound, f"{self.label}_address")
                callback = CFunc(rebound, (signature.args, signature.return_type), {}, OPTIONS)
                if self.cached:
                    callback._cache = KernelCache(rebound)
                callback.compile()
                self._addresses[function] = callback
        return self._addresses[function]

    def _compile(self, function, inline):
        if inline is pasted:
            return pasted(function)
        function.copied = function.__code__ in _COPIED
        if inline is inlined:
            return numba.njit(forceinline=True, **CALLED)(_rename(function, self.label))
        code = function.__code__
        function.apart = code in _SEPARATE or (code in _APART and self.bind["LANES"] > 1)
        # What is called by one that is copied would be copied too, unless it is said that it is not.
        options = CALLED | {"forceinline": False} if code in _SEPARATE else CALLED
        return _constants_as_variables(numba.njit(**options)(_rename(function, self.label)))


def _constants_as_variables(dispatcher):
    """Type the constants in a kernel's calls like variables: else each would be a signature of its own."""
    template = dispatcher.get_call_template

    def get_call_template(args, kws):
        return template([unliteral(x) for x in args], {k: unliteral(x) for k, x in kws.items()})

    dispatcher.get_call_template = get_call_template
    return dispatcher


def _rename(function, label):
    # Two bindings in one process must not share a symbol: the linker would keep the first.
    function.__name__ = function.__qualname__ = f"{function.__name__}_{label}"
    return function


def compile_content(function, signature, key):
    """Return a function as a C callback, from the disk if its content was compiled before; None: not kept."""
    function = _rename(function, key or f"{next(_UNKNOWN)}_{os.getpid()}")
    callback = CFunc(function, (signature.args, signature.return_type), {}, OPTIONS)
    if key:
        callback._cache = ContentCache(function, key)
    callback.compile()
    return callback


def users_callback(function, signature):
    """Return a C callback that may call a user's Numba function, allocate and catch: with Numba's own options."""
    return numba.cfunc(signature)(function)


def users_helper(function, *arguments):
    """Return a function for `users_callback` to call, compiled now for arguments of these types if given."""
    dispatcher = numba.njit(function)
    if arguments:
        dispatcher.compile(arguments)
    return dispatcher
