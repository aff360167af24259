"""Optimisers that divide by the root of a running mean of the gradient's square."""

import math
from typing import ClassVar

from tapeless._optimiser import Optimiser
from tapeless._optimiser_arguments import at_least_0, share, two_shares
from tapeless._schedules import Schedule, check_rate
from tapeless_kernels import optimisers as kernels


class Adam(Optimiser):
    """Steps scaled by running means of the gradient and of its square.

    Parameters
    ----------
    lr : float or Schedule
        Learning rate.
    betas : tuple of float
        Decay rates of the two running means, in [0, 1).
    eps : float
        Added to the root of the second mean.
    clip_norm : float, optional
        The largest norm of the gradient; a longer one is shortened to it.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

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

    OPTIONS: ClassVar[tuple[str, ...]] = ("lr", "betas", "eps", "clip_norm")
    MEANS, kernel = 2, staticmethod(kernels.adam)
    weight_decay = 0.0

    def __init__(
        self,
        lr: Schedule | float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(lr, clip_norm)
        self.betas, self.eps = two_shares(type(self).__name__, betas), float(eps)
        check_rate(type(self).__name__, "eps", eps)

    def _numbers(self, lr: float, scale: float) -> tuple[float, ...]:
        (beta1, beta2), n = self.betas, self.n_steps + 1
        rate, root = lr / (1 - beta1**n), 1 / math.sqrt(1 - beta2**n)
        return scale, rate, lr * self.weight_decay, 0, 0, 1 - beta1, 1 - beta2, self.eps, root


class AdamW(Adam):
    """Adam, and beside its step a share of theta taken away, which the gradient's scale does not change.

    Parameters
    ----------
    lr : float or Schedule
        Learning rate.
    betas : tuple of float
        Decay rates of the two running means, in [0, 1).
    eps : float
        Added to the root of the second mean.
    weight_decay : float
        The share of theta that is taken away at each step is `lr` times this.
    clip_norm : float, optional
        The largest norm of the gradient; a longer one is shortened to it.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    References
    ----------
    .. [1] Loshchilov and Hutter, Decoupled weight decay regularization, ICLR (2019), algorithm 2.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("lr", "betas", "eps", "weight_decay", "clip_norm")

    def __init__(
        self,
        lr: Schedule | float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        weight_decay: float = 1e-2,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(lr, betas, eps, clip_norm=clip_norm)
        self.weight_decay = at_least_0("AdamW", "weight_decay", weight_decay)


class RMSProp(Optimiser):
    """Steps along the gradient over the root of a running mean of its square.

    Parameters
    ----------
    lr : float or Schedule
        Learning rate.
    beta : float
        Decay rate of the running mean, in [0, 1).
    eps : float
        Added to its root.
    momentum : float
        What is kept of the step before, in [0, 1).
    weight_decay : float
        This many times theta is added to the gradient.
    clip_norm : float, optional
        The largest norm of the gradient; a longer one is shortened to it.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    References
    ----------
    .. [1] Tieleman and Hinton, Lecture 6.5: RMSProp, *Neural Networks for Machine Learning* (2012).
    """

    OPTIONS = ("lr", "beta", "eps", "momentum", "weight_decay", "clip_norm")
    MEANS, kernel = 2, staticmethod(kernels.rmsprop)

    def __init__(
        self,
        lr: Schedule | float = 1e-3,
        beta: float = 0.99,
        eps: float = 1e-8,
        *,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(lr, clip_norm)
        check_rate("RMSProp", "eps", eps)
        self.beta, self.eps = share("RMSProp", "beta", beta), float(eps)
        self.momentum = share("RMSProp", "momentum", momentum)
        self.weight_decay = at_least_0("RMSProp", "weight_decay", weight_decay)

    def _numbers(self, lr: float, scale: float) -> tuple[float, ...]:
        return scale, lr, self.weight_decay, self.momentum, 0, 0, 1 - self.beta, self.eps, 0
