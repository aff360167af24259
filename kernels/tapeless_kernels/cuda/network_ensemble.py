"""Ensembles of a network on a device, in parts that fit: parts are whole tiles, so that none changes a bit."""

from .ensemble import Bars, EnsembleSolve
from .network_ode import NetworkPart, block_of, bytes_each
from .network_plan import LANES


class NetworkEnsemble(EnsembleSolve):
    """A solve of n trajectories of a network, as `EnsembleSolve`; raises a ValueError if no block has room for it."""

    grain = max(LANES)
    part, bytes_each = NetworkPart, staticmethod(bytes_each)

    def __init__(self, setup, chunk=None):
        super().__init__(setup, chunk)
        for transposed in (False, True)[: 1 + (setup.kept is not None)]:
            if block_of(setup, transposed) is None:
                raise ValueError(
                    f"with layers of {', '.join(str(x.n_out) for x in setup.layers)} values it does not fit into "
                    f"{setup.limit} bytes of shared memory"
                )

    def vjp(self, ys_bar):
        """Return the Bars of ys_bar (n, n_outputs, dim); forward solves of which no record is held are taken again."""
        setup, device = self.setup, self.setup.device
        y0_bar = device.empty((self._n, setup.dim), setup.dtype)
        theta_bar = device.zeros(setup.n_params, setup.dtype)

        def backward(part, where, record):
            if part is not self._whole:
                part.run(record)
            total = device.copy(theta_bar)  # memory may run out when some tiles have been added
            y0_bar[where] = part.vjp(ys_bar[where], total).T
            theta_bar[...] = total

        if self._whole is None or self._try(backward, slice(0, self._n), True, self._whole) is None:
            self._whole = None
            self._walk(backward, True)
        return Bars(y0_bar, theta_bar, device.zeros(self._n, float))
