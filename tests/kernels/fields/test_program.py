import ctypes
from types import SimpleNamespace

import numpy as np
import pytest
from numba import types

from tapeless.fields import Network
from tapeless_kernels.activations import ACTIVATIONS
from tapeless_kernels.field_abi import (
    field_jvp_signature,
    field_signature,
    field_vjp_signature,
)
from tapeless_kernels.fields import lower as lowered
from tapeless_kernels.fields import program, tangent
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
from tapeless_kernels.launch import cpu

GUARD = 7.25
DIM = 4
WIDTHS = [(dtype, lanes) for dtype, wide in cpu.WIDTHS.items() for lanes in (1, wide)]


def normal(x):
    """Return the normal distribution by its series around 0, in the precision of x."""
    term = total = x
    for k in range(1, 200):
        term = term * x * x / (2 * k + 1)
        total = total + term
    return 0.5 + total * np.exp(-x * x / 2) / np.sqrt(
        2 * np.longdouble(np.pi) + np.longdouble(2.4492935982947064e-16)
    )


REFERENCE = {
    "identity": lambda x: x,
    "tanh": np.tanh,
    "softplus": lambda x: np.logaddexp(0, x),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "sin": np.sin,
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: x * normal(x),
}
NETWORKS = {
    "nothing": [],
    "dense": [Dense(DIM)],
    "two dense": [Dense(7), Dense(DIM)],
    "time first": [ConcatTime(), Dense(DIM)],
    "time twice": [ConcatTime(), ConcatTime(), Dense(DIM)],
    "time after dense": [Dense(3), ConcatTime(), Dense(DIM)],
    "time after activation": [Dense(3), Activation("silu"), ConcatTime(), Dense(DIM)],
    "empty residual": [Residual(())],
    "residual": [Residual((Dense(DIM),))],
    "residual of activation": [Residual((Activation("tanh"),))],
    "residual, then activation": [Residual((Dense(DIM),)), Activation("softplus")],
    "two residuals": [
        Residual((Dense(9), Activation("tanh"), Dense(DIM))),
        Residual((Dense(DIM),)),
    ],
    "nested residuals": [
        Residual(
            (Residual((Activation("sin"), Dense(DIM))), Residual((Residual(()),)), Dense(DIM))
        ),
    ],
    "residual inside": [
        Dense(6),
        Residual((ConcatTime(), Dense(5), Activation("silu"), Dense(6), Activation("tanh"))),
        Activation("relu"),
        Dense(DIM),
    ],
    "dense is read twice": [Dense(5), Residual((Activation("tanh"), Dense(5))), Dense(DIM)],
    "low rank": [LowRankDense(7, 2), Activation("tanh"), LowRankDense(DIM, 1)],
    "spectral": [SpectralDense(5, 0.7), Activation("silu"), SpectralDense(DIM)],
    "bilinear": [Bilinear(DIM)],
    "bilinear inside": [Dense(3), Activation("tanh"), Bilinear(5), Activation("sin"), Dense(DIM)],
    "norm": [LayerNorm()],
    "norm inside": [
        Dense(6),
        LayerNorm(1e-2),
        Activation("tanh"),
        Residual((LayerNorm(),)),
        Dense(DIM),
    ],
    "norm of time": [ConcatTime(), LayerNorm(), Dense(DIM)],
    "waves": [FourierFeatures(3, 0.5), Dense(DIM)],
    "waves that learn": [
        ConcatTime(),
        FourierFeatures(2, 0.5, True),
        Activation("relu"),
        Dense(DIM),
    ],
    "waves last": [FourierFeatures(2)],
    "gated": [GatedCell()],
    "gated twice": [Dense(5), GatedCell(), Activation("gelu"), GatedCell(), Dense(DIM)],
    "gated residual": [Residual((GatedCell(),)), LayerNorm()],
    "skip": [Skip((Dense(3), Activation("tanh"))), Dense(DIM)],
    "empty skip": [Skip(()), Dense(DIM)],
    "skips": [
        Skip((Skip((Dense(2),)), Activation("sin"))),
        LayerNorm(),
        Residual((Skip(()), Dense(10))),
        Dense(DIM),
    ],
    "deep": [layer for _ in range(6) for layer in (Dense(DIM), Activation("tanh"))],
    "wide": [
        ConcatTime(),
        Dense(131),
        Activation("tanh"),
        Dense(97),
        Activation("sin"),
        Dense(DIM),
    ],
} | {
    f"{name} {place}": layers
    for name in REFERENCE
    for place, layers in {
        "first": [Activation(name), Dense(DIM)],
        "last": [Dense(DIM), Activation(name)],
        "alone": [Activation(name)],
        "twice": [Dense(5), Activation(name), Activation(name), Dense(DIM)],
        "between": [Dense(5), Activation(name), Dense(DIM)],
    }.items()
}
every_width = pytest.mark.parametrize(("dtype", "lanes"), WIDTHS, ids=str)
every_network = pytest.mark.parametrize("name", NETWORKS)


def test_every_layer_and_activation_is_here():
    def kinds(layers):
        for layer in layers:
            yield type(layer)
            yield from kinds(getattr(layer, "layers", ()))

    assert {kind for layers in NETWORKS.values() for kind in kinds(layers)} == set(LAYERS)
    assert list(REFERENCE) == [activation.name for activation in ACTIVATIONS]


def taken(theta, *shapes):
    """Return arrays of these shapes from the beginning of theta, and what is left of it."""
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    arrays = [theta[a:b].reshape(s) for a, b, s in zip(ends[:-1], ends[1:], shapes, strict=True)]
    return arrays, theta[ends[-1] :]


def fixed(layers):
    """Return whether each parameter is one without a cotangent, in order; of layers without such, nothing."""
    program = lower(layers, DIM)
    held = np.zeros(program.n_params, bool)
    for row in program.operations:
        if row[lowered.CODE] == lowered.DENSE and row[lowered.FIXED]:
            at = row[lowered.THETA]
            held[at : at + (row[lowered.N_IN] + 1) * row[lowered.N_OUT]] = True
    return held


def reference(layers, t, y, theta):
    """Return the value of layers at y (n, lanes), written anew; and what is left of theta."""
    for layer in layers:
        n = len(y)
        if isinstance(layer, Dense | SpectralDense):  # whose weights are scaled before
            (w, b), theta = taken(theta, (n, layer.n_out), (layer.n_out,))
            y = w.T @ y + b[:, None]
        elif isinstance(layer, LowRankDense):
            shapes = (n, layer.rank), (layer.rank, layer.n_out), (layer.n_out,)
            (u, v, b), theta = taken(theta, *shapes)
            y = v.T @ (u.T @ y) + b[:, None]
        elif isinstance(layer, Bilinear):
            (w, b), theta = taken(theta, (n, n, layer.n_out), (layer.n_out,))
            y = np.einsum("ijm,il,jl->ml", w, y, y) + b[:, None]
        elif isinstance(layer, LayerNorm):
            (w, b), theta = taken(theta, (n,), (n,))
            z = (y - y.mean(axis=0)) / np.sqrt(y.var(axis=0) + layer.eps)
            y = w[:, None] * z + b[:, None]
        elif isinstance(layer, FourierFeatures):
            (w, b), theta = taken(theta, (n, layer.n), (layer.n,))
            phase = w.T @ y + b[:, None]
            y = np.vstack([np.sin(phase), np.cos(phase)])
        elif isinstance(layer, GatedCell):
            (wr, br, wz, bz, wg, bg), theta = taken(theta, *((n, n), (n,)) * 3)
            r, z = (1 / (1 + np.exp(-(w.T @ y + b[:, None]))) for w, b in ((wr, br), (wz, bz)))
            y = z * (np.tanh(wg.T @ (r * y) + bg[:, None]) - y)
        elif isinstance(layer, Skip):
            branch, theta = reference(layer.layers, t, y, theta)
            y = np.vstack([branch, y])
        elif isinstance(layer, Activation):
            y = REFERENCE[layer.name](y)
        elif isinstance(layer, ConcatTime):
            y = np.vstack([y, t])
        else:
            branch, theta = reference(layer.layers, t, y, theta)
            y = y + branch
    return y, theta


class Compiled:
    """A network behind its two C functions, called as the loop calls them, on memory with guards."""

    def __init__(self, layers, dtype, lanes):
        self.program, self.dtype, self.lanes = lower(layers, DIM), dtype, lanes
        kernels, p = cpu.family(dtype, lanes), self.program
        real = {4: types.float32, 8: types.float64}[dtype.itemsize]
        self.scratch = self.new(p.n_scratch * lanes)
        self.panel = self.new(kernels.bind["PANEL_SIZE"])
        self.weights = self.new(p.n_params)
        self._turn = kernels(program.turn_all)
        context = np.zeros(8, np.int64)
        context[program.OPERATIONS] = p.operations.ctypes.data
        context[program.N_OPERATIONS], context[program.N_PARAMS] = len(p.operations), p.n_params
        context[program.N_KEPT], context[program.N_SCRATCH] = p.n_kept, p.n_scratch
        context[program.SCRATCH] = self.scratch.ctypes.data
        context[program.PANEL] = self.panel.ctypes.data
        context[program.WEIGHTS] = self.weights.ctypes.data
        self.context = context
        p_, i = ctypes.c_void_p, ctypes.c_int64
        self._f = ctypes.CFUNCTYPE(ctypes.c_int32, p_, p_, p_, i, p_, p_, p_, p_, i, i)(
            kernels.address(program.program_field, field_signature(real))
        )
        self._vjp = ctypes.CFUNCTYPE(ctypes.c_int32, p_, p_, p_, i, *[p_] * 6, i, i)(
            kernels.address(program.program_field_vjp, field_vjp_signature(real))
        )

        self._jvp = ctypes.CFUNCTYPE(ctypes.c_int32, *[p_] * 3, i, *[p_] * 7, i, i)(
            kernels.address(tangent.program_field_jvp, field_jvp_signature(real))
        )

    def new(self, n):
        """Return n numbers that nothing has written, followed by 64 that nothing may write."""
        x = np.full(n + 64, GUARD, self.dtype)
        x[:n] = np.nan
        return x

    def untouched(self, *arrays):
        own = self.scratch, self.panel, self.weights
        return all((x[-64:] == GUARD).all() for x in (*own, *arrays))

    def __call__(self, t, y, theta):
        """Return dy, and what is kept for the transpose."""
        kept, dy = self.new(self.program.n_kept * self.lanes), self.new(y.size)
        lane_status = np.zeros(self.lanes, np.uint8)
        code = self._f(
            t.ctypes.data, y.ctypes.data, theta.ctypes.data, 0, kept.ctypes.data, dy.ctypes.data,
            lane_status.ctypes.data, self.context.ctypes.data, DIM, self.lanes,
        )  # fmt: skip
        assert code == 0 and not lane_status.any() and self.untouched(kept, dy)
        return dy[:-64].reshape(y.shape), kept

    def vjp(self, t, y, theta, kept, dy_bar, theta_bar):
        """Return y_bar, and add to theta_bar; kept and dy_bar must stay as they are."""
        self.scratch[:-64] = np.nan  # what an evaluation left there is not to be relied on
        self._turn(self.program.operations, theta, self.weights)
        y_bar, before = self.new(y.size), (kept.copy(), dy_bar.copy())
        t_bar = self.new(self.lanes)
        guarded = np.append(theta_bar, np.full(64, GUARD, self.dtype))
        code = self._vjp(
            t.ctypes.data, y.ctypes.data, theta.ctypes.data, 0, kept.ctypes.data,
            dy_bar.ctypes.data, y_bar.ctypes.data, t_bar.ctypes.data, guarded.ctypes.data,
            self.context.ctypes.data, DIM, self.lanes,
        )  # fmt: skip
        assert code == 0 and self.untouched(y_bar, t_bar, guarded)
        self.t_bar = t_bar[:-64]
        assert np.array_equal(before[0], kept) and np.array_equal(before[1], dy_bar)
        theta_bar[...] = guarded[:-64]
        return y_bar[:-64].reshape(y.shape)

    def jvp(self, t, y, theta, t_dot, y_dot, theta_dot):
        """Return dy and dy_dot."""
        self.scratch[:-64] = np.nan
        kept, dy, dy_dot = (
            self.new(self.program.n_kept * self.lanes),
            self.new(y.size),
            self.new(y.size),
        )
        arrays = t, y, theta, kept, t_dot, y_dot, theta_dot, dy, dy_dot
        at = [x.ctypes.data for x in arrays]
        code = self._jvp(*at[:3], 0, *at[3:], self.context.ctypes.data, DIM, self.lanes)
        assert code == 0 and self.untouched(kept, dy, dy_dot)
        return dy[:-64].reshape(y.shape), dy_dot[:-64].reshape(y.shape)


def point(compiled, seed):
    """Return t, y, theta and a cotangent of dy, of the numbers that float32 has too."""
    rng, dtype, lanes = np.random.default_rng(seed), compiled.dtype, compiled.lanes
    t, y, theta, dy_bar = (
        rng.standard_normal(shape).astype(np.float32)
        for shape in ((64,), (64, DIM), (compiled.program.n_params,), (64, DIM))
    )
    theta *= np.float32(0.5)
    rows = [np.ascontiguousarray(x[:lanes].T, dtype) for x in (t, y, dy_bar)]
    return rows[0], rows[1], theta.astype(dtype), rows[2]


@every_network
@every_width
def test_evaluation_is_the_naive_one(name, dtype, lanes):
    compiled = Compiled(NETWORKS[name], dtype, lanes)
    t, y, theta, _ = point(compiled, 0)
    dy, _ = compiled(t, y, theta)
    expected, left = reference(NETWORKS[name], *(x.astype(np.longdouble) for x in (t, y, theta)))
    assert left.size == 0
    tolerance = 40 * np.finfo(dtype).eps
    np.testing.assert_allclose(dy, expected, tolerance, tolerance * abs(expected).max())


@every_network
def test_transpose_passes_the_dot_test(name):
    """<J v, w> = <v, J^T w>, J v by central differences in extended precision, v of y and theta."""
    compiled = Compiled(NETWORKS[name], np.dtype(np.float64), 32)
    t, y, theta, dy_bar = point(compiled, 1)
    _, kept = compiled(t, y, theta)
    theta_bar = np.zeros_like(theta)
    y_bar = compiled.vjp(t, y, theta, kept, dy_bar, theta_bar)
    rng, h = np.random.default_rng(2), np.longdouble(1e-7)
    for _ in range(3):
        dy, dtheta = rng.standard_normal(y.shape), rng.standard_normal(theta.shape)
        dtheta[fixed(NETWORKS[name])] = 0
        ends = [reference(NETWORKS[name], t, y + s * dy, theta + s * dtheta)[0] for s in (h, -h)]
        pushed = ((ends[0] - ends[1]) / (2 * h) * dy_bar).sum()
        pulled = (dy * y_bar).sum() + (dtheta * theta_bar).sum()
        assert abs(pushed - pulled) <= 1e-10 * (1 + abs(pushed))


@every_network
def test_tangent_is_what_the_transpose_transposes(name):
    """<J v, w> = <v, J^T w> to rounding, where J^T is compared with differences above; and of time by those."""
    compiled = Compiled(NETWORKS[name], np.dtype(np.float64), 32)
    t, y, theta, dy_bar = point(compiled, 6)
    expected, kept = compiled(t, y, theta)
    theta_bar, rng = np.zeros_like(theta), np.random.default_rng(7)
    y_bar = compiled.vjp(t, y, theta, kept, dy_bar, theta_bar)
    y_dot, theta_dot = rng.standard_normal(y.shape), rng.standard_normal(theta.shape)
    dy, dy_dot = compiled.jvp(t, y, theta, np.zeros_like(t), y_dot, theta_dot)
    assert np.array_equal(dy, expected)
    pushed, pulled = (dy_dot * dy_bar).sum(), (y_dot * y_bar).sum() + (theta_dot * theta_bar).sum()
    assert abs(pushed - pulled) <= 1e-12 * (1 + abs(dy_dot * dy_bar).sum())
    t_dot, h = rng.standard_normal(t.shape), np.longdouble(1e-7)
    _, found = compiled.jvp(t, y, theta, t_dot, np.zeros_like(y), np.zeros_like(theta))
    ends = [reference(NETWORKS[name], t + s * t_dot, y, theta)[0] for s in (h, -h)]
    slope = (ends[0] - ends[1]) / (2 * h)
    np.testing.assert_allclose(
        found, slope.astype(float), rtol=0, atol=2e-8 * (1 + abs(slope).max())
    )


@every_network
@pytest.mark.parametrize("dtype", cpu.WIDTHS, ids=str)
def test_a_tangent_has_the_bits_of_a_single_trajectory(name, dtype):
    one, wide = (Compiled(NETWORKS[name], dtype, lanes) for lanes in (1, cpu.WIDTHS[dtype]))
    t, y, theta, y_dot = point(wide, 8)
    theta_dot, t_dot = theta[::-1].copy(), t[::-1].copy()
    _, dots = wide.jvp(t, y, theta, t_dot, y_dot, theta_dot)
    for i in range(wide.lanes):
        at = slice(i, i + 1)
        _, dot = one.jvp(
            t[at].copy(), y[:, i].copy(), theta, t_dot[at].copy(), y_dot[:, i].copy(), theta_dot
        )
        assert np.array_equal(dot, dots[:, i])


@every_network
@pytest.mark.parametrize("dtype", cpu.WIDTHS, ids=str)
def test_a_lane_has_the_bits_of_a_single_trajectory(name, dtype):
    one, wide = (Compiled(NETWORKS[name], dtype, lanes) for lanes in (1, cpu.WIDTHS[dtype]))
    t, y, theta, dy_bar = point(wide, 3)
    dy, kept = wide(t, y, theta)
    y_bar = wide.vjp(t, y, theta, kept, dy_bar, np.zeros_like(theta))
    sums = np.zeros_like(theta)
    for i in range(wide.lanes):
        point_i = t[i : i + 1].copy(), y[:, i].copy(), theta
        dy_i, kept_i = one(*point_i)
        assert np.array_equal(dy_i, dy[:, i])
        y_bar_i = one.vjp(*point_i, kept_i, dy_bar[:, i].copy(), sums)
        assert np.array_equal(y_bar_i, y_bar[:, i])
    theta_bar = np.zeros_like(theta)
    wide.vjp(t, y, theta, kept, dy_bar, theta_bar)
    # Summed over the lanes first, there one by one.
    tolerance = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(
        sums, theta_bar, tolerance, tolerance * abs(theta_bar).max(initial=0)
    )


@every_network
def test_transpose_adds_to_theta_bar_and_overwrites_y_bar(name):
    compiled = Compiled(NETWORKS[name], np.dtype(np.float64), 32)
    t, y, theta, dy_bar = point(compiled, 4)
    _, kept = compiled(t, y, theta)
    once, again = np.zeros_like(theta), np.full_like(theta, 1000.0)
    first = compiled.vjp(t, y, theta, kept, dy_bar, once)
    assert np.array_equal(first, compiled.vjp(t, y, theta, kept, dy_bar, again))
    np.testing.assert_allclose(again - 1000, once, 1e-10, 1e-10)


@every_network
def test_float32_transpose_is_that_of_float64(name):
    results = []
    for dtype, lanes in cpu.WIDTHS.items():
        compiled = Compiled(NETWORKS[name], dtype, lanes)
        t, y, theta, dy_bar = point(compiled, 5)
        dy_bar[:, 32:] = 0
        _, kept = compiled(t, y, theta)
        theta_bar = np.zeros_like(theta)
        y_bar = compiled.vjp(t, y, theta, kept, dy_bar, theta_bar)[:, :32]
        results.append(np.concatenate([y_bar.ravel(), theta_bar]).astype(np.float64))
    np.testing.assert_allclose(*results, rtol=1e-4, atol=2e-5 * abs(results[1]).max())


def test_parts_are_views_that_cover_theta():
    field = Network(
        3, [ConcatTime(), Dense(5), Activation("tanh"), Residual((Dense(5),)), Dense(3)]
    )
    theta = np.arange(field.n_params, dtype=np.float32)
    parts = field.unflatten(theta)
    shapes = {name: part.shape for name, part in parts.items()}
    assert shapes == {
        "dense0.weight": (4, 5), "dense0.bias": (5,), "dense1.weight": (5, 5), "dense1.bias": (5,),
        "dense2.weight": (5, 3), "dense2.bias": (3,),
    }  # fmt: skip
    assert np.array_equal(np.concatenate([part.ravel() for part in parts.values()]), theta)
    parts["dense1.weight"][...] = -1
    assert (theta == -1).sum() == 25
    with pytest.raises(TypeError):
        parts["dense0.bias"] = theta


BAD_LAYERS = (
    ([Dense(3)], "the layers map 4 values to 3"),
    ([ConcatTime()], "the layers map 4 values to 5"),
    ([Residual((Dense(5),)), Dense(4)], "a Residual block maps 4 values to 5"),
    ([Dense(4), Activation("tan")], "no activation is called 'tan'; there are identity, tanh"),
    ([Dense(4), "tanh"], "'tanh' is no layer"),
    ([Dense], "is no layer"),
    ([Residual(Dense(4))], "4 is no layer"),
    ([Dense(0), Dense(4)], "0 outputs"),
    ([Dense(-3), Dense(4)], "-3 outputs"),
    ([Dense(2.5), Dense(4)], "2.5 outputs"),
    ([Dense("8"), Dense(4)], "'8' outputs"),
    ([LowRankDense(4, 0)], "LowRankDense layer has 0 ranks"),
    ([LowRankDense(-1, 2)], "LowRankDense layer has -1 outputs"),
    ([SpectralDense(4, 0.0)], "lipschitz=0.0"),
    ([Bilinear(True)], "Bilinear layer has True outputs"),
    ([LayerNorm(-1.0)], "eps=-1.0"),
    ([FourierFeatures(0)], "FourierFeatures layer has 0 waves"),
    ([FourierFeatures(2, np.inf)], "scale=inf"),
    ([Skip((Dense(3),))], "the layers map 4 values to 7"),
)


@pytest.mark.parametrize(("layers", "sentence"), BAD_LAYERS, ids=[x[1] for x in BAD_LAYERS])
def test_bad_layers_get_a_sentence(layers, sentence):
    with pytest.raises((ValueError, TypeError), match=r"^Network: in `layers`, ") as caught:
        Network(4, layers)
    assert sentence in str(caught.value) and str(caught.value).endswith(".")


def test_wrong_width_or_stride_stops_the_call():
    compiled = Compiled([Dense(DIM)], np.dtype(np.float64), 32)
    zero = SimpleNamespace(t=np.zeros(32), y=np.zeros((DIM, 32)), theta=np.zeros(20))
    pointers = [x.ctypes.data for x in (zero.t, zero.y, zero.theta)]
    for stride, lanes in ((0, 16), (1, 32)):
        dy, status = np.full((DIM, 32), GUARD), np.zeros(32, np.uint8)
        rest = [None, dy.ctypes.data, status.ctypes.data, compiled.context.ctypes.data, DIM, lanes]
        assert compiled._f(*pointers, stride, *rest) != 0
        assert (dy == GUARD).all()


@every_network
@pytest.mark.parametrize("lanes", [1, 32])
def test_the_cotangent_of_time_is_paired_with_its_tangent(name, lanes):
    compiled = Compiled(NETWORKS[name], np.dtype(np.float64), lanes)
    t, y, theta, dy_bar = point(compiled, 3)
    _, kept = compiled(t, y, theta)
    compiled.vjp(t, y, theta, kept, dy_bar, np.zeros_like(theta))
    zeros = np.zeros_like(y), np.zeros_like(theta)
    _, dy_dot = compiled.jvp(t, y, theta, np.ones_like(t), *zeros)
    wanted = (dy_dot * dy_bar).sum(0)
    np.testing.assert_allclose(compiled.t_bar, wanted, rtol=1e-12, atol=1e-13)
