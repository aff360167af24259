import numpy as np
import pytest

from tapeless_kernels.fields import dense as forms
from tapeless_kernels.launch import cpu

GUARD = 7.25  # around what is written; around what is only read lies NaN
EDGE = 96  # more than any vector or block is wide

every_width = pytest.mark.parametrize(
    ("dtype", "lanes"),
    [(dtype, lanes) for dtype, wide in cpu.WIDTHS.items() for lanes in (1, wide)],
    ids=lambda x: str(x),
)


def shapes(n_random):
    """Every n from 1 to 130 as fan-in and as fan-out, pairs of them, and the seams at DEPTH."""
    d = forms.DEPTH
    pairs = [(n, 131 - n) for n in range(1, 131)]
    pairs += map(tuple, np.random.default_rng(0).integers(1, 131, (n_random, 2)).tolist())
    return [
        *pairs,
        (d + 1, d + 1),
        (d, 2 * d + 1),
        (2 * d, d),
        (2 * d + 1, 3),
        (5, d + 9),
        (200, 64),
    ]


class Data:
    """The operands of one dense layer at odd offsets, with guards around them."""

    def __init__(self, dtype, lanes, n_in, n_out, seed):
        self.rng, self.dtype, self.lanes = np.random.default_rng(seed), dtype, lanes
        self.n_in, self.n_out = n_in, n_out
        self.at, self.x_at, self.out_at = (self.rng.integers(0, 9, 3) + EDGE).tolist()
        self.theta = self.flat(self.at, (n_in + 1) * n_out, np.nan)
        self.x = self.flat(self.x_at, n_in * lanes, np.nan)
        self.out_bar = self.flat(self.out_at, n_out * lanes, np.nan)
        self.x_bar = self.flat(self.x_at, n_in * lanes, GUARD)
        self.theta_bar = self.flat(self.at, (n_in + 1) * n_out, GUARD)

    def flat(self, at, n, around):
        x = np.full(at + n + EDGE, around, self.dtype)
        x[at : at + n] = self.rng.standard_normal(n)
        return x

    def part(self, x):
        """Return the numbers of an operand without its guards."""
        at, n = {
            id(self.theta): (self.at, (self.n_in + 1) * self.n_out),
            id(self.x): (self.x_at, self.n_in * self.lanes),
            id(self.out_bar): (self.out_at, self.n_out * self.lanes),
        }[id(x)]
        return x[at : at + n]

    def dense(self, kernels, x=None, theta=None, start=forms.FROM_BIAS):
        out = np.full(len(self.out_bar), GUARD, self.dtype)
        kernels[0](
            self.theta if theta is None else theta, self.at, self.x if x is None else x, self.x_at,
            out, self.out_at, self.n_in, self.n_out, start,
        )  # fmt: skip
        return out

    def vjp_input(self, kernels, fresh, weights=None):
        x_bar = self.x_bar.copy()
        kernels[1](
            self.theta if weights is None else weights, self.at, self.out_bar, self.out_at, x_bar,
            self.x_at, self.n_in, self.n_out, fresh, self.panel(),
        )  # fmt: skip
        return x_bar

    def turned(self):
        """Return theta with the weights (n_out, n_in)."""
        theta, n = self.theta.copy(), self.n_in * self.n_out
        w = theta[self.at :][:n].reshape(self.n_in, self.n_out)
        theta[self.at :][:n] = w.T.copy().ravel()
        return theta

    def panel(self):
        size = cpu.family(self.dtype, self.lanes).bind["PANEL_SIZE"]
        return np.full(size, np.nan, self.dtype)

    def vjp_theta(self, kernels, start=forms.FROM_BIAS):
        theta_bar = self.theta_bar.copy()
        kernels[2](
            self.x, self.x_at, self.out_bar, self.out_at, theta_bar, self.at, self.n_in,
            self.n_out, start, self.panel(),
        )  # fmt: skip
        return theta_bar


def fast_and_plain(plain, dtype, lanes):
    names = ("dense", "dense_vjp_input", "dense_vjp_theta")
    fast, slow = cpu.family(dtype, lanes), plain(dtype, lanes)
    assert all(fast.bind[name] is not getattr(forms, name) for name in names)
    return [fast(fast.bind[name]) for name in names], [slow(getattr(forms, name)) for name in names]


def untouched(x, at, n):
    return (x[:at] == GUARD).all() and (x[at + n :] == GUARD).all()


@every_width
def test_blocks_and_lines_give_the_bits_of_the_plain_loops(plain, dtype, lanes):
    fast, slow = fast_and_plain(plain, dtype, lanes)
    for seed, (n_in, n_out) in enumerate(shapes(60)):
        data = Data(dtype, lanes, n_in, n_out, seed)
        out = data.dense(fast)
        assert np.array_equal(out, data.dense(slow)), (n_in, n_out)
        assert untouched(out, data.out_at, n_out * lanes), (n_in, n_out)
        for fresh in (0, 1):
            x_bar = data.vjp_input(fast, fresh, data.turned() if lanes == 1 else None)
            assert np.array_equal(x_bar, data.vjp_input(slow, fresh)), (n_in, n_out, fresh)
            assert untouched(x_bar, data.x_at, n_in * lanes), (n_in, n_out, fresh)
        theta_bar = data.vjp_theta(fast)
        assert np.array_equal(theta_bar, data.vjp_theta(slow)), (n_in, n_out)
        assert untouched(theta_bar, data.at, (n_in + 1) * n_out), (n_in, n_out)
        for start in (forms.FROM_0, forms.ONTO):
            out = data.dense(fast, start=start)
            assert np.array_equal(out, data.dense(slow, start=start)), (n_in, n_out, start)
        theta_bar = data.vjp_theta(fast, forms.FROM_0)
        assert np.array_equal(theta_bar, data.vjp_theta(slow, forms.FROM_0)), (n_in, n_out)
        bias = data.at + n_in * n_out
        assert np.array_equal(theta_bar[bias:], data.theta_bar[bias:]), (n_in, n_out)


@every_width
def test_dense_is_the_matrix_product(plain, dtype, lanes):
    fast, _ = fast_and_plain(plain, dtype, lanes)
    for seed, (n_in, n_out) in enumerate(shapes(0)[::7]):
        data = Data(dtype, lanes, n_in, n_out, seed)
        theta = data.part(data.theta).astype(np.longdouble)
        w, b = theta[: n_in * n_out].reshape(n_in, n_out), theta[n_in * n_out :]
        x = data.part(data.x).astype(np.longdouble).reshape(n_in, lanes)
        out = data.dense(fast)[data.out_at :][: n_out * lanes].reshape(n_out, lanes)
        bound = (n_in + 1) * np.finfo(dtype).eps * (abs(w.T) @ abs(x) + abs(b[:, None]))
        assert (abs(out - (w.T @ x + b[:, None])) <= bound).all(), (n_in, n_out)


@every_width
def test_transposes_pass_the_dot_test(plain, dtype, lanes):
    """<J v, w> = <v, J^T w>, J with respect to x where b = 0, and to theta, in which dense is linear."""
    fast, _ = fast_and_plain(plain, dtype, lanes)
    for seed, (n_in, n_out) in enumerate(shapes(0)[::7]):
        data = Data(dtype, lanes, n_in, n_out, seed)
        w, n_terms = data.part(data.out_bar).astype(np.longdouble), n_in * n_out * lanes
        theta_bar = data.vjp_theta(fast) - data.theta_bar
        outs = data.dense(fast)[data.out_at :][: n_out * lanes]
        dots = outs @ w, data.part(data.theta) @ theta_bar[data.at :][: (n_in + 1) * n_out]
        assert_equal_to_rounding(*dots, dtype, n_terms)
        data.part(data.theta)[n_in * n_out :] = 0
        outs = data.dense(fast)[data.out_at :][: n_out * lanes]
        turned = data.turned() if lanes == 1 else None
        x_bar = data.vjp_input(fast, 1, turned)[data.x_at :][: n_in * lanes]
        assert_equal_to_rounding(outs @ w, data.part(data.x) @ x_bar, dtype, n_terms)


def assert_equal_to_rounding(a, b, dtype, n_terms):
    # Terms are products of three normal numbers, so the sums are of the size of the root.
    assert abs(a - b) <= 20 * np.finfo(dtype).eps * (10 + n_terms) ** 0.75, (a, b)
