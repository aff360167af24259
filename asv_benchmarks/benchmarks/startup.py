"""W9 of the peers' harness: the wall time of a fresh process, its kernels loaded from the cache."""

import os
import subprocess
import sys

from . import PEERS, compile_kernels

setup_cache = compile_kernels
timeout = 300


class FreshProcess:
    """A process that imports tapeless, and solves or differentiates a neural ODE twice."""

    params = (("first-solve", "first-gradient"),)
    param_names = ("what",)
    number, warmup_time, repeat = 1, 0, (3, 7, 20.0)

    def setup(self, what):
        self.env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self.command = [sys.executable, str(PEERS / "startup.py"), "tapeless", what]
        self.time_process(what)  # compiles what is not in the cache, and Python's bytecode

    def time_process(self, what):
        subprocess.run(self.command, env=self.env, check=True, stdout=subprocess.DEVNULL)


class Import:
    """A process that imports a package: what tapeless adds to Numba, on which it stands."""

    params = (("numba", "tapeless"),)
    param_names = ("package",)
    number, warmup_time, repeat = 1, 0, (3, 7, 20.0)

    def setup(self, package):
        self.time_import(package)

    def time_import(self, package):
        subprocess.run([sys.executable, "-c", f"import {package}"], check=True)
