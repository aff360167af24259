"""Transforms and their transposes: W7 of the peers, and arrays so small that a call is most of the time."""

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
