"""Optimisers with one running mean of the gradient: SGD steps along it, Lion by its sign."""

from tapeless._complain import complain, describe
from tapeless._optimiser import Optimiser
from tapeless._optimiser_arguments import at_least_0, share, two_shares
from tapeless._schedules import Schedule
from tapeless_kernels import optimisers as kernels


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
        self.momentum, self.nesterov = share("SGD", "momentum", momentum), bool(nesterov)
        self.weight_decay = at_least_0("SGD", "weight_decay", weight_decay)
        if nesterov and not self.momentum:
            wanted = "positive with nesterov=True"
            raise complain(ValueError, "SGD", "momentum", wanted, describe(momentum))

    def _numbers(self, lr: float, scale: float) -> tuple[float, ...]:
        return scale, lr, self.weight_decay, self.momentum, self.nesterov, 0, 0, 0, 0


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
        self.betas = two_shares("Lion", betas)
        self.weight_decay = at_least_0("Lion", "weight_decay", weight_decay)

    def _numbers(self, lr: float, scale: float) -> tuple[float, ...]:
        beta1, beta2 = self.betas
        return scale, lr, lr * self.weight_decay, 0, 0, 1 - beta1, 1 - beta2, 0, 0
