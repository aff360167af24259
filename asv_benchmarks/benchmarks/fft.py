"""Transforms and their transposes: W7 of the peers, arrays so small that calls are most of the time, lowest modes."""

import numpy as np

from tapeless import fft

CASES = {  # a name: the transform, the shape of its real side, axes
    "rfft, 64": ("rfftn", (64,), (0,)),
    "rfft, 1024": ("rfftn", (1024,), (0,)),
    "irfft, 1024": ("irfftn", (1024,), (0,)),
    "rfft2, 16 x 128 x 128": ("rfftn", (16, 128, 128), (1, 2)),
    "irfft2, 16 x 128 x 128": ("irfftn", (16, 128, 128), (1, 2)),
    "rfft, 1024 x 1024": ("rfftn", (1024, 1024), (1,)),
    "irfft, 1024 x 1024": ("irfftn", (1024, 1024), (1,)),
    "DCT-II, 1024 x 1024": ("dctn", (1024, 1024), (1,)),
    "DCT-III, 1024 x 1024": ("idctn", (1024, 1024), (1,)),
}


def problem(case, dtype):
    """Return the transform of a case, what it takes, and the axes."""
    name, shape, axes = CASES[case]
    x = np.random.default_rng(73).standard_normal(shape).astype(dtype)
    return name, fft.rfftn(x, axes=axes) if name == "irfftn" else x, axes


class Transforms:
    """By each engine that is installed, one thread."""

    params = (list(CASES), ["float32", "float64"], list(fft.engines()))
    param_names = ("case", "dtype", "engine")

    def setup(self, case, dtype, engine):
        name, self.x, self.axes = problem(case, dtype)
        self.transform, self.transform_vjp = getattr(fft, name), getattr(fft, f"{name}_vjp")
        self.y = self.transform(self.x, axes=self.axes)
        fft.set_engine(engine)

    def time_forward(self, case, dtype, engine):
        self.transform(self.x, axes=self.axes)

    def time_vjp(self, case, dtype, engine):
        self.transform_vjp(self.y, axes=self.axes)


LOWEST = {  # a name: the shape of the fields, the modes that are kept
    "16 of 1024": ((64, 1024), (16,)),
    "12 x 12 of 64 x 64": ((16, 64, 64), (12, 12)),
    "12 x 12 of 128 x 128": ((16, 128, 128), (12, 12)),
    "8 x 8 x 8 of 64 x 64 x 64": ((1, 64, 64, 64), (8, 8, 8)),
}


class Truncated:
    """The lowest modes of real and complex fields and back, by the method that is chosen, one thread.

    "whole" is the transform that computes them all, without the copy of those that are kept.
    """

    params = (
        list(LOWEST),
        ["float32"],
        ["rfftn", "fftn"],
        ["chosen", "whole"],
    )
    param_names = ("case", "dtype", "transform", "method")

    def setup(self, case, dtype, transform, method):
        shape, modes = LOWEST[case]
        axes = tuple(range(1, len(shape)))
        x = np.random.default_rng(73).standard_normal(shape).astype(dtype)
        x = x * np.complex64(1 + 2j) if transform == "fftn" else x
        if method == "whole":
            to, back = getattr(fft, transform), getattr(fft, f"i{transform}")
            self.to = lambda: to(x, axes=axes)
            y = self.to()
            self.back = lambda: back(y, shape[1:], axes)
        else:
            to, back = (getattr(fft, f"truncated_{i}{transform}") for i in ("", "i"))
            self.to = lambda: to(x, modes, threads=1)
            y = self.to()  # compiled and measured outside the timing
            self.back = lambda: back(y, shape[1:], threads=1)
        self.back()

    def time_to_modes(self, case, dtype, transform, method):
        self.to()

    def time_to_fields(self, case, dtype, transform, method):
        self.back()
