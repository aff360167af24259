"""Every public function takes arrays of every library, and returns its; docs/arrays.md has the table.

After a change: python tests/frontend/test_arrays.py --write
"""

import importlib
import pathlib
import pkgutil
import sys
import tempfile
import types
from collections.abc import Mapping

import numpy as np
import pytest

import tapeless
from tapeless import (
    BrownianPath,
    Objective,
    diffusion,
    fft,
    fields,
    fit,
    losses,
    operators,
    optim,
    pde,
    solve_ivp,
    solve_ode,
    solve_sde,
    spectral,
    testing,
)
from tapeless._interchange import TAKES_ARRAYS, converting
from tapeless._interchange.refusals import REFUSALS, TO_CPU
from tapeless.fields import Dense, Frozen, Kinetic, Network, Slice, Sum
from tapeless.regularise import Functional

MARKS = "<!-- written by tests/frontend/test_arrays.py -->", "<!-- end of what is written -->"
DOCS = pathlib.Path(__file__).parents[2] / "docs" / "arrays.md"

# Public functions with no argument that could be an array: what they return is NumPy's.
WITHOUT_ARRAYS = {
    "Annealed.__call__", "Constant.__call__", "Cosine.__call__", "DiffusionNetwork.init",
    "Exponential.__call__", "FNO.init", "Global.penalty", "Global.prepare", "LBFGS.options", "Local.penalty",
    "Local.prepare", "Network.init", "Optimiser.copy", "Optimiser.fresh", "Optimiser.options", "RNODE.penalty",
    "RNODE.prepare", "Regulariser.penalty", "Regulariser.prepare", "STEER.penalty", "STEER.prepare",
    "Schedule.__call__", "SpectralConv.init", "WarmUp.__call__", "WeightDecay.penalty",
    "WeightDecay.prepare", "address", "adjoint_memory", "c_declarations", "c_field",
    "check_tableau", "diffusion", "fft.engine", "fft.engines",
    "fft.fftfreq", "fft.rfftfreq", "fft.set_engine", "field", "fields.MLP", "info.report", "load",
    "methods.alf", "methods.table", "plot.history", "reversible", "spectral.chebyshev_nodes",
    "spectral.chebyshev_weights", "spectral.differentiation_matrix", "spectral.legendre_nodes",
    "spectral.legendre_weights", "spectral.wavenumbers",
}  # fmt: skip

RNG = np.random.default_rng(0)
FIELD = fields.MLP(2, [3])
THETA = FIELD.init(rng=0)
Y0 = RNG.standard_normal((4, 2))
TIMES = np.array([0.25, 1.0])
U = RNG.standard_normal((8, 8))
HALF = np.fft.rfft(U, norm="forward")  # the last axis of a half spectrum
CONV = operators.SpectralConv(2, 2, 3)
FNO = operators.FNO(1, 1, width=4, modes=3, n_layers=1)
WAVES = RNG.standard_normal((2, 2, 8))
WEIGHTS, OPERATOR = CONV.init(rng=0), FNO.init(rng=0)
SIGNAL = RNG.standard_normal((2, 1, 8))
OBJECTIVE = Objective(FIELD, (0.0, 1.0), losses.mse)
SUM = Sum([FIELD, FIELD])
SLICE = Slice(FIELD, 20)
KINETIC = Kinetic(Network(2, [Dense(2)]))
LABELS = np.array([0, 1, 1, 0])
DIFFUSION = np.concatenate([THETA, THETA])


def solved(of, **how):
    return solve_ode(FIELD, (0.0, 1.0), of(Y0), of(THETA), **how)


def noisy(of, **how):
    return solve_sde(FIELD, FIELD, (0.0, 1.0), of(Y0), of(DIFFUSION), rng=0, n_steps=4, **how)


def saved(of):
    with tempfile.TemporaryDirectory() as folder:
        tapeless.save(f"{folder}/model", FIELD, of(THETA))
        return tapeless.load(f"{folder}/model").theta.tolist()


def drawn(draw):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    axes = draw()
    found = [line.get_xydata().tolist() for line in axes.lines]
    pyplot.close("all")
    return found


def stepped(of):
    optimiser = optim.Adam()
    return optimiser.step(of(THETA), of(THETA)), optimiser.step(of(THETA), of(THETA))


def pulled(model, x, theta):
    y, pullback = model.pullback(x, theta)
    return y, pullback(y)


def exponential(of):
    return pde.etdrk4_coefficients(of(-np.arange(8.0)), 0.1)


def estimator(name, of):
    module = pytest.importorskip("tapeless.sklearn")
    made = getattr(module, name)((3,), max_iter=1, batch_size=4, random_state=0)
    return made.fit(of(Y0), of(LABELS if name.endswith("Classifier") else Y0[:, 0]))


def cubed(u):
    return u**3


def cubed_vjp(u, bar):
    return 3 * u**2 * bar


def decay(t, y):
    return -y


def still(t, y, theta, dy):
    dy[:] = 0.0


def falling(t, y, theta, dy):
    dy[0] = -theta[0] * y[0]


def falling_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    y_bar[0] = -theta[0] * dy_bar[0]
    theta_bar[0] += -y[0] * dy_bar[0]


def falling_vjp_jvp(t, y, theta, dg_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot):
    y_bar[0] = -theta[0] * dg_bar[0]
    y_bar_dot[0] = 0.0
    theta_bar_dot[0] -= y_dot[0] * dg_bar[0]


FALLING = fields.field(1, 1, vjp=falling_vjp)(falling)
VOLATILITY = diffusion(1, None, 1, vjp=falling_vjp, vjp_jvp=falling_vjp_jvp)(falling)


def operator_objective():
    return operators.OperatorObjective(FNO, losses.mse)


# What is called for each public function, with `of` making an array of NumPy's one of a library.
SAMPLES = {
    "BrownianPath.__init__": lambda of: BrownianPath(3, of(np.array(0.0)), 1.0, (2,))(0.0, 1.0).tolist(),
    "BrownianPath.__call__": lambda of: BrownianPath(3, 0.0, 1.0, (2,), "space-time")(of(TIMES * 0), of(TIMES)),
    "CField.prepare_vjp": lambda of: tapeless.c_field(FIELD).prepare_vjp(of(THETA)),
    "FNO.__call__": lambda of: FNO(of(SIGNAL), of(OPERATOR)),
    "FNO.groups": lambda of: FNO.groups(of(OPERATOR)),
    "FNO.jvp": lambda of: FNO.jvp(*map(of, (SIGNAL, OPERATOR, SIGNAL, OPERATOR))),
    "FNO.pullback": lambda of: pulled(FNO, of(SIGNAL), of(OPERATOR)),
    "FNO.unflatten": lambda of: FNO.unflatten(of(OPERATOR)),
    "FNO.vjp": lambda of: FNO.vjp(*map(of, (SIGNAL, OPERATOR, SIGNAL))),
    "Fit.plot": lambda of: drawn(lambda: fit(OBJECTIVE, of(THETA), (of(Y0), of(Y0)), epochs=1).plot())[0][0][1],
    "Frozen.__init__": lambda of: solve_ode(Frozen(FIELD, of(THETA)), (0.0, 1.0), of(Y0)),
    "Functional.value": lambda of: Functional().value(solved(of, measure=True).steps),
    "Functional.vjp": lambda of: Functional().vjp(solved(of, measure=True).steps, of(np.ones(4))),
    "Kinetic.effective": lambda of: KINETIC.effective(of(np.ones(6))),
    "Kinetic.initial": lambda of: KINETIC.initial(of(Y0), rng=0),
    "Kinetic.split": lambda of: KINETIC.split(KINETIC.initial(of(Y0), rng=0)),
    "Kinetic.unflatten": lambda of: KINETIC.unflatten(of(np.ones(6))),
    "Network.effective": lambda of: FIELD.effective(of(THETA)),
    "Network.unflatten": lambda of: FIELD.unflatten(of(THETA)),
    "NeuralODEClassifier.fit": lambda of: bool(estimator("NeuralODEClassifier", of).classes_.tolist()),
    "NeuralODEClassifier.predict": lambda of: estimator("NeuralODEClassifier", of).predict(of(Y0)),
    "NeuralODEClassifier.predict_proba": lambda of: estimator("NeuralODEClassifier", of).predict_proba(of(Y0)),
    "NeuralODERegressor.fit": lambda of: estimator("NeuralODERegressor", of).n_features_in_,
    "NeuralODERegressor.predict": lambda of: estimator("NeuralODERegressor", of).predict(of(Y0)),
    "Objective.__call__": lambda of: OBJECTIVE(of(THETA), of(Y0), of(Y0)),
    "Objective.__init__": lambda of: Objective(FIELD, (0.0, of(np.array(1.0))), losses.mse)(*map(of, (THETA, Y0, Y0))),
    "Objective.field_part": lambda of: OBJECTIVE.field_part(of(THETA)),
    "Objective.groups": lambda of: OBJECTIVE.groups(of(THETA)),
    "Objective.join": lambda of: OBJECTIVE.join(of(THETA), of(THETA)),
    "Objective.loss_vjp": lambda of: OBJECTIVE.loss_vjp(*map(of, (THETA, Y0, Y0))),
    "Objective.value": lambda of: OBJECTIVE.value(*map(of, (THETA, Y0, Y0))),
    "OdeSolution.__call__": lambda of: solve_ivp(decay, (0.0, 1.0), of(Y0[0]), dense_output=True).sol(of(TIMES)),
    "OperatorObjective.__call__": lambda of: operator_objective()(*map(of, (OPERATOR, SIGNAL, SIGNAL))),
    "OperatorObjective.__init__": lambda of: operator_objective()(*map(of, (OPERATOR, SIGNAL, SIGNAL))).loss,
    "OperatorObjective.groups": lambda of: operator_objective().groups(of(OPERATOR)),
    "OperatorObjective.value": lambda of: operator_objective().value(*map(of, (OPERATOR, SIGNAL, SIGNAL))),
    "Optimiser.step": stepped,
    "PdeSolution.vjp": lambda of: pde.solve_burgers(of(U[:1]), 0.1, 0.1, n_steps=2).vjp(of(U[:1])),
    "SdeSolution.vjp": lambda of: noisy(of).vjp(of(Y0)),
    "Slice.effective": lambda of: SLICE.effective(of(np.ones(20))),
    "Slice.unflatten": lambda of: SLICE.unflatten(of(np.ones(20))),
    "Solution.jvp": lambda of: solved(of).jvp(of(Y0), of(THETA)),
    "Solution.plot": lambda of: drawn(lambda: solved(of, t_eval=of(TIMES)).plot()),
    "Solution.plot_phase": lambda of: drawn(lambda: solved(of, t_eval=of(TIMES)).plot_phase()),
    "Solution.vjp": lambda of: solved(of, time_gradients=True).vjp(of(Y0), times=True),
    "SpectralConv.__call__": lambda of: CONV(of(WAVES), of(WEIGHTS)),
    "SpectralConv.flatten": lambda of: CONV.flatten(of(CONV.unflatten(WEIGHTS)["weights"])),
    "SpectralConv.jvp": lambda of: CONV.jvp(*map(of, (WAVES, WEIGHTS, WAVES, WEIGHTS))),
    "SpectralConv.pullback": lambda of: pulled(CONV, of(WAVES), of(WEIGHTS)),
    "SpectralConv.unflatten": lambda of: CONV.unflatten(of(WEIGHTS)),
    "SpectralConv.vjp": lambda of: CONV.vjp(*map(of, (WAVES, WEIGHTS, WAVES))),
    "Sum.effective": lambda of: SUM.effective(of(DIFFUSION)),
    "Sum.unflatten": lambda of: SUM.unflatten(of(DIFFUSION)),
    "VectorField.effective": lambda of: fields.Field(still, 2).effective(of(THETA)),
    "testing.check_gradient": lambda of: testing.check_gradient(FIELD, (0.0, 1.0), of(Y0), of(THETA)),
    "testing.check_vjp": lambda of: testing.check_vjp(FALLING, y=of(Y0[0, :1]), n_points=1),
    "testing.check_vjp_jvp": lambda of: testing.check_vjp_jvp(VOLATILITY, y=of(Y0[0, :1]), n_points=1),
    "losses.cross_entropy": lambda of: losses.cross_entropy(of(Y0), of(LABELS)),
    "pde.etdrk4_coefficients": exponential,
    "fields.evaluate": lambda of: fields.evaluate(FIELD, 0.0, of(Y0), of(THETA)),
    "pde.exponential_step": lambda of: pde.exponential_step(exponential(of), of(U), cubed),
    "pde.exponential_step_vjp": lambda of: pde.exponential_step_vjp(exponential(of), of(U), cubed, cubed_vjp, of(U)),
    "fit": lambda of: fit(OBJECTIVE, of(THETA), (of(Y0), of(Y0)), epochs=2),
    "losses.gaussian_nll": lambda of: losses.gaussian_nll(of(Y0), of(Y0[:, :1])),
    "pde.gaussian_random_field": lambda of: pde.gaussian_random_field((8,), 3, alpha=2.0, tau=of(np.array(3.0))),
    "losses.huber": lambda of: losses.huber(of(Y0), of(2 * Y0)),
    "pde.ifrk4_coefficients": lambda of: pde.ifrk4_coefficients(of(-np.arange(8.0)), 0.1),
    "fields.jvp": lambda of: fields.jvp(FIELD, 0.0, of(Y0), of(THETA), y_dot=of(Y0)),
    "losses.mse": lambda of: losses.mse(of(Y0), of(2 * Y0)),
    "pde.navier_stokes_forcing": lambda of: pde.navier_stokes_forcing((8, 8)).tolist(),
    "plot.phase_portrait": lambda of: drawn(lambda: tapeless.plot.phase_portrait(FIELD, of(THETA), y0=of(Y0))),
    "pde.phi": lambda of: pde.phi(1, of(U)),
    "losses.relative_l2": lambda of: losses.relative_l2(of(Y0), of(2 * Y0)),
    "save": saved,
    "pde.solve_burgers": lambda of: pde.solve_burgers(of(U[:1]), 0.1, 0.1, n_steps=2),
    "solve_ivp": lambda of: solve_ivp(decay, (0.0, 1.0), of(Y0[0]), t_eval=of(TIMES)),
    "pde.solve_navier_stokes": lambda of: pde.solve_navier_stokes(of(U[None]), 0.1, 0.1, n_steps=2),
    "solve_ode": lambda of: (
        solved(of, t_eval=of(TIMES), rtol=of(np.full(4, 1e-4)), reduce=True),
        solve_ode(FIELD, (0.0, of(np.array(1.0))), of(Y0[0]), of(THETA)),  # NumPy's statistics are scalars
    ),
    "solve_sde": noisy,
    "fields.vjp": lambda of: fields.vjp(FIELD, 0.0, of(Y0), of(THETA), of(Y0)),
    "fields.vjp_jvp": lambda of: fields.vjp_jvp(FIELD, 0.0, of(Y0), of(THETA), of(Y0), y_dot=of(Y0)),
    "plot.work_precision": lambda of: drawn(
        lambda: tapeless.plot.work_precision(FIELD, (0.0, 1.0), of(Y0), of(THETA), methods=("tsit5",))
    ),
}  # fmt: skip


ONE, X, POINTS = np.array(1.0), np.array([0.1, 0.5]), np.array([[0.1, 0.2], [0.3, 0.4]])
PAIR = np.stack([U, U.T])
SPECTRAL = {
    "chebyshev_inverse": (U,), "chebyshev_inverse_vjp": (U,), "chebyshev_transform": (U,),
    "chebyshev_transform_vjp": (U,), "dealias": (U,), "dealias_vjp": (U,), "derivative": (U,), "derivative_vjp": (U,),
    "divergence": (PAIR,), "divergence_vjp": (U,), "energy_spectrum": (U,),
    "energy_spectrum_vjp": (spectral.energy_spectrum(U)[1], U), "evaluate": (U, POINTS),
    "evaluate_vjp": (X, U, POINTS), "filter": (U,), "filter_vjp": (U,), "gradient": (U,), "gradient_vjp": (PAIR,),
    "integral": (U,), "integral_vjp": (ONE, U), "integrate": (U,), "integrate_vjp": (U,), "interpolate": (U, 9),
    "interpolate_vjp": (np.ones((9, 9)), 8), "inverse_laplacian": (U,), "inverse_laplacian_vjp": (U,),
    "laplacian": (U,), "laplacian_vjp": (U,), "legendre_inverse": (U,), "legendre_inverse_vjp": (U,),
    "legendre_transform": (U,), "legendre_transform_vjp": (U,), "parseval": (HALF, HALF),
    "parseval_vjp": (ONE, HALF, HALF), "product": (U, U), "product_vjp": (U, U, U), "series_derivative": (U,),
    "series_derivative_vjp": (U,), "series_evaluate": (U, X), "series_evaluate_vjp": (np.ones((8, 2)), U, X),
    "series_integrate": (U,), "series_integrate_vjp": (U,), "series_product": (U, U, "chebyshev"),
    "series_product_vjp": (np.ones((15, 15)), U, U, "chebyshev"), "sobolev_norm": (U, 1.0),
    "sobolev_norm_vjp": (ONE, U, 1.0), "squared_norm": (HALF,), "squared_norm_vjp": (ONE, HALF),
}  # fmt: skip


def transforms():
    """Yield the name and the arguments of each transform and its transpose."""
    of_input = {"r2c": U, "c2c": U + 1j, "c2r": HALF}
    of_output = {"r2c": HALF, "c2c": U - 1j, "c2r": U}
    for row in fft.TRANSFORMS:
        yield row.name, (of_input.get(row.kind, U),)
        yield f"{row.name}_vjp", (of_output.get(row.kind, U),)
    for row in fft.TRUNCATED:
        n, modes = (8, 3) if row.over == "axis" else ((8, 8), (3, 3))
        field = U + 1j if row.kind == "c2c" else U
        few = getattr(fft, row.name.replace("truncated_i", "truncated_"))(field, modes)
        both = (field, modes), (few, n)
        forward, back = both if row.forward else both[::-1]
        yield row.name, forward
        yield f"{row.name}_vjp", back
    for name in ("fftshift", "fftshift_vjp", "ifftshift", "ifftshift_vjp"):
        yield name, (U,)


def sample(function, args):
    return lambda of: function(*(of(x) if isinstance(x, np.ndarray) else x for x in args))


SAMPLES |= {f"fft.{name}": sample(getattr(fft, name), args) for name, args in transforms()}
SAMPLES |= {
    f"spectral.{name}": sample(getattr(spectral, name), args) for name, args in SPECTRAL.items()
}


class Exporter:
    """Offers its memory by DLPack, and nothing else; as before version 1 unless `versioned`."""

    def __init__(self, x, versioned=False):
        self.x, self.versioned = x.copy(), versioned
        self.x.flags.writeable = not versioned  # none but a versioned capsule says so

    def __dlpack_device__(self):
        return (1, 0)

    def __dlpack__(self, **how):
        if not self.versioned and how:
            raise TypeError("__dlpack__() got an unexpected keyword argument")
        return self.x.__dlpack__(**how)


def torch_tensor():
    torch = pytest.importorskip("torch")
    return lambda x: torch.tensor(x), torch.Tensor


def jax_array():
    jax = pytest.importorskip("jax")
    return jax.numpy.array, jax.Array


def strict_array():
    strict = pytest.importorskip("array_api_strict")
    return lambda x: strict.asarray(x, copy=True), type(strict.asarray(0))


# For each library: what makes its arrays, and the type that results have.
LIBRARIES = {
    "torch": torch_tensor,
    "jax": jax_array,
    "array_api_strict": strict_array,
    "DLPack alone": lambda: (Exporter, np.ndarray),
    "DLPack alone, read-only": lambda: (lambda x: Exporter(x, versioned=True), np.ndarray),
}


@pytest.fixture(params=LIBRARIES)
def library(request):
    of, array_type = LIBRARIES[request.param]()
    if request.param != "jax":
        yield of, array_type
        return
    with sys.modules["jax"].enable_x64(True):
        yield of, array_type


PARTS = {
    tapeless.Solution: ("ts", "ys", "y", "stats", "success", "reduced"),
    tapeless.SdeSolution: ("ts", "ys", "y", "stats", "success"),
    pde.PdeSolution: ("ts", "ys", "y", "stats", "success"),
    tapeless.OdeSolution: ("ts",),
    tapeless.Fit: ("theta", "best_theta", "n_steps"),
}


def leaves(result):
    """Yield what a result holds at last, arrays and numbers, and the names of what holds them."""
    name = type(result).__name__
    for cls, names in PARTS.items():
        if isinstance(result, cls):
            result = tuple(getattr(result, name) for name in names)
    if isinstance(result, Mapping):
        result = tuple(result.values())
    if isinstance(result, (tuple, list)):
        yield name
        for item in result:
            yield from leaves(item)
    else:
        yield result


@pytest.mark.parametrize("name", SAMPLES)
def test_results_have_the_callers_type_and_the_bits_of_numpys(name, library):
    of, array_type = library
    expected, found = (list(leaves(SAMPLES[name](make))) for make in (np.copy, of))
    for numpys, theirs in zip(expected, found, strict=True):
        if isinstance(numpys, (np.ndarray, np.generic)):
            # What NumPy has as a scalar is an array without axes elsewhere.
            assert isinstance(theirs, array_type if array_type is not np.ndarray else type(numpys))
            theirs = np.asarray(theirs)
            assert theirs.dtype == numpys.dtype and theirs.shape == numpys.shape
            assert theirs.tobytes() == numpys.tobytes()
        else:
            assert theirs == numpys or (theirs != theirs and numpys != numpys)


def public():
    """Return each public function by its module's name and its own, each method by that of its class."""
    found, seen = {}, set()
    names = [m.name for m in pkgutil.iter_modules(tapeless.__path__) if not m.name.startswith("_")]
    for name in ("", *(name for name in names if name not in ("demo", "docs", "interop", "cuda"))):
        module = importlib.import_module(f"tapeless.{name}".rstrip("."))
        for entry in getattr(module, "__all__", ()):
            thing = getattr(module, entry)
            for inner, function in functions_of(thing):
                if id(function) not in seen:
                    seen.add(id(function))
                    found[inner or f"{name}.{entry}".lstrip(".")] = function
    return found


def functions_of(thing):
    """Yield a function, or the public methods of a class of ours with their names."""
    if isinstance(thing, types.FunctionType):
        yield "", thing
    elif isinstance(thing, type) and not issubclass(thing, BaseException):
        decorated = {id(function) for function in TAKES_ARRAYS.values()}
        for cls in thing.__mro__:
            for name, method in vars(cls).items() if cls.__module__.startswith("tapeless.") else ():
                hidden = name.startswith("_") and name != "__call__" and id(method) not in decorated
                if isinstance(method, types.FunctionType) and not hidden:
                    yield method.__qualname__, method


def test_every_public_function_is_in_the_table():
    """A new function is decorated by `takes_arrays` and has a sample, or is said to take no array."""
    functions = public()
    assert (
        functions.keys() == SAMPLES.keys() | WITHOUT_ARRAYS and not SAMPLES.keys() & WITHOUT_ARRAYS
    )
    decorated = {id(function) for function in TAKES_ARRAYS.values()}
    assert {name for name, f in functions.items() if id(f) in decorated} == SAMPLES.keys()
    assert decorated <= {id(f) for f in functions.values()}


def shared(name):
    """Return whether a library sees our memory, and we its, aligned to 64 bytes and not."""
    of, _ = LIBRARIES[name]()
    room = np.empty(64 + 8)
    start = -room.ctypes.data % 64 // 8
    out, notes = (room[start : start + 4], room[start + 1 : start + 5]), []
    found = converting("shared", lambda x: notes.append(x.ctypes.data) or out)(of(np.arange(4.0)))
    taken = of(np.arange(4.0))
    converting("taken", lambda x: notes.append(x.ctypes.data))(taken)
    return notes[1] == address(taken), *(
        address(x) == y.ctypes.data for x, y in zip(found, out, strict=True)
    )


def address(x):
    return np.from_dlpack(x).ctypes.data


SHARED = {(True, True): "the same", (True, False): "the same if aligned to 64 bytes, else a copy"}
SPECIAL = {"__call__": "a call", "__init__": "the constructor"}
VERSIONS = {"torch": "torch", "jax": "jax", "array_api_strict": "array-api-strict"}


def tables():
    """Return the tables of docs/arrays.md."""
    lines = [
        "| arrays of | memory of an argument | memory of a result | type of a result |",
        "|---|---|---|---|",
    ]
    for name in LIBRARIES:
        taken, *given = shared(name)
        kind = "NumPy's" if name.startswith("DLPack") else "its own"
        memory = SHARED[tuple(given)]
        lines.append(
            f"| {VERSIONS.get(name, name)} | {'the same' if taken else 'a copy'} | {memory} | {kind} |"
        )
    lines += [
        "",
        "| | NumPy | torch | jax | array-api-strict | DLPack alone |",
        "|---|---|---|---|---|---|",
    ]
    for title, names in by_module().items():
        listed = ", ".join(SPECIAL.get(name, f"`{name}`") for name in names)
        lines.append(f"| {title}: {listed} |{' yes |' * 5}")
    lines += ["", "| arrays of | which | exception | way out |", "|---|---|---|---|"]
    for library, refusals in REFUSALS.items():
        lines += [
            f"| {library} | {row.got} | {row.kind.__name__} | {row.advice} |" for row in refusals
        ]
    lines += [
        f"| {library} | on a device | BufferError | Copy it to the CPU, with {how}. |"
        for library, how in TO_CPU.items()
    ]
    return "\n".join(lines)


def by_module():
    """Return the functions that have samples by their module, and the methods by their class."""
    found = {}
    for name in sorted(SAMPLES, key=lambda name: (name[0].isupper(), name)):
        owner, _, inner = name.rpartition(".")
        found.setdefault(f"`{owner}`" if owner else "`tapeless`", []).append(inner)
    return found


def page():
    """Return docs/arrays.md, with the tables between the marks."""
    head, _, rest = DOCS.read_text().partition(MARKS[0])
    return f"{head}{MARKS[0]}\n\n{tables()}\n\n{MARKS[1]}{rest.partition(MARKS[1])[2]}"


def test_page_of_arrays_is_up_to_date():
    for name in ("torch", "array_api_strict"):
        pytest.importorskip(name)
    with pytest.importorskip("jax").enable_x64(True):
        assert DOCS.read_text() == page(), "run python tests/frontend/test_arrays.py --write"


if __name__ == "__main__" and "--write" in sys.argv:
    # The page says of every function that it works: it is written only when each of them has been tried.
    failed = pytest.main(["-q", "-k", "not up_to_date", __file__])
    with sys.modules["jax"].enable_x64(True):
        sys.exit(failed or not DOCS.write_text(page()))
