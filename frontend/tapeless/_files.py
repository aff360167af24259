"""Files of arrays with a description in JSON: .npz without pickles, with a version, written whole or not at all."""

import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path as PathObject
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless._complain import complain
from tapeless._types import Path

FORMAT, VERSION = "tapeless", 1
DESCRIPTION = "description"

Arrays = dict[str, NDArray[Any]]
Record = dict[str, Any]


class Unreadable(Exception):
    """What is wrong with a file that has been opened; the caller knows its name."""


# What reading a file, or making objects of its records, raises where it is damaged or not what it should be.
BAD_CONTENT = (
    Unreadable, KeyError, ValueError, TypeError, AttributeError, OverflowError, RuntimeError,
    EOFError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def write(path: Path, kind: str, record: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write a file at once: one that is there already is replaced only when all of this one is on disk."""
    target = PathObject(path)
    head = {"format": FORMAT, "version": VERSION, "kind": kind}
    description = np.array(json.dumps({**head, **record}, allow_nan=True))
    with tempfile.NamedTemporaryFile(
        dir=target.parent, prefix=f".{target.name}.", delete=False
    ) as file:
        try:
            np.savez(file, allow_pickle=False, **{DESCRIPTION: description, **arrays})
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o666 & ~_umask())
            os.replace(file.name, target)
        except BaseException:
            os.unlink(file.name)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read(caller: str, path: Path, kind: str, wanted: str) -> tuple[Record, Arrays]:
    """Return the description and the arrays of a file of this kind; nothing in it is unpickled or run.

    A missing file raises what `open` raises; one that holds something else a ValueError that says what.
    """
    try:
        with open(path, "rb") as file:
            return _parse(file, kind)
    except BAD_CONTENT as error:
        raise bad_file(caller, path, wanted, error) from error


def bad_file(caller: str, path: Path, wanted: str, why: object) -> Exception:
    """Return the error that says what is wrong with a file."""
    why = f"it lacks {why}" if isinstance(why, KeyError) else why
    return complain(ValueError, caller, "path", wanted, f"{str(path)!r}: {why}")


def _parse(file: Any, kind: str) -> tuple[Record, Arrays]:
    if not zipfile.is_zipfile(file):
        raise Unreadable("it is no .npz file, or not all of one")
    file.seek(0)
    with np.load(file, allow_pickle=False) as content:
        if DESCRIPTION not in content.files:
            raise Unreadable("it has no description, so tapeless did not write it")
        record = json.loads(str(content[DESCRIPTION]))
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise Unreadable("its description is not tapeless's")
        if record.get("version") != VERSION:
            raise Unreadable(
                f"its version is {record.get('version')!r}; this tapeless reads version {VERSION}"
            )
        if record.get("kind") != kind:
            raise Unreadable(f"it holds a {record.get('kind')!r}, not a {kind!r}")
        arrays = {name: content[name] for name in content.files if name != DESCRIPTION}
    for name, x in arrays.items():
        if x.dtype.kind not in "biuf":
            raise Unreadable(f"its array {name!r} is of dtype {x.dtype}")
    return record, arrays
