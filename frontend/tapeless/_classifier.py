"""A neural ODE classifier: softmax of W y(1) + b, y(0) the input and y' = f(t, y, theta)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tapeless import _files as files
from tapeless._complain import describe
from tapeless._encode import decode_layer, encode_layer
from tapeless._files import Unreadable
from tapeless._readout import Readout
from tapeless._types import Path
from tapeless.fields import Network
from tapeless.losses import cross_entropy

T_SPAN = 0.0, 1.0
KIND, WANTED = "classifier", "a .npz file that `tapeless demo` wrote"


class Classifier:
    """A vector field and a softmax head, with one flat vector of parameters: theta, then W and b.

    Attributes
    ----------
    field : Network
        The vector field, of dimension `dim`.
    params : ndarray, shape (field.n_params + (dim + 1) * n_classes,)
        All parameters; their dtype is that of the solve.
    mean, scale : ndarray, shape (dim,) and ()
        The state starts at ``(x - mean) / scale``.
    n_classes : int
        Number of classes.
    solver : dict
        Options of `solve_ode`.
    """

    def __init__(
        self,
        field: Network,
        params: NDArray[np.floating],
        mean: ArrayLike,
        scale: ArrayLike,
        n_classes: int,
        solver: Mapping[str, Any],
    ) -> None:
        self.field, self.params, self.n_classes = field, params, n_classes
        self.mean, self.scale, self.solver = np.asarray(mean), np.asarray(scale), dict(solver)
        self._readout = Readout(field, n_classes, cross_entropy, T_SPAN, **self.solver)

    @classmethod
    def new(cls, field, images, n_classes, rng, solver, dtype=np.float32):
        """Return an untrained classifier of inputs like `images`."""
        params = Readout(field, n_classes, cross_entropy).init(rng, dtype)
        mean, scale = images.mean(axis=0, dtype=np.float64), images.std(dtype=np.float64)
        return cls(field, params, mean, scale, n_classes, solver)

    def astype(self, dtype):
        """Return a copy that computes in another dtype."""
        params = self.params.astype(dtype)
        return Classifier(self.field, params, self.mean, self.scale, self.n_classes, self.solver)

    def parts(self):
        """Return theta, the head's weight (dim, n_classes) and its bias, as views of `params`."""
        return self._readout.parts(self.params)

    def start(self, images):
        """Return the states at t = 0, (batch, dim)."""
        return ((np.asarray(images) - self.mean) / self.scale).astype(self.params.dtype)

    def solve(self, y0, **options):
        """Integrate from y0; options as those of `solve_ode`, over those of the classifier."""
        return self._readout.solve(self.params, y0, **options)

    def logits(self, y):
        """Return the head's output (batch, n_classes) for states at t = 1."""
        return self._readout.outputs(self.params, y)

    def logits_vjp(self, y, logits_bar):
        """Return the cotangents of y and of the head's parameters, flat."""
        return self._readout.outputs_vjp(self.params, y, logits_bar)

    def scores(self, images: ArrayLike, **options: Any) -> NDArray[np.floating]:
        """Return the logits (batch, n_classes) of inputs (batch, dim)."""
        return self.logits(self.solve(self.start(images), adjoint=None, **options).ys)

    def predict(self, images: ArrayLike, **options: Any) -> NDArray[np.intp]:
        """Return the class of each input (batch, dim)."""
        return self.scores(images, **options).argmax(axis=1)

    def loss(self, y0, labels, **options):
        """Return the mean cross-entropy of a batch."""
        return cross_entropy(self.logits(self.solve(y0, adjoint=None, **options).ys), labels)[0]

    def loss_vjp(self, y0, labels, **options):
        """Return the gradient of `loss` with respect to y0 and to all parameters."""
        sol = self.solve(y0, **options)
        _, logits_bar = cross_entropy(self.logits(sol.ys), labels)
        ys_bar, head_bar = self.logits_vjp(sol.ys, logits_bar)
        y0_bar, theta_bar = sol.vjp(ys_bar)
        return y0_bar, np.concatenate([theta_bar, head_bar])

    def save(self, path: Path) -> None:
        """Write arrays and a JSON description to a .npz file, which needs no unpickling."""
        record = {
            "dim": self.field.dim,
            "n_classes": self.n_classes,
            "solver": self.solver,
            "layers": [encode_layer(layer) for layer in self.field.layers],
        }
        files.write(
            path, KIND, record, {"params": self.params, "mean": self.mean, "scale": self.scale}
        )


def load(path: Path) -> Classifier:
    """Read a classifier that `tapeless demo` saved; nothing in the file is unpickled or run.

    Parameters
    ----------
    path : str or path-like
        The .npz file.

    Returns
    -------
    Classifier
        With ``predict(images)`` for images of shape (batch, 64) and pixels from 0 to 16.

    Raises
    ------
    ValueError
        If the file holds something else.
    """
    record, arrays = files.read("load", path, KIND, WANTED)
    try:
        field = Network(record["dim"], [decode_layer(layer) for layer in record["layers"]])
        params, mean, scale = (arrays[name] for name in ("params", "mean", "scale"))
        n_params = field.n_params + (field.dim + 1) * record["n_classes"]
        if params.shape != (n_params,):
            raise Unreadable(f"its parameters are {describe(params)}, not of shape ({n_params},)")
        return Classifier(field, params, mean, scale, record["n_classes"], record["solver"])
    except files.BAD_CONTENT as error:
        raise files.bad_file("load", path, WANTED, error) from error
