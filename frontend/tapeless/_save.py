"""A field, its parameters and its optimiser in a file, and back."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless import _files as files
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._encode import decode_field, decode_optimiser, encode_field, encode_optimiser
from tapeless._files import Arrays, Unreadable
from tapeless._flat import checked
from tapeless._interchange import takes_arrays
from tapeless._optimiser import Optimiser
from tapeless._types import ArrayInput, Path
from tapeless.fields import Field

KIND = "model"
WANTED = "a file that tapeless.save wrote"


class Saved(NamedTuple):
    """What a file held.

    Attributes
    ----------
    field : field
        The vector field.
    theta : ndarray, shape (n_params,)
        Its parameters, in the dtype that they were saved in.
    optimiser : Optimiser or None
        The optimiser, if one was saved; its next step is the one it would have taken.
    """

    field: VectorField
    theta: NDArray[np.floating]
    optimiser: Optimiser | None


@takes_arrays
def save(
    path: Path, field: VectorField, theta: ArrayInput, optimiser: Optimiser | None = None
) -> None:
    """Write a field, its parameters and, if given, an optimiser to a file.

    The file is NumPy's .npz, with a description in JSON: it holds no code and no pickles, so reading one
    runs nothing. Of a `Field`, which is a function of your own, it holds the name and the sizes.

    Parameters
    ----------
    path : str or path-like
        The file; it is written beside and put in place when it is whole.
    field : field
        The vector field.
    theta : array, shape (field.n_params,)
        Its parameters, float32 or float64.
    optimiser : Optimiser, optional
        Of `tapeless.optim`, with its running means and its number of steps.

    Raises
    ------
    TypeError
        If `field` is no field, theta of no real dtype, or `optimiser` none of `tapeless.optim`.
    ValueError
        If theta has another shape.
    OSError
        If the file cannot be written; what was there stays.

    Examples
    --------
    >>> import tempfile, os, tapeless
    >>> field = tapeless.fields.MLP(2, [16])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.npz")
    >>> tapeless.save(path, field, field.init(rng=0))
    >>> tapeless.load(path).field == field
    True
    """
    if not isinstance(field, VectorField):
        wanted = "a tapeless field, say tapeless.fields.MLP(dim, hidden)"
        raise complain(TypeError, "save", "field", wanted, describe(field))
    theta = checked("save", check.as_state("save", "theta", theta), field.n_params)
    arrays: Arrays = {"theta": theta}
    record = {"field": encode_field(field, arrays)}
    if optimiser is not None:
        if not isinstance(optimiser, Optimiser):
            wanted = "an optimiser of tapeless.optim that steps, say Adam"
            raise complain(TypeError, "save", "optimiser", wanted, describe(optimiser))
        record["optimiser"] = encode_optimiser(optimiser, arrays)
    files.write(path, KIND, record, arrays)


def load(path: Path, *, functions: Iterable[Field] = ()) -> Saved:
    """Read what `save` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.
    functions : sequence of Field, optional
        The fields made of functions of your own that the saved one has in it; they are known by the
        function's name, `dim` and `n_params`.

    Returns
    -------
    Saved
        ``field``, ``theta`` and ``optimiser``.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is damaged, holds something else, is of another version, or needs a function that is not given;
        the message says which.
    """
    record, arrays = files.read("load", path, KIND, WANTED)
    try:
        theta = arrays["theta"]
        field = decode_field(record["field"], arrays, tuple(functions))
        if theta.shape != (field.n_params,) or theta.dtype not in check.FLOATS:
            got = f"{describe(theta)}, not {field.n_params} parameters"
            raise Unreadable(f"its theta is {got}")
        kept = record.get("optimiser")
        optimiser = None if kept is None else decode_optimiser(kept, arrays, theta)
        return Saved(field, theta, optimiser)
    except files.BAD_CONTENT as error:
        raise files.bad_file("load", path, WANTED, error) from error
