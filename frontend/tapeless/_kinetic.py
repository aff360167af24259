"""A network with what RNODE penalises, its kinetic energy and the size of its Jacobian, integrated along."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._interchange import takes_arrays
from tapeless._types import RNG, ArrayInput
from tapeless_kernels.launch.kinetic import KineticProgram

Floats = NDArray[np.floating]
NOISES = ("rademacher", "gaussian")


class KineticParts(NamedTuple):
    """What states of a `Kinetic` field consist of; views of them, with their leading axes."""

    z: Floats  # (..., network.dim): the network's state
    kinetic: Floats  # (...): the kinetic energy so far
    jacobian: Floats | None  # (...): the size of the Jacobian so far; None if it is not integrated
    eps: Floats | None  # (..., network.dim): the noise that it is estimated with


class Kinetic(VectorField):
    r"""A network together with what regularises a neural ODE: its kinetic energy and its Jacobian's size (RNODE).

    With d entries in the network's state z, the state is (z, kinetic, jacobian, eps), of 2 d + 2 entries, and

    .. math::
        z' = f(t, z, \theta), \quad kinetic' = \tfrac1d |f|^2, \quad
        jacobian' = \tfrac1d |\epsilon^\top \partial f / \partial z|^2, \quad \epsilon' = 0.

    The noise eps has mean 0 and variance 1, so that the expectation of jacobian' is the squared Frobenius norm of
    the Jacobian over d. It lies in the state: fixed for the solve, another one for each trajectory.

    Parameters
    ----------
    network : Network
        The field f.
    jacobian : bool
        Whether the Jacobian's size is integrated; without it the state is (z, kinetic), and a solve costs as much as
        that of the network, with it about 2 and its gradient 2.5 times as much.

    Attributes
    ----------
    network : Network
        As given.
    jacobian : bool
        As given.
    dim : int
        Number of entries of the state.
    n_params : int
        The network's.
    tolerance_scale : float
        By what to multiply rtol and atol: the norm of an error is a mean over the state's entries, and eps has none.

    Raises
    ------
    TypeError
        If `network` is no Network.

    Notes
    -----
    The penalty of [1]_ is the expectation of :math:`\lambda_K \int |f|^2 + \lambda_J \int |\epsilon^\top
    \partial f / \partial z|^2`; the code of its authors divides both by d, as is done here, and the kinetic energy
    also by 2.

    References
    ----------
    .. [1] Finlay, Jacobsen, Nurbekyan and Oberman, How to train your neural ODE: the world of Jacobian and kinetic
       regularization, ICML (2020), arXiv:2002.02798.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> network = tapeless.fields.MLP(2, [16])
    >>> field, theta = tapeless.fields.Kinetic(network), network.init(rng=0)
    >>> y0 = field.initial(np.ones((5, 2)), rng=0)
    >>> tolerances = {"rtol": 1e-3 * field.tolerance_scale, "atol": 1e-6 * field.tolerance_scale}
    >>> sol = tapeless.solve_ode(field, (0.0, 1.0), y0, theta, **tolerances)
    >>> end = field.split(sol.ys)
    >>> end.z.shape, end.kinetic.shape, end.jacobian.shape
    ((5, 2), (5,), (5,))
    """

    def __init__(self, network: VectorField, jacobian: bool = True) -> None:
        if not isinstance(network, VectorField) or not hasattr(network.program, "operations"):
            raise complain(TypeError, "Kinetic", "network", "a Network", describe(network))
        self.network, self.jacobian = network, bool(jacobian)
        self.program = KineticProgram(network.program, self.jacobian)
        self.dim, self.n_params = self.program.dim, network.n_params
        self.maps_theta = network.maps_theta
        self.tolerance_scale = float(np.sqrt(network.dim / self.dim))

    @takes_arrays
    def initial(
        self,
        z0: ArrayInput,
        rng: RNG = None,
        noise: Literal["rademacher", "gaussian"] = "rademacher",
    ) -> Floats:
        """Return initial states: z0, zeros, and noise drawn for each.

        Parameters
        ----------
        z0 : array, shape (batch, network.dim) or (network.dim,)
            Initial states of the network.
        rng : numpy.random.Generator or int, optional
            Where the noise comes from; anything that `numpy.random.default_rng` takes.
        noise : "rademacher" or "gaussian"
            Of what distribution: signs, whose estimate varies least, or normal numbers.

        Returns
        -------
        ndarray, shape (batch, dim) or (dim,)
            The states, of the dtype of z0.

        Raises
        ------
        TypeError, ValueError
            If z0 is not what it must be, or there is no such noise.
        """
        caller, d = "Kinetic.initial", self.network.dim
        z0 = check.as_state(caller, "z0", z0)
        if z0.ndim not in (1, 2) or z0.shape[-1] != d:
            raise complain(
                ValueError, caller, "z0", f"of shape (batch, {d}) or ({d},)", describe(z0)
            )
        check.one_of(caller, "noise", noise if noise in NOISES else str(noise), NOISES)
        y0 = np.zeros((*z0.shape[:-1], self.dim), z0.dtype)
        y0[..., :d] = z0
        draw = check.generator(caller, rng)
        if self.jacobian:
            drawn = draw.standard_normal(z0.shape)
            y0[..., d + 2 :] = np.sign(drawn) if noise == "rademacher" else drawn
        return y0

    @takes_arrays
    def split(self, ys: ArrayInput) -> KineticParts:
        """Return the parts of states, or of their cotangents.

        Parameters
        ----------
        ys : array, shape (..., dim)
            States, say `Solution.ys`.

        Returns
        -------
        KineticParts
            ``z``, ``kinetic``, ``jacobian`` and ``eps``, views of `ys`; the last two are None if the Jacobian's size
            is not integrated.

        Raises
        ------
        ValueError
            If the last axis has another length.
        """
        caller, d = "Kinetic.split", self.network.dim
        ys = check.as_state(caller, "ys", ys)
        if ys.ndim == 0 or ys.shape[-1] != self.dim:
            raise complain(ValueError, caller, "ys", f"of shape (..., {self.dim})", describe(ys))
        z, kinetic = ys[..., :d], ys[..., d]
        if not self.jacobian:
            return KineticParts(z, kinetic, None, None)
        return KineticParts(z, kinetic, ys[..., d + 1], ys[..., d + 2 :])

    @takes_arrays
    def effective(self, theta: NDArray[Any]) -> NDArray[Any]:
        """Return the parameters that kernels are given for theta.

        Parameters
        ----------
        theta : ndarray, shape (n_params,)
            The parameters.

        Returns
        -------
        ndarray, shape (n_params,)
            Theta itself, unless a `SpectralDense` maps its weights.
        """
        return self.network.effective(theta)

    def _effective_vjp(self, theta: NDArray[Any], bar: NDArray[Any]) -> NDArray[Any]:
        """Return the cotangent of theta from that of the effective parameters."""
        return self.network._effective_vjp(theta, bar)

    def _effective_jvp(self, theta: NDArray[Any], dot: NDArray[Any]) -> NDArray[Any]:
        """Return the tangent of the effective parameters from that of theta."""
        return self.network._effective_jvp(theta, dot)

    @takes_arrays
    def unflatten(self, theta: ArrayInput) -> Mapping[str, NDArray[Any]]:
        """Return the parameter arrays of the network as views of theta, by name.

        Parameters
        ----------
        theta : array, shape (n_params,)
            The parameters.

        Returns
        -------
        mapping of str to ndarray
            As `Network.unflatten` returns it.

        Raises
        ------
        ValueError
            If theta has another length.
        """
        named: Mapping[str, NDArray[Any]] = self.network.unflatten(theta)  # type: ignore[attr-defined]
        return named

    def __repr__(self) -> str:
        return f"Kinetic({self.network}, jacobian={self.jacobian})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Kinetic, (self.network, self.jacobian)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kinetic) and self.__reduce__() == other.__reduce__()

    def __hash__(self) -> int:
        return hash(self.__reduce__())
