"""What a C program can call: each function with its prototype, from which the header and the page are made."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import types

from tapeless_kernels.capi import entry, text
from tapeless_kernels.capi.families import family
from tapeless_kernels.launch import cpu

SUFFIXES: dict[np.dtype, str] = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64"}
SCALARS: dict[np.dtype, str] = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
TILES = "_tiles"  # ends the names of what solves many trajectories at a time


class Entry(NamedTuple):
    """A function; in its types T stands for float or double, and SUFFIX for f32 or f64."""

    name: str
    function: Callable[..., Any]  # compiled by the family of a dtype and a width
    returns: str
    arguments: tuple[tuple[str, str], ...]  # type and name
    summary: str

    @property
    def of_dtype(self) -> bool:
        """Whether there is one for float and one for double."""
        return any("SUFFIX" in kind or "T*" in kind for kind, _ in self.arguments)

    @property
    def dtypes(self) -> tuple[np.dtype, ...]:
        """The dtypes that there is one for; float64 stands for all."""
        return tuple(SUFFIXES) if self.of_dtype else (np.dtype(np.float64),)

    def full_name(self, dtype: np.dtype) -> str:
        """Return the name with its dtype."""
        return f"{self.name}_{SUFFIXES[dtype]}" if self.of_dtype else self.name

    def type_name(self, dtype: np.dtype) -> str:
        """Return the name of the type of its address."""
        return f"tapeless_{self.full_name(dtype)}"

    def symbol(self, dtype: np.dtype) -> str:
        """Return its name in a library."""
        return f"tapeless_v2_{self.full_name(dtype)}"

    def lanes(self, dtype: np.dtype) -> int:
        """Return how many trajectories it solves at a time."""
        return cpu.WIDTHS[dtype] if self.name.endswith(TILES) else 1

    def compiled_for(self, dtype: np.dtype) -> tuple[Any, Any]:
        """Return the kernels that it is one of, and its signature."""
        integers = {"int32_t": types.int32}
        arguments = [integers.get(kind, types.int64) for kind, _ in self.arguments]
        returns = integers.get(self.returns, types.int64)
        return family(dtype, self.lanes(dtype)), returns(*arguments)


_ODE = ("tapeless_ode_SUFFIX*", "ode")
_BARS = (("const T*", "ys_bar"), ("T*", "y0_bar"), ("T*", "theta_bar"))

ENTRIES = (
    Entry(
        "ode_init", entry.ode_init, "int32_t", (_ODE, ("int64_t", "n_bytes")),
        "Set a struct, of sizeof bytes, to the defaults: tsit5, rtol = 1e-3, atol = 1e-6, max_steps = 4096.",
    ),
    Entry(
        "ode_sizes", entry.ode_sizes, "int32_t", (_ODE,),
        "Set the struct's workspace_needed, iteration_bytes, record_overhead and iterations, for `solve`.",
    ),
    Entry(
        "solve", entry.solve, "int32_t", (_ODE,),
        "Begin a solve, or go on with it after BUFFER_FULL and BUDGET_SPENT: one trajectory after the other.",
    ),
    Entry(
        "solve_vjp", entry.solve_vjp, "int32_t", (_ODE, *_BARS),
        "Write the gradient of a solve that is done, from the cotangent of ys; all three are overwritten by it "
        "but the first.",
    ),
    Entry("ode_sizes_tiles", entry.ode_sizes, "int32_t", (_ODE,), "As ode_sizes, for `solve_tiles`."),
    Entry(
        "solve_tiles", entry.solve, "int32_t", (_ODE,),
        "As solve, with 32 trajectories at a time in double and 64 in float: the field gets so many lanes.",
    ),
    Entry("solve_vjp_tiles", entry.solve_vjp, "int32_t", (_ODE, *_BARS), "As solve_vjp, of `solve_tiles`."),
    Entry(
        "message", text.message, "const char*", (("int32_t", "code"),),
        "Say what a code that a call returned means.",
    ),
    Entry(
        "lane_message", text.lane_message, "const char*", (("int32_t", "status"),),
        "Say what the status of a trajectory means.",
    ),
)  # fmt: skip
BY_NAME = {one.name: one for one in ENTRIES}
