"""Vector fields: networks of layers with one flat parameter vector, functions of your own, and sums of both."""

from collections.abc import Callable, Iterable, Mapping
from types import FunctionType, MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tapeless._check import as_array, generator
from tapeless._complain import complain, describe
from tapeless._composition import Sum, VectorField
from tapeless._evaluate import evaluate, jvp, vjp
from tapeless._interchange import takes_arrays
from tapeless._kinetic import Kinetic
from tapeless._parameters import Frozen, Slice
from tapeless._second import vjp_jvp
from tapeless._spectral import normalised, normalised_jvp, normalised_vjp, normalised_vjp_jvp
from tapeless._symbolic import derived_jvp, derived_vjp, derived_vjp_jvp
from tapeless._types import RNG, ArrayInput, Integer
from tapeless_kernels.activations import ACTIVATIONS
from tapeless_kernels.fields.layers import (
    LAYERS,
    Activation,
    Bilinear,
    ConcatTime,
    Dense,
    FourierFeatures,
    GatedCell,
    LayerNorm,
    LowRankDense,
    Residual,
    Skip,
    SpectralDense,
)
from tapeless_kernels.fields.lower import lower
from tapeless_kernels.launch.user_field import Derived, UserProgram, gives_time_bar

__all__ = [
    "LAYERS",
    "MLP",
    "Activation",
    "Bilinear",
    "ConcatTime",
    "Dense",
    "Field",
    "FourierFeatures",
    "Frozen",
    "GatedCell",
    "Kinetic",
    "LayerNorm",
    "LowRankDense",
    "Network",
    "Residual",
    "Skip",
    "Slice",
    "SpectralDense",
    "Sum",
    "evaluate",
    "field",
    "jvp",
    "vjp",
    "vjp_jvp",
]

Layer: TypeAlias = (
    Dense
    | LowRankDense
    | SpectralDense
    | Bilinear
    | Activation
    | LayerNorm
    | FourierFeatures
    | GatedCell
    | ConcatTime
    | Residual
    | Skip
)


class Network(VectorField):
    """A vector field dy/dt = f(t, y, theta) made of layers.

    Parameters
    ----------
    dim : int
        Number of entries of the state y.
    layers : sequence of layers
        Of `LAYERS`, say `Dense`, `Activation` and `Residual`, applied one after the other to y.

    Attributes
    ----------
    dim : int
        Number of entries of the state.
    n_params : int
        Length of theta: for each Dense its weight (fan_in, fan_out), row by row, then its bias; for the other
        layers what `unflatten` lists, in the order of the layers.
    layers : tuple
        The layers.

    Raises
    ------
    ValueError
        If `dim` is not positive, or the layers do not map `dim` values to `dim` values.

    Examples
    --------
    >>> from tapeless.fields import Activation, ConcatTime, Dense, Network
    >>> field = Network(2, [ConcatTime(), Dense(16), Activation("tanh"), Dense(2)])
    >>> field.n_params
    98
    """

    def __init__(self, dim: Integer, layers: Iterable[Layer]) -> None:
        if not isinstance(dim, (int, np.integer)) or dim < 1:
            raise complain(ValueError, "Network", "dim", "a positive integer", describe(dim))
        layers = layers if isinstance(layers, Iterable) else (layers,)
        self.dim, self.layers = int(dim), tuple(layers)
        try:
            self.program = lower(self.layers, self.dim)
        except (ValueError, TypeError) as error:
            raise type(error)(f"Network: in `layers`, {error}.") from None
        self.n_params: int = self.program.n_params
        self.maps_theta = any(part.lipschitz for part in self.program.parts)

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
        return normalised(theta, self.program.parts) if self.maps_theta else theta

    def _effective_vjp(self, theta: NDArray[Any], bar: NDArray[Any]) -> NDArray[Any]:
        """Return the cotangent of theta from that of the effective parameters."""
        return normalised_vjp(theta, bar, self.program.parts) if self.maps_theta else bar

    def _effective_jvp(self, theta: NDArray[Any], dot: NDArray[Any]) -> NDArray[Any]:
        """Return the tangent of the effective parameters from that of theta."""
        return normalised_jvp(theta, dot, self.program.parts) if self.maps_theta else dot

    def _effective_vjp_jvp(
        self, theta: NDArray[Any], dot: NDArray[Any], bar: NDArray[Any], bar_dot: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what `_effective_vjp` does, and its tangent."""
        if not self.maps_theta:
            return bar, bar_dot
        return normalised_vjp_jvp(theta, dot, bar, bar_dot, self.program.parts)

    def __repr__(self) -> str:
        return f"Network({self.dim}, {list(self.layers)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Network, (self.dim, self.layers)

    def __eq__(self, other: object) -> bool:
        # By their text: as tuples, layers of other kinds with the same numbers are equal.
        return isinstance(other, Network) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def init(self, rng: RNG = None, dtype: DTypeLike = np.float64) -> NDArray[np.floating]:
        """Return initial parameters: Glorot's uniform weights and zero biases, unless a layer says otherwise.

        Parameters
        ----------
        rng : numpy.random.Generator or int, optional
            Where the numbers come from; anything that `numpy.random.default_rng` takes.
        dtype : dtype
            Of the parameters, float32 or float64.

        Returns
        -------
        ndarray, shape (n_params,)
            The parameters theta.

        References
        ----------
        .. [1] Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
           networks, AISTATS (2010), eq. (16).
        """
        rng, theta = generator("Network.init", rng), np.zeros(self.n_params)
        for part in self.program.parts:
            values = theta[part.at : part.at + int(np.prod(part.shape))]
            if part.start is not None:
                values[:] = part.start
            elif part.deviation:
                values[:] = part.deviation * rng.standard_normal(values.size)
            else:
                bound = np.sqrt(6 / sum(part.shape))
                values[:] = rng.uniform(-bound, bound, values.size)
        return theta.astype(dtype)

    @takes_arrays
    def unflatten(self, theta: ArrayInput) -> Mapping[str, NDArray[Any]]:
        """Return the parameter arrays as views of theta, by name.

        Parameters
        ----------
        theta : array, shape (n_params,)
            The parameters.

        Returns
        -------
        mapping of str to ndarray
            ``"dense0.weight"`` of shape (fan_in, fan_out), ``"dense0.bias"`` of shape (fan_out,),
            ``"dense1.weight"`` and so on, in the order of the layers; other layers' names begin with
            ``"low_rank"``, ``"spectral"``, ``"bilinear"``, ``"norm"``, ``"fourier"`` and ``"gated"``. They share
            theta's memory.

        Raises
        ------
        ValueError
            If theta has another length.
        """
        theta = as_array("Network.unflatten", "theta", theta)
        if theta.shape != (self.n_params,):
            wanted = f"an array of shape ({self.n_params},)"
            raise complain(ValueError, "Network.unflatten", "theta", wanted, describe(theta))
        return MappingProxyType(
            {
                part.name: theta[part.at : part.at + int(np.prod(part.shape))].reshape(part.shape)
                for part in self.program.parts
            }
        )


class Field(VectorField):
    """A vector field dy/dt = f(t, y, theta) that is a Python function of one trajectory; `field` makes it.

    The function is compiled with the loop over trajectories around it. Its code, its closure and what
    it names, with their values at its first use, are the key of the compiled form on disk; a function
    that names another module than math, NumPy and operator is compiled anew in each process.

    Parameters
    ----------
    fun : callable
        ``f(t, y, theta, dy)``, which fills dy of shape (dim,) and returns nothing. It may use what Numba
        compiles without allocating: numbers, loops, conditions, functions of `math` and NumPy on numbers,
        and other such functions.
    dim : int
        Number of entries of the state.
    n_params : int
        Length of theta.
    vjp : callable or "symbolic", optional
        ``vjp(t, y, theta, dy_bar, y_bar, theta_bar)``, which fills y_bar with the product of dy_bar and
        df/dy, and adds that with df/dtheta to theta_bar; or ``"symbolic"``, to have SymPy derive it,
        which needs a `fun` without conditions on the state. Without it there are no gradients. For those
        with respect to times it takes a seventh argument, t_bar, of one entry, and fills it with the product
        of dy_bar and df/dt.
    jvp : callable or "symbolic", optional
        ``jvp(t, y, theta, t_dot, y_dot, theta_dot, dy_dot)``, which fills dy_dot with the derivative of dy along
        the direction (t_dot, y_dot, theta_dot); or ``"symbolic"``, as for `vjp`. Without it `Solution.jvp` raises.

    Attributes
    ----------
    dim, n_params : int
        As given.
    fun, vjp, jvp : callable
        As given.

    Raises
    ------
    TypeError
        If `fun`, `vjp` or `jvp` is not a Python function of the right number of arguments.
    ValueError
        If `dim` is not positive, or `n_params` negative.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> @tapeless.field(dim=2, n_params=1)
    ... def oscillator(t, y, theta, dy):
    ...     dy[0] = y[1]
    ...     dy[1] = -theta[0] * y[0]
    >>> sol = tapeless.solve_ode(oscillator, (0.0, 1.0), np.ones((1000, 2)), [4.0])
    >>> sol.ys.shape
    (1000, 2)
    """

    def __init__(
        self,
        fun: Callable[..., None],
        dim: Integer,
        n_params: Integer = 0,
        vjp: Callable[..., None] | Literal["symbolic"] | None = None,
        jvp: Callable[..., None] | Literal["symbolic"] | None = None,
    ) -> None:
        for name, number, least in (("dim", dim, 1), ("n_params", n_params, 0)):
            if (
                not isinstance(number, (int, np.integer))
                or isinstance(number, bool)
                or number < least
            ):
                wanted = "a positive integer" if least else "an integer of at least 0"
                raise complain(ValueError, "field", name, wanted, describe(number))
        _check_function("fun", fun, "f(t, y, theta, dy)")
        second = None
        if vjp == jvp == "symbolic":
            second = Derived(derived_vjp_jvp, (fun, int(dim), int(n_params)))
        if vjp == "symbolic":
            vjp = derived_vjp(fun, int(dim), int(n_params))
        elif vjp is not None:
            _check_function("vjp", vjp, "vjp(t, y, theta, dy_bar, y_bar, theta_bar)", 7)
        if jvp == "symbolic":
            jvp = derived_jvp(fun, int(dim), int(n_params))
        elif jvp is not None:
            _check_function("jvp", jvp, "jvp(t, y, theta, t_dot, y_dot, theta_dot, dy_dot)")
        self.fun, self.dim, self.n_params = fun, int(dim), int(n_params)
        self.vjp: Callable[..., None] | None = vjp
        self.jvp: Callable[..., None] | None = jvp
        self.program = UserProgram(fun, vjp, self.dim, self.n_params, jvp, second=second)

    takes_own_theta = True

    @property
    def without_vjp(self) -> tuple[VectorField, ...]:
        """The field itself, if it has no transpose."""
        return () if self.vjp else (self,)

    @property
    def without_jvp(self) -> tuple[VectorField, ...]:
        """The field itself, if it has no tangent."""
        return () if self.jvp else (self,)

    @property
    def without_vjp_jvp(self) -> tuple[VectorField, ...]:
        """The field itself, unless SymPy derives both its transpose and its tangent."""
        return () if self.program.second else (self,)

    @property
    def without_time_bar(self) -> tuple[VectorField, ...]:
        """The field itself, unless its transpose has a seventh argument."""
        return () if self.vjp and gives_time_bar(self.vjp) else (self,)

    def __repr__(self) -> str:
        name = getattr(self.fun, "__name__", "fun")
        return f"Field({name}, dim={self.dim}, n_params={self.n_params})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Field) and self.program == other.program

    def __hash__(self) -> int:
        return hash(self.program)


def field(
    dim: Integer,
    n_params: Integer = 0,
    *,
    vjp: Callable[..., None] | Literal["symbolic"] | None = None,
    jvp: Callable[..., None] | Literal["symbolic"] | None = None,
) -> Callable[[Callable[..., None]], Field]:
    """Return a decorator that makes a `Field` of a Python function.

    Parameters
    ----------
    dim : int
        Number of entries of the state.
    n_params : int
        Length of theta.
    vjp : callable or "symbolic", optional
        The transpose, as in `Field`.
    jvp : callable or "symbolic", optional
        The tangent, as in `Field`.

    Returns
    -------
    callable
        Takes ``f(t, y, theta, dy)`` and returns a `Field`.

    Raises
    ------
    TypeError, ValueError
        As `Field`.
    """
    return lambda fun: Field(fun, dim, n_params, vjp, jvp)


def _check_function(name: str, function: object, signature: str, most: int = 0) -> None:
    wanted = f"a Python function {signature}"
    inner = getattr(function, "py_func", function)
    if not isinstance(inner, FunctionType):
        raise complain(TypeError, "field", name, wanted, describe(function))
    count = inner.__code__.co_argcount
    if count not in (signature.count(",") + 1, most):
        raise complain(TypeError, "field", name, wanted, f"one of {count} arguments")


def MLP(
    dim: Integer,
    hidden: Integer | Iterable[Integer],
    *,
    activation: str = "tanh",
    final_activation: str | None = None,
    time: bool = False,
) -> Network:
    """Return a fully connected network as a vector field.

    Parameters
    ----------
    dim : int
        Number of entries of the state.
    hidden : int or sequence of int
        Widths of the hidden layers.
    activation : str
        Name of the activation after each hidden layer: ``"tanh"``, ``"softplus"``, ``"silu"``, ``"gelu"``,
        ``"relu"``, ``"elu"``, ``"sigmoid"``, ``"sin"`` or ``"identity"``.
    final_activation : str, optional
        Activation after the last layer.
    time : bool
        Whether every Dense layer also sees the time t, as one more input.

    Returns
    -------
    Network
        The field ``Dense, activation, ..., Dense`` from `dim` to `dim`.

    Raises
    ------
    ValueError
        If a width is not positive, or no activation has that name.

    Examples
    --------
    >>> import tapeless
    >>> field = tapeless.fields.MLP(2, [50, 50])
    >>> theta = field.init(rng=0)
    >>> field.unflatten(theta)["dense1.weight"].shape
    (50, 50)
    """
    names = [a.name for a in ACTIVATIONS]
    for argument, name in (("activation", activation), ("final_activation", final_activation)):
        if name not in names and not (name is None and argument == "final_activation"):
            raise complain(
                ValueError, "MLP", argument, f"one of {', '.join(names)}", describe(name)
            )
    widths = list(hidden) if isinstance(hidden, Iterable) else [hidden]
    if any(not isinstance(n, (int, np.integer)) or n < 1 for n in widths):
        raise complain(ValueError, "MLP", "hidden", "positive integers", describe(hidden))
    layers: list[Layer] = []
    for i, n_out in enumerate([*widths, dim]):
        layers += [ConcatTime()] if time else []
        layers += [Dense(int(n_out)) if isinstance(n_out, (int, np.integer)) else Dense(n_out)]
        name = activation if i < len(widths) else final_activation
        layers += [Activation(name)] if name is not None else []
    return Network(dim, layers)
