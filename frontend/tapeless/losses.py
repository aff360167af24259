"""Losses of a batch, each with its gradient: what `fit` minimises, and what `Solution.vjp` begins from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._schedules import check_rate
from tapeless._types import ArrayInput

__all__ = ["LOSSES", "cross_entropy", "gaussian_nll", "huber", "mse", "relative_l2"]

Floats = NDArray[np.floating]


@takes_arrays
def mse(y: ArrayInput, target: ArrayInput) -> tuple[float, Floats]:
    """Return the mean of the squared differences, and its gradient in y.

    Parameters
    ----------
    y : array, any shape
        Predictions, float32 or float64.
    target : array, shape of `y`
        What they should be.

    Returns
    -------
    loss : float
        The mean of ``(y - target)**2`` over all entries.
    y_bar : ndarray, shape and dtype of `y`
        Its gradient.

    Raises
    ------
    TypeError
        If an array is of no real dtype.
    ValueError
        If `y` is empty, or the shapes differ.

    Examples
    --------
    >>> from tapeless import losses
    >>> loss, y_bar = losses.mse([1.0, 2.0], [1.0, 4.0])
    >>> loss, y_bar
    (2.0, array([ 0., -2.]))
    """
    y, target = _pair("mse", y, target)
    difference = y - target
    return _mean(difference * difference), difference * y.dtype.type(2 / y.size)


@takes_arrays
def huber(y: ArrayInput, target: ArrayInput, delta: float = 1.0) -> tuple[float, Floats]:
    """Return the mean of Huber's function of the differences, and its gradient in y.

    Parameters
    ----------
    y : array, any shape
        Predictions, float32 or float64.
    target : array, shape of `y`
        What they should be.
    delta : float
        Differences of at most this count as half their square, larger ones in proportion.

    Returns
    -------
    loss : float
        The mean over all entries.
    y_bar : ndarray, shape and dtype of `y`
        Its gradient.

    Raises
    ------
    TypeError
        If an array is of no real dtype.
    ValueError
        If `y` is empty, the shapes differ, or `delta` is not positive.

    References
    ----------
    .. [1] Huber, Robust estimation of a location parameter, *Annals of Mathematical Statistics* 35 (1964).
    """
    check_rate("huber", "delta", delta)
    y, target = _pair("huber", y, target)
    difference = y - target
    bounded = np.clip(difference, -y.dtype.type(delta), y.dtype.type(delta))
    loss = _mean(bounded * (difference - y.dtype.type(0.5) * bounded))
    return loss, bounded / y.dtype.type(y.size)


@takes_arrays
def cross_entropy(logits: ArrayInput, labels: ArrayInput) -> tuple[float, Floats]:
    """Return the mean of ``-log softmax(logits)[label]``, and its gradient in the logits.

    Parameters
    ----------
    logits : array, shape (batch, n_classes)
        Scores of the classes, float32 or float64.
    labels : array of int, shape (batch,)
        The class of each row, from 0 to n_classes - 1.

    Returns
    -------
    loss : float
        The mean over the batch.
    logits_bar : ndarray, shape and dtype of `logits`
        Its gradient.

    Raises
    ------
    TypeError
        If `logits` are of no real dtype, or `labels` no integers.
    ValueError
        If `logits` are empty or not of two axes, or a label is of no row or class.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import losses
    >>> loss, logits_bar = losses.cross_entropy(np.zeros((1, 2)), [1])
    >>> round(loss, 4), logits_bar
    (0.6931, array([[ 0.5, -0.5]]))
    """
    caller = "cross_entropy"
    logits, labels = (
        check.as_state(caller, "logits", logits),
        check.as_array(caller, "labels", labels),
    )
    if logits.ndim != 2 or not logits.size:
        wanted = "an array (batch, n_classes) that is not empty"
        raise complain(ValueError, caller, "logits", wanted, describe(logits))
    if labels.dtype.kind not in "iu":
        raise complain(TypeError, caller, "labels", "integers", describe(labels))
    n, n_classes = logits.shape
    if labels.shape != (n,):
        raise complain(ValueError, caller, "labels", f"of shape ({n},)", describe(labels))
    least, most = int(labels.min()), int(labels.max())
    if least < 0 or most >= n_classes:
        wanted = f"from 0 to {n_classes - 1}, the last of {n_classes} classes"
        got = least if least < 0 else most
        raise complain(ValueError, caller, "labels", wanted, f"{got} among them")
    rows = np.arange(n)
    shifted = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(axis=1, keepdims=True)
    loss = _mean(np.log(total[:, 0]) - shifted[rows, labels])
    p /= total
    p[rows, labels] -= 1
    return loss, p / p.dtype.type(n)


@takes_arrays
def gaussian_nll(y: ArrayInput, target: ArrayInput) -> tuple[float, Floats]:
    """Return the mean of ``-log N(target; mean, exp(log_variance))``, and its gradient in y.

    Parameters
    ----------
    y : array, shape (..., 2 dim)
        Means in the first half of the last axis, logarithms of variances in the second; float32 or float64.
    target : array, shape (..., dim)
        What was observed.

    Returns
    -------
    loss : float
        The mean over all observed numbers, with the constant ``log(2 pi) / 2``.
    y_bar : ndarray, shape and dtype of `y`
        Its gradient.

    Raises
    ------
    TypeError
        If an array is of no real dtype.
    ValueError
        If `y` is empty, or its last axis not twice as long as that of `target`.

    References
    ----------
    .. [1] Nix and Weigend, Estimating the mean and variance of the target probability distribution,
       ICNN (1994), eq. (4).

    Examples
    --------
    >>> from tapeless import losses
    >>> loss, y_bar = losses.gaussian_nll([[1.0, 0.0]], [[3.0]])
    >>> round(loss, 4), y_bar
    (2.9189, array([[-2. , -1.5]]))
    """
    caller = "gaussian_nll"
    y, target = check.as_state(caller, "y", y), check.as_state(caller, "target", target)
    if not y.size or y.ndim < 1 or y.shape[-1] % 2:
        wanted = "of an even last axis, means and log variances, and not empty"
        raise complain(ValueError, caller, "y", wanted, describe(y))
    half = y.shape[-1] // 2
    if target.shape != (*y.shape[:-1], half):
        wanted = f"of shape {(*y.shape[:-1], half)}"
        raise complain(ValueError, caller, "target", wanted, describe(target))
    real = y.dtype.type
    mean, log_variance = y[..., :half], y[..., half:]
    difference, precision = mean - target.astype(y.dtype, copy=False), np.exp(-log_variance)
    square = difference * difference * precision
    loss = 0.5 * (_mean(square + log_variance) + float(np.log(2 * np.pi)))
    y_bar = np.concatenate([difference * precision, real(0.5) * (1 - square)], axis=-1)
    return loss, y_bar / real(target.size)


@takes_arrays
def relative_l2(y: ArrayInput, target: ArrayInput) -> tuple[float, Floats]:
    """Return the mean of ``|y - target| / |target|``, Euclidean norms of samples, and its gradient in y.

    Parameters
    ----------
    y : array, shape (batch, ...)
        Predictions, float32 or float64; a sample is all that has one first index.
    target : array, shape of `y`
        What they should be.

    Returns
    -------
    loss : float
        The mean over the batch.
    y_bar : ndarray, shape and dtype of `y`
        Its gradient, 0 for a sample without error.

    Raises
    ------
    TypeError
        If an array is of no real dtype.
    ValueError
        If `y` is empty or has no axis, the shapes differ, or a target is zero.

    References
    ----------
    .. [1] Li et al., Fourier neural operator for parametric partial differential equations, ICLR (2021),
       section 5, the error that is reported.

    Examples
    --------
    >>> from tapeless import losses
    >>> loss, y_bar = losses.relative_l2([[3.0, 4.0]], [[3.0, 3.0]])
    >>> round(loss, 4), y_bar.round(4)
    (0.2357, array([[0.    , 0.2357]]))
    """
    y, target = _pair("relative_l2", y, target)
    if y.ndim == 0:
        raise complain(ValueError, "relative_l2", "y", "of shape (batch, ...)", describe(y))
    difference = (y - target).reshape(len(y), -1)
    sizes = np.linalg.norm(target.reshape(len(y), -1).astype(np.float64), axis=1)
    if not sizes.all():
        i = int(np.flatnonzero(sizes == 0)[0])
        wanted = "not zero, as errors are relative to it"
        raise complain(ValueError, "relative_l2", "target", wanted, f"zeros in sample {i}")
    errors = np.linalg.norm(difference.astype(np.float64), axis=1)
    scale = 1 / (len(y) * sizes * np.where(errors == 0, 1, errors))
    y_bar = difference * scale[:, None].astype(y.dtype)
    return float(np.mean(errors / sizes)), y_bar.reshape(y.shape)


LOSSES = (mse, huber, cross_entropy, gaussian_nll, relative_l2)


def _pair(caller: str, y: Any, target: Any) -> tuple[Floats, Floats]:
    y, target = check.as_state(caller, "y", y), check.as_state(caller, "target", target)
    if not y.size:
        raise complain(ValueError, caller, "y", "not empty", describe(y))
    if target.shape != y.shape:
        wanted = f"of the shape of `y`, {y.shape}"
        raise complain(ValueError, caller, "target", wanted, describe(target))
    return y, target.astype(y.dtype, copy=False)


def _mean(x: Floats) -> float:
    """Return the mean, summed in float64."""
    return float(x.mean(dtype=np.float64))
