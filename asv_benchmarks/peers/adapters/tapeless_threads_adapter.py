"""The ensemble of W6 on one thread and on two, in a process of its own: it leaves the one core of the others."""

import functools
import os

import problems as P
from core import register

from adapters._gbm import build

os.sched_setaffinity(0, range(os.cpu_count()))

for threads in (1, 2):
    register("tapeless", "W6", f"solve_sde threads={threads}", [P.GBM_THREADS])(
        functools.partial(build, threads)
    )
