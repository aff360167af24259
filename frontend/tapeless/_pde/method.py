"""The factors that a method has on the legs of a grid."""

from typing import NamedTuple

import numpy as np

from tapeless._pde.factors import method_factors
from tapeless._pde.grid import Grid
from tapeless._pde.modes import Box
from tapeless._pde.stepping import Factors


class Method(NamedTuple):
    """A method by its name, for u' = nu lap u + N(u) on a box."""

    name: str
    box: Box
    grid: Grid
    nu: float

    def factors(self, slopes: bool = False) -> list[Factors]:
        """Return the factors of each leg, or their derivatives in nu: L = -nu k^2, and so -k^2 times those in L."""
        box, made = self.box, {}
        scale = -box.k2 if slopes else np.ones_like(box.k2)
        for h in {leg.h for leg in self.grid.legs}:
            found = method_factors(self.name, -self.nu * box.k2, h, slopes)
            arrays = [np.ascontiguousarray(scale * c, box.dtype) for c in found]
            made[h] = Factors(*(c if c.any() else None for c in arrays))
        return [made[leg.h] for leg in self.grid.legs]
