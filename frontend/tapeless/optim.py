"""Optimisers on flat parameter vectors."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tapeless._complain import complain, describe

__all__ = ["Adam"]


class Adam:
    """Adam: steps scaled by running means of the gradient and of its square.

    Parameters
    ----------
    lr : float
        Learning rate.
    betas : tuple of float
        Decay rates of the two running means, in [0, 1).
    eps : float
        Added to the root of the second mean.

    Raises
    ------
    ValueError
        If `lr` or `eps` is not positive, or a beta lies outside [0, 1).

    References
    ----------
    .. [1] Kingma and Ba, Adam: a method for stochastic optimization, ICLR (2015), algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless.optim import Adam
    >>> theta, adam = np.array([1.0]), Adam(lr=0.1)
    >>> for _ in range(100):
    ...     theta = adam.step(theta, 2 * theta)
    >>> bool(abs(theta[0]) < 0.01)
    True
    """

    _means: tuple[NDArray[Any], NDArray[Any]] | None

    def __init__(
        self, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        for name, value in (("lr", lr), ("eps", eps)):
            if not value > 0:
                raise complain(ValueError, "Adam", name, "positive", describe(value))
        if len(betas) != 2 or any(not 0 <= beta < 1 for beta in betas):
            raise complain(ValueError, "Adam", "betas", "two numbers in [0, 1)", describe(betas))
        self.lr, self.betas, self.eps = lr, tuple(betas), eps
        self._n_steps, self._means = 0, None

    def step(self, theta: ArrayLike, theta_bar: ArrayLike) -> NDArray[Any]:
        """Return the parameters after one step against the gradient.

        Parameters
        ----------
        theta : ndarray, shape (n_params,)
            The parameters; not changed.
        theta_bar : ndarray, shape (n_params,)
            The gradient of the loss.

        Returns
        -------
        ndarray, shape (n_params,)
            The new parameters, of theta's dtype.

        Raises
        ------
        ValueError
            If the shapes differ, or from those of the steps before.
        """
        theta, theta_bar = np.asarray(theta), np.asarray(theta_bar)
        if self._means is None:
            self._means = np.zeros_like(theta), np.zeros_like(theta)
        if not theta.shape == theta_bar.shape == self._means[0].shape:
            wanted = f"of the parameters' shape {self._means[0].shape}"
            raise complain(ValueError, "Adam.step", "theta_bar", wanted, describe(theta_bar))
        (beta1, beta2), (mean, square) = self.betas, self._means
        self._n_steps += 1
        mean += (1 - beta1) * (theta_bar - mean)
        square += (1 - beta2) * (theta_bar * theta_bar - square)
        rate = self.lr / (1 - beta1**self._n_steps)
        root = np.sqrt(square / (1 - beta2**self._n_steps))
        return (theta - rate * mean / (root + self.eps)).astype(theta.dtype, copy=False)
