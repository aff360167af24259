"""The command line: tapeless demo, info, compile, c-library and clear-cache."""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tapeless import _kernels as kernels
from tapeless import demo, info
from tapeless._check import FLOATS
from tapeless_kernels._cache import cache_folder, clear_cache
from tapeless_kernels.launch.threads import n_cores

DEMO = """Train a neural ODE to read scikit-learn's handwritten digits with tapeless's own kernels
and adjoint, check the gradient against central differences, say where the time goes, and write the
model (digits.npz) and a report (digits.png). Ctrl-C ends the training early and keeps what was
learnt until then. Needs: pip install "tapeless[demo]"."""
INFO = """Say what tapeless finds on this machine: versions, processor, lanes of a tile, threads,
the cache and its kernels with the seconds that compiling them took, GPU. Put it into bug
reports."""
COMPILE = """Compile the kernels, forward and adjoint, into the cache folder, so that no later
process waits for it: for containers and read-only homes. The environment variable
TAPELESS_CACHE_DIR names another folder."""
C_LIBRARY = """Write headers and a shared library for programs in C, C++, Fortran or Julia, that needs no Python
when it runs, and what pkg-config and CMake find it by. Compiling it takes minutes the first time. Needs a C
compiler, cc or the one that the environment variable CC names, to link with."""
CLEAR_CACHE = """Delete the compiled kernels of all versions from the cache folder. The next solve
compiles again."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        The exit status: 0, 1 for a failure, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except demo.MissingDependency as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ntapeless: interrupted", file=sys.stderr)
        return 130


def _parser():
    parser = argparse.ArgumentParser(
        prog="tapeless",
        description="Differential equations and neural ones, with hand-written discrete adjoints.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(run, name, summary, description):
        command = commands.add_parser(name, help=summary, description=description)
        command.set_defaults(run=run)
        return command.add_argument

    option = add(_demo, "demo", "train a neural ODE on handwritten digits", DEMO)
    option("--out", default="out", metavar="FOLDER", help="where the files go (default: out)")
    # SUPPRESS: the default is that of --seeds, which sets the same attribute.
    seed = "seed of the weights, the batches and the noise (default: 0)"
    option("--seed", dest="seeds", type=_seeds, default=argparse.SUPPRESS, metavar="N", help=seed)
    seeds = "several seeds, as 0-4 or 0,3,7, and their mean accuracy; files are of the first"
    option("--seeds", type=_seeds, default="0", metavar="N-M", help=seeds)
    epochs = "passes over the training digits (default: %(default)s)"
    option("--epochs", type=_positive, default=demo.EPOCHS, metavar="N", help=epochs)

    add(_info, "info", "what tapeless finds on this machine", INFO)

    option = add(_compile, "compile", "compile the kernels now, into the cache", COMPILE)
    dtypes = "dtype of the states (default: both)"
    option("--dtype", choices=("float32", "float64"), help=dtypes)
    widths = "kernels for few trajectories, one by one, or for tiles of many (default: both)"
    option("--lanes", choices=("one", "tile"), help=widths)

    option = add(_c_library, "c-library", "write a C library that needs no Python", C_LIBRARY)
    option("folder", metavar="FOLDER", help="where include/ and lib/ go")
    processors = (
        "native, generic, or a processor by LLVM's name such as x86-64-v3 (default: native)"
    )
    option("--target", default="native", metavar="CPU", help=processors)
    option("--dtype", choices=("float32", "float64"), help="float or double alone (default: both)")
    option("--lanes", choices=("one", "tile"), help=widths)

    add(_clear_cache, "clear-cache", "delete the compiled kernels", CLEAR_CACHE)
    return parser


def _seeds(text):
    """Return the seeds that '3', '0-4' or '0,2,7' names."""
    seeds = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
            raise argparse.ArgumentTypeError(f"want numbers such as 3, 0-4 or 0,2,7; got {text!r}")
        seeds += range(int(first), int(last) + 1)
    return list(dict.fromkeys(seeds))


def _positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"want a positive number; got {text!r}")
    return int(text)


def _demo(options):
    result = demo.run(options.out, options.seeds, options.epochs)
    return 130 if result.interrupted else 0


def _info(options):
    print(info.report())
    return 0


def _compile(options):
    if not kernels.writable(cache_folder()):
        return _not_kept("kernels")
    chosen = [
        (dtype, lanes)
        for dtype, lanes in kernels.families()
        if options.dtype in (None, dtype.name)
        and options.lanes in (None, "one" if lanes == 1 else "tile")
    ]
    if len(chosen) == 1:
        return _compile_family(*chosen[0])
    print(f"compiling {len(chosen)} families of kernels, a minute or so ...", flush=True)
    begun = time.perf_counter()
    with ThreadPoolExecutor(n_cores()) as pool:
        codes = list(pool.map(lambda family: kernels.compile_beside(*family).wait(), chosen))
    total = sum(kernel.n_bytes for kernel in kernels.cached_kernels())
    seconds = time.perf_counter() - begun
    print(f"{seconds:.1f} s in all; {kernels.size(total)} in {cache_folder()}")
    return max(codes)


def _compile_family(dtype, lanes):
    begun = time.perf_counter()
    made = kernels.compile_kernels(dtype, lanes)
    seconds = time.perf_counter() - begun
    title = f"{dtype}, {'one lane' if lanes == 1 else f'{lanes} lanes'}: {seconds:.1f} s"
    # In one piece: another process may be printing its family at the same time.
    print("\n".join([title, *(f"  {line}" for line in kernels.table(made))]), flush=True)
    missing = {kernel.key for kernel in made} - {kernel.key for kernel in kernels.cached_kernels()}
    return _not_kept(f"{len(missing)} kernels") if missing else 0


def _not_kept(what):
    print(
        f"tapeless compile: {what} could not be kept in {cache_folder()}. "
        "Make it writable, or name another folder in TAPELESS_CACHE_DIR.",
        file=sys.stderr,
    )
    return 1


def _c_library(options):
    from tapeless._c import library  # imports what no other command needs

    dtypes = [d for d in FLOATS if options.dtype in (None, d.name)]
    try:
        path = library.build(options.folder, options.target, dtypes, options.lanes)
    except (library.LibraryError, OSError) as error:
        print(f"tapeless c-library: {error}", file=sys.stderr)
        return 1
    print(f"{kernels.size(path.stat().st_size)} in {path}")
    return 0


def _clear_cache(options):
    folder = cache_folder()
    print(f"{kernels.size(clear_cache())} freed in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
