"""Object code of what C calls, which needs neither Python nor Numba: one file for each function, kept in the cache.

``python -m tapeless._c.objects TARGET FOLDER NAME ...`` writes the objects of functions by their full names.
"""

import functools
import hashlib
import pathlib
import sys
import threading
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numpy as np
from numba import types

from tapeless._c.entries import ENTRIES, Entry
from tapeless_kernels._cache import cache_folder, content_key, keep_file
from tapeless_kernels._jit import Family

IR_TYPES = {types.int32: "i32", types.int64: "i64"}
INTERNAL_ERROR = -1  # what a function would return if its code raised, which kernels do not


class Target:
    """A processor: this machine's, or one by LLVM's name for which this process was told to compile."""

    def __init__(self, name: str) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.name, native = name, name == "native"
        self.cpu = llvm.get_host_cpu_name() if native else name
        self.features = llvm.get_host_cpu_features().flatten() if native else ""

    @property
    def key(self) -> str:
        """What the code for it is kept by."""
        digest = hashlib.sha256(f"{self.features} {llvmlite.__version__}".encode()).hexdigest()
        return f"{self.cpu}_{digest[:12]}"

    def machine(self) -> llvm.TargetMachine:
        """Return what emits code that may lie anywhere in memory."""
        target = llvm.Target.from_default_triple()
        return target.create_target_machine(
            cpu=self.cpu, features=self.features, opt=3, reloc="pic", codemodel="default"
        )

    def environment(self) -> dict[str, str]:
        """Return what Numba reads to compile for this processor."""
        if self.name == "native":
            return {}
        return {"NUMBA_CPU_NAME": self.cpu, "NUMBA_CPU_FEATURES": ""}


def object_code(entry: Entry, dtype: np.dtype, target: Target) -> bytes:
    """Return the object code of a function, compiled or from the cache."""
    name = f"c_{entry.full_name(dtype)}_{target.key}.nbc.o"
    path = cache_folder() / content_key("capi") / name
    try:
        return path.read_bytes()
    except OSError:
        code = _compile(entry, dtype, target)
    keep_file(path, code)
    return code


_LOADING = threading.RLock()
_ENGINES: list[llvm.ExecutionEngine] = []  # kept as long as the process, and the code with them


def loaded(entry: Entry, dtype: np.dtype) -> int:
    """Return the address of a function, loaded into this process."""
    with _LOADING:  # threads may ask for the first time at once
        return _loaded(entry, dtype)


@functools.cache
def _loaded(entry: Entry, dtype: np.dtype) -> int:
    target = Target("native")
    code = llvm.ObjectFileRef.from_data(object_code(entry, dtype, target))
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target.machine())
    engine.add_object_file(code)
    engine.finalize_object()
    _ENGINES.append(engine)
    return int(engine.get_function_address(entry.symbol(dtype)))


def _compile(entry: Entry, dtype: np.dtype, target: Target) -> bytes:
    kernels, signature = entry.compiled_for(dtype)
    # Apart from the cached family: of what comes from the disk there is no IR.
    apart = Family(f"{kernels.label}_c", kernels.bind, {})
    callback = apart.callback(entry.function, signature)
    symbol = entry.symbol(dtype)
    module = llvm.parse_assembly(
        callback.inspect_llvm() + _wrapper(symbol, callback.native_name, signature)
    )
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name != symbol:
            value.linkage = "internal"
    machine = target.machine()
    _drop_unused(module, machine)
    return machine.emit_object(module)


def _wrapper(symbol: str, callback: str, signature: Any) -> str:
    """Return IR of a C function that calls what a Numba callback calls, without its handling of Python's errors."""
    native = callback.removeprefix("cfunc.")
    arguments = [IR_TYPES[one] for one in signature.args]
    returned = IR_TYPES[signature.return_type]
    taken = ", ".join(f"{kind} %a{i}" for i, kind in enumerate(arguments))
    return f"""
define {returned} @{symbol}({taken}) {{
  %result = alloca {returned}
  %raised = alloca ptr
  store {returned} {INTERNAL_ERROR}, ptr %result
  %status = call i32 @{native}(ptr %result, ptr %raised, {taken})
  %value = load {returned}, ptr %result
  ret {returned} %value
}}
"""


def _drop_unused(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    """Delete what the one function that is left does not need: Numba's own entry, and Python with it."""
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.add_strip_dead_prototype_pass()
    passes.run(module, builder)


def main(target: str, folder: str, *names: str) -> None:
    """Write the objects of functions into a folder; LLVM says on stderr if it does not know the target."""
    Target(target).machine()
    for entry in ENTRIES:
        for dtype in entry.dtypes:
            if entry.full_name(dtype) in names:
                path = pathlib.Path(folder, f"{entry.full_name(dtype)}.o")
                path.write_bytes(object_code(entry, dtype, Target(target)))


if __name__ == "__main__":
    main(*sys.argv[1:])
