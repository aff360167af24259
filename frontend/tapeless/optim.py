"""Optimisers on flat parameter vectors, and schedules of their learning rates."""

import math
from typing import Any, ClassVar

from tapeless._check import positive_int
from tapeless._complain import complain, describe
from tapeless._optimiser import Optimiser
from tapeless._schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    Schedule,
    WarmUp,
    check_rate,
)
from tapeless._types import Integer
from tapeless_kernels import optimisers as kernels

__all__ = [
    "LBFGS",
    "OPTIMISERS",
    "SCHEDULES",
    "SGD",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Exponential",
    "Lion",
    "Optimiser",
    "RMSProp",
    "Schedule",
    "WarmUp",
]


class SGD(Optimiser):
    """Steps along the gradient, or along a velocity that remembers those before.

    Parameters
    ----------
    lr : float or Schedule
        Learning rate.
    momentum : float
        What is kept of the velocity at each step, in [0, 1).
    nesterov : bool
        Whether to step to where the velocity will have led; needs `momentum`.
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
    .. [1] Sutskever et al., On the importance of initialization and momentum in deep learning, ICML (2013),
       eqs. (1) to (4), with the learning rate outside of the velocity.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless.optim import SGD
    >>> theta, sgd = np.array([1.0]), SGD(lr=0.1, momentum=0.9)
    >>> for _ in range(3):
    ...     theta = sgd.step(theta, theta)
    >>> theta.round(6)
    array([0.486])
    """

    OPTIONS = ("lr", "momentum", "nesterov", "weight_decay", "clip_norm")
    MEANS, kernel = 1, staticmethod(kernels.sgd)

    def __init__(
        self,
        lr: Schedule | float = 1e-2,
        momentum: float = 0.0,
        *,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(lr, clip_norm)
        self.momentum, self.nesterov = _share("SGD", "momentum", momentum), bool(nesterov)
        self.weight_decay = _at_least_0("SGD", "weight_decay", weight_decay)
        if nesterov and not self.momentum:
            wanted = "positive with nesterov=True"
            raise complain(ValueError, "SGD", "momentum", wanted, describe(momentum))

    def _numbers(self, lr: float, scale: float) -> tuple[float, ...]:
        return scale, lr, self.weight_decay, self.momentum, self.nesterov, 0, 0, 0, 0


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
        self.betas, self.eps = _two_shares(type(self).__name__, betas), float(eps)
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
        self.weight_decay = _at_least_0("AdamW", "weight_decay", weight_decay)


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
        self.beta, self.eps = _share("RMSProp", "beta", beta), float(eps)
        self.momentum = _share("RMSProp", "momentum", momentum)
        self.weight_decay = _at_least_0("RMSProp", "weight_decay", weight_decay)

    def _numbers(self, lr: float, scale: float) -> tuple[float, ...]:
        return scale, lr, self.weight_decay, self.momentum, 0, 0, 1 - self.beta, self.eps, 0


class Lion(Optimiser):
    """Steps of one size, by the sign of a mean of the gradient and of those before.

    Parameters
    ----------
    lr : float or Schedule
        Learning rate: how far each parameter moves. A third to a tenth of Adam's is usual.
    betas : tuple of float
        What the mean has in the step, and what of it is kept, in [0, 1).
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
    .. [1] Chen et al., Symbolic discovery of optimization algorithms, NeurIPS (2023), algorithm 2.
    """

    OPTIONS = ("lr", "betas", "weight_decay", "clip_norm")
    MEANS, kernel = 1, staticmethod(kernels.lion)

    def __init__(
        self,
        lr: Schedule | float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(lr, clip_norm)
        self.betas = _two_shares("Lion", betas)
        self.weight_decay = _at_least_0("Lion", "weight_decay", weight_decay)

    def _numbers(self, lr: float, scale: float) -> tuple[float, ...]:
        beta1, beta2 = self.betas
        return scale, lr, lr * self.weight_decay, 0, 0, 1 - beta1, 1 - beta2, 0, 0


OPTIMISERS = (SGD, Adam, AdamW, RMSProp, Lion)


class LBFGS:
    """SciPy's L-BFGS-B, for `tapeless.fit` on all of the data at once.

    Parameters
    ----------
    memory : int
        Pairs of steps and changes of the gradient that approximate the Hessian.
    gtol : float
        It has converged when no entry of the gradient is larger.
    ftol : float
        It has converged when the loss falls by less than this share of it.

    Raises
    ------
    ValueError
        If `memory` is not positive, or a tolerance is negative.

    References
    ----------
    .. [1] Byrd, Lu, Nocedal and Zhu, A limited memory algorithm for bound constrained optimization,
       SIAM Journal on Scientific Computing 16 (1995).
    """

    OPTIONS = ("memory", "gtol", "ftol")

    def __init__(self, memory: Integer = 10, gtol: float = 1e-8, ftol: float = 1e-12) -> None:
        self.memory = positive_int("LBFGS", "memory", memory)
        self.gtol = _at_least_0("LBFGS", "gtol", gtol)
        self.ftol = _at_least_0("LBFGS", "ftol", ftol)

    def options(self) -> dict[str, Any]:
        """Return the arguments that make one like this.

        Returns
        -------
        dict
            By name.
        """
        return {name: getattr(self, name) for name in self.OPTIONS}

    def __repr__(self) -> str:
        return f"LBFGS(memory={self.memory}, gtol={self.gtol}, ftol={self.ftol})"


def _share(caller: str, name: str, x: float) -> float:
    if isinstance(x, (bool, str)) or not isinstance(x, (int, float)) or not 0 <= x < 1:
        raise complain(ValueError, caller, name, "a number in [0, 1)", describe(x))
    return float(x)


def _two_shares(caller: str, betas: Any) -> tuple[float, float]:
    try:
        first, second = betas
        return _share(caller, "betas", first), _share(caller, "betas", second)
    except (TypeError, ValueError):
        wanted = "two numbers in [0, 1)"
        raise complain(ValueError, caller, "betas", wanted, describe(betas)) from None


def _at_least_0(caller: str, name: str, x: float) -> float:
    check_rate(caller, name, x, or_zero=True)
    return float(x)
