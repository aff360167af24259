"""Kernels under UBSan and ASan: in a process of its own, which the first fault ends."""

import functools
import os
import pathlib
import subprocess
import sys

SANITIZERS = ("undefined", "address")
_LIBRARIES = {"undefined": "libubsan.so", "address": "libasan.so"}


@functools.cache
def _library(sanitize):
    """Return the path of the sanitizer's library; g++ repeats the bare name of one that it lacks."""
    command = ["g++", f"-print-file-name={_LIBRARIES[sanitize]}"]
    return pathlib.Path(subprocess.run(command, capture_output=True, text=True).stdout.strip())


def missing_sanitizer(sanitize):
    """Return why a sanitizer cannot be had here, or None."""
    if _library(sanitize).is_absolute():
        return None
    return f"{_LIBRARIES[sanitize]} is not here; it comes with g++"


def sanitized_environment(sanitize):
    """Return what the environment of such a process must have.

    Python is not built with ASan, so its library must be there before all others; it would take Python's own
    ends for leaks.
    """
    path = [str(pathlib.Path(__file__).parents[1]), *filter(None, sys.path)]
    environment = {"PYTHONPATH": os.pathsep.join(path)}
    if sanitize == "address":
        environment |= {"LD_PRELOAD": str(_library(sanitize)), "ASAN_OPTIONS": "detect_leaks=0"}
    return environment
