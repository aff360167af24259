"""PTX that takes long to make, kept in the cache folder under the digest of all that it is made of."""

import contextlib
import functools
import hashlib
from importlib.metadata import version

from .._cache import cache_folder, content_key, keep_file


def remembered(make):
    """Return a function of names, numbers, types and kernels that makes a text, once for each on this machine."""

    @functools.cache
    @functools.wraps(make)
    def text(*arguments, **more):
        given = (make.__module__, make.__name__, version("numba-cuda"), content_key("_cuda.py"))
        label = repr(
            (*given, *map(_label, arguments), sorted((k, _label(x)) for k, x in more.items()))
        )
        name = hashlib.sha256(label.encode()).hexdigest()[:20]
        file = cache_folder() / content_key("cuda") / f"{name}.nbc.ptx"
        with contextlib.suppress(OSError):
            return file.read_bytes().decode()
        made = make(*arguments, **more)
        keep_file(file, made.encode())
        return made

    return text


def _label(x):
    """Return what tells x apart: a name if it has one."""
    return getattr(x, "__name__", None) or getattr(x, "name", None) or repr(x)
