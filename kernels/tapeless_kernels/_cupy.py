"""The only import of cupy: kernels in CUDA C, each compiled when it is first asked for."""

import functools
import pathlib

MISSING = 'GPU arrays need CuPy: pip install "tapeless[cuda]".'
# A multiplication and an addition contract only where the source says fma (kernels/README.md, 6).
OPTIONS = ("-std=c++17", "--fmad=false")


@functools.cache
def cupy():
    """Return the module."""
    try:
        import cupy
    except ImportError as reason:
        raise ImportError(MISSING) from reason
    return cupy


@functools.cache
def raw_kernel(source, expression, options=(), module=None):
    """Return the kernel `expression`, say "total<float>", of the file `source`, as cupy.RawModule has it.

    `module` makes modules in CuPy's place: tests run kernels on the CPU.
    """
    make = cupy().RawModule if module is None else module
    code = pathlib.Path(source).read_text()
    made = make(code=code, options=(*OPTIONS, *options), name_expressions=(expression,))
    return made.get_function(expression)
