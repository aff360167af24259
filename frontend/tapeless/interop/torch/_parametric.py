"""What modules with the parameters of fields and operators share."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tapeless._complain import complain
from tapeless.interop.torch._sde_problem import MOST
from tapeless.interop.torch._tensors import as_array, checked


class Parametric(torch.nn.Module):
    """A module with the parameters of fields or operators, one after the other in `theta`."""

    def __init__(self, sources: Sequence[Any], theta: Any, dtype: torch.dtype | None) -> None:
        super().__init__()
        self._sources = tuple(
            source for source in sources if source is not None and source.n_params
        )
        self.theta = torch.nn.Parameter(self._start(theta, dtype or torch.get_default_dtype()))

    def _start(self, theta: Any, dtype: torch.dtype) -> Tensor:
        name, n = type(self).__name__, sum(source.n_params for source in self._sources)
        if theta is not None:
            found = torch.as_tensor(theta).detach().to(dtype, copy=True)
            if found.shape != (n,):
                wanted = f"of shape ({n},)"
                raise complain(
                    ValueError, name, "theta", wanted, f"one of shape {tuple(found.shape)}"
                )
            return checked(name, "theta", found)
        parts = []
        for source in self._sources:
            if not hasattr(source, "init"):
                wanted = (
                    f"given, of shape ({n},), as {source} does not say how its parameters begin"
                )
                raise complain(TypeError, name, "theta", wanted, "None")
            # Seeded by torch, so that torch.manual_seed makes it the same again.
            parts.append(source.init(rng=int(torch.randint(MOST, ()).item())))
        return torch.from_numpy(np.concatenate(parts or [np.zeros(0)])).to(dtype)

    def unflatten(self) -> dict[str, Tensor]:
        """Return the parameters by name, as views of `theta` without gradients.

        Returns
        -------
        dict
            As `unflatten` of the field or the operator; of several parts their place is put before the name.
        """
        found: dict[str, Tensor] = {}
        at = 0
        for i, source in enumerate(self._sources):
            part = as_array(self.theta)[at : at + source.n_params]
            at += source.n_params
            named = source.unflatten(part) if hasattr(source, "unflatten") else {"theta": part}
            before = f"{i}." if len(self._sources) > 1 else ""
            found |= {before + name: torch.from_numpy(np.asarray(x)) for name, x in named.items()}
        return found

    def extra_repr(self) -> str:
        """Return what its repr says of it.

        Returns
        -------
        str
            Its fields or operators.
        """
        return ", ".join(map(str, self._sources))
