"""W9: the wall time of a fresh process to its first solve or gradient. tapeless has its own."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

from core import register

STARTUP = Path(__file__).resolve().parent.parent / "startup.py"


def fresh_process(lib, case, dtype):
    """Build a run of startup.py, which reports how the time divides."""
    env = os.environ | {"JAX_ENABLE_X64": "0"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, str(STARTUP), lib, case]

    def run():
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr[-300:])
        return json.loads(done.stdout.splitlines()[-1])

    return run, lambda seconds: {"extra": seconds}


for lib in ("torchdiffeq", "torchode", "diffrax", "scipy"):
    cases = ["first-solve"] if lib == "scipy" else ["first-solve", "first-gradient"]
    register(lib, "W9", "process wall time", cases, ("float32",))(
        functools.partial(fresh_process, lib)
    )
