"""Brownian paths: the same bits in any order and company, and the right laws."""

import itertools
import pickle
import tracemalloc

import numpy as np
import pytest
from scipy import stats

import tapeless
from tapeless import BrownianPath
from tapeless._brownian import LEVY_AREAS

AREAS = LEVY_AREAS[1:]
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
every_area = pytest.mark.parametrize("levy_area", LEVY_AREAS)
KINDS = {"W": 1.0, "H": 1 / 12, "K": 1 / 720}
MANY = 100_000


def stacked(found):
    """Return W, or W, H and K, along a leading axis."""
    return np.stack([x for x in (found if isinstance(found, tuple) else (found,)) if x is not None])


def some_times(n, seed=0):
    s, t = np.sort(np.random.default_rng(seed).random((2, n)), axis=0)
    return s, t


@every_dtype
@every_area
def test_bits_know_neither_order_nor_company(levy_area, dtype):
    options = {"levy_area": levy_area, "dtype": dtype, "resolution": 2.0**-10}
    s, t = some_times(40)
    s[:3], t[:3] = 0, (1, 0.5, 2.0**-10)
    s[3:6], t[3:6] = (0.25, 0.5, 0.3), (0.5, 1, 0.3 + 1e-5)
    path = BrownianPath(11, 0.0, 1.0, (13, 3), **options)
    wanted = stacked(path(s, t, threads=1))
    order = np.random.default_rng(1).permutation(len(s))
    assert stacked(path(s[order], t[order], threads=2)).tobytes() == wanted[:, order].tobytes()
    for q in (0, 39, 4, 4, 20):
        assert stacked(path(s[q], t[q])).tobytes() == wanted[:, q].tobytes()
    for first, n in ((0, 1), (1, 4), (3, 6), (12, 1)):
        part = BrownianPath(11, 0.0, 1.0, (n, 3), first_sample=first, **options)
        assert stacked(part(s, t)).tobytes() == wanted[:, :, first : first + n].tobytes()
    fewer = BrownianPath(11, 0.0, 1.0, (13, 2), **options)
    assert stacked(fewer(s, t)).tobytes() == wanted[..., :2].tobytes()
    large = BrownianPath(11, 0.0, 1.0, (3000, 3), **options)  # of many blocks
    assert stacked(large(s, t, threads=2))[:, :, :13].tobytes() == wanted.tobytes()


def test_other_keys_samples_channels_and_families_are_other_numbers():
    a = stacked(BrownianPath(1, 0, 1, (50, 50), "space-time-time")(0.2, 0.7))
    b = stacked(BrownianPath(2, 0, 1, (50, 50), "space-time-time")(0.2, 0.7))
    c = stacked(BrownianPath(1 + 2**32, 0, 1, (50, 50), "space-time-time")(0.2, 0.7))
    d = BrownianPath(1, 0, 1, (50, 50))(0.2, 0.7)
    numbers = np.concatenate([x.ravel() for x in (a, b, c, d)])
    assert len(np.unique(numbers)) == len(numbers)
    with_areas, without = (BrownianPath(1, 0, 1, (5000,), x)(0, 1) for x in ("space-time", "none"))
    assert abs(np.corrcoef(with_areas.W, without)[0, 1]) < 0.07


def test_asking_for_k_changes_neither_w_nor_h():
    s, t = some_times(20)
    two, three = (BrownianPath(5, 0, 1, (7, 2), area)(s, t) for area in AREAS)
    assert two.K is None and three.K.shape == (20, 7, 2)
    assert two.W.tobytes() == three.W.tobytes() and two.H.tobytes() == three.H.tobytes()


@every_dtype
def test_intervals_join(dtype):
    path = BrownianPath(3, -1.0, 2.0, (20, 2), "space-time-time", dtype=dtype, resolution=2.0**-12)
    cuts = np.sort(np.random.default_rng(2).uniform(-1, 2, (200, 3)), axis=1)
    s, m, t = cuts.T
    first, second, both = path(s, m), path(m, t), path(s, t)
    a, b, _h = ((x / (t - s))[:, None, None] for x in (m - s, t - m, t - s))
    d = b * first.W - a * second.W
    w = first.W + second.W
    h_area = a * first.H + b * second.H + d / 2
    k_area = a**2 * first.K + b**2 * second.K + a * b / 2 * (first.H - second.H) + (b - a) / 12 * d
    scale = 40 * np.finfo(dtype).eps * np.sqrt(t - s)[:, None, None]
    for found, wanted in zip(both, (w, h_area, k_area), strict=True):
        assert (abs(found - wanted) <= scale).all()


@every_area
def test_small_intervals_keep_their_digits_in_float32(levy_area):
    """Beside the same path in float64: areas are put together from pieces, never by differences."""
    h, options = 2.0**-12, {"levy_area": levy_area, "resolution": 2.0**-16}
    s = np.random.default_rng(4).uniform(0, 1 - h, 300)
    single, double = (
        stacked(BrownianPath(9, 0, 1, (50,), dtype=t, **options)(s, s + h))
        for t in (np.float32, np.float64)
    )
    for row, kind in zip(range(len(single)), KINDS.values(), strict=False):
        off = abs(single[row] - double[row]) / np.sqrt(h * kind)
        assert np.sqrt((off**2).mean()) < 1e-6 and np.quantile(off, 0.999) < 1e-5


def test_coarse_grids_nest_in_fine_ones():
    path = BrownianPath(8, 0, 1, (5,), resolution=2.0**-10)
    fine, coarse = np.linspace(0, 1, 301), np.linspace(0, 1, 31)
    sums = path(fine[:-1], fine[1:]).reshape(30, 10, 5).sum(axis=1)
    np.testing.assert_allclose(sums, path(coarse[:-1], coarse[1:]), atol=1e-14)


def whitened(levy_area, pairs, key=0):
    """Return what the path does over pairs of times, in units of its standard deviations, of many samples."""
    path = BrownianPath(key, 0.0, 1.0, (MANY,), levy_area, resolution=2.0**-8)
    s, t = np.array(pairs).T
    found = stacked(path(s, t))
    scale = np.sqrt(np.multiply.outer(list(KINDS.values())[: len(found)], t - s))
    return found / scale[..., None]


PLACES = [
    (0.0, 1.0),
    (0.5, 0.75),
    (0.1, 0.9),
    (0.123, 0.128),
    (0.3, 0.3071),
    (1 / 3, 1.0),
    (0.5, 0.5 + 1e-4),
]


@pytest.mark.parametrize("levy_area", ["none", "space-time-time"])
def test_marginal_laws(levy_area):
    for row in whitened(levy_area, PLACES).reshape(-1, MANY):
        assert stats.kstest(row, "norm").pvalue > 1e-4
        assert stats.kstest(1.04 * row, "norm").pvalue < 1e-4  # a wrong variance is seen


@pytest.mark.parametrize("levy_area", ["none", "space-time-time"])
def test_joint_laws(levy_area):
    """Pieces side by side, of every size, are independent of each other, and so are W, H and K."""
    cuts = np.array([0, 0.003, 0.0351, 0.25, 0.2539, 0.4, 0.611, 0.9, 1])
    assert (
        np.diff(cuts)[1:].min() >= 2.0**-8 - 1e-5
    )  # the first two share a leaf, of which one is the end
    z = whitened(levy_area, list(itertools.pairwise(cuts))).reshape(-1, MANY)
    found = z @ z.T / MANY
    off = (found - np.eye(len(z))) * np.sqrt(MANY) / np.sqrt(1 + np.eye(len(z)))
    assert abs(off).max() < 5


@pytest.mark.parametrize("levy_area", ["none", "space-time-time"])
def test_conditional_laws(levy_area):
    """Over a part, given the whole: the bridge, by its residuals."""
    s, m, t = 0.2, 0.31, 0.7
    part, whole = whitened(levy_area, [(s, m), (s, t)]).swapaxes(0, 1)
    a = (m - s) / (t - s)
    b, u = 1 - a, a * (1 - a)
    if levy_area == "none":
        mean, variance = [np.sqrt(a) * whole[0]], [1 - a]
    else:
        w, h, k = whole * np.sqrt(list(KINDS.values()))[:, None]
        mean = [a * w + 6 * u * h + 60 * u * (b - a) * k, a * a * h + 30 * a * u * k, a**3 * k]
        variance = [
            u * (1 - 8 * u + 20 * u * u),
            a / 12 * (1 - a**3 - 15 * a * u * u),
            a / 720 * (1 - a**5),
        ]
        scale = np.sqrt(a * np.array(list(KINDS.values())))
        mean, variance = [x / s for x, s in zip(mean, scale, strict=True)], variance / scale**2
    for found, centre, spread in zip(part, mean, variance, strict=True):
        residual, wrong = ((found - c) / np.sqrt(spread) for c in (centre, 0.0))
        assert stats.kstest(residual, "norm").pvalue > 1e-4
        assert stats.kstest(1.04 * residual, "norm").pvalue < 1e-4
        along, off = (max(abs(np.corrcoef(x, w)[0, 1]) for w in whole) for x in (residual, wrong))
        assert along < 5 / np.sqrt(MANY) < off


@every_dtype
@pytest.mark.parametrize(
    ("s", "t"), [(0.51, 0.53), (0.52, 0.52 + 1e-9), (0.5, 0.501), (0.56, 0.5625)]
)
def test_below_the_resolution_areas_have_their_law_and_increments_add_up(s, t, dtype):
    path = BrownianPath(6, 0, 1, (MANY,), "space-time-time", dtype=dtype, resolution=2.0**-4)
    found, eps = path(s, t), np.finfo(dtype).eps
    np.testing.assert_allclose(path(0.5, s).W + found.W, path(0.5, t).W, atol=8 * eps)
    for x, kind in ((found.H, 1 / 12), (found.K, 1 / 720)):
        assert stats.kstest(x / np.sqrt((t - s) * kind), "norm").pvalue > 1e-4
    assert found.W.std() < 1.01 * np.sqrt(t - s)  # too little, where both times are within


def test_the_dtype_shapes_and_empty_queries():
    path = BrownianPath(0, 0, 1, (), "space-time", dtype="f4")
    found = path(0.1, 0.2)
    assert found.W.shape == found.H.shape == () and found.W.dtype == np.float32
    path = BrownianPath(0, 0, 1, (4, 2, 3))
    assert path([], []).shape == (0, 4, 2, 3)
    assert path([0.1, 0.2], [0.2, 0.2]).shape == (2, 4, 2, 3) and not path(0.2, 0.2).any()
    assert BrownianPath(0, 0, 1, (0, 2))(0, 1).shape == (0, 2)
    flat = BrownianPath(0, 0, 1, (4, 6))
    assert path(0.1, 0.7).tobytes() == flat(0.1, 0.7).tobytes()


def test_a_pickled_path_is_the_path():
    path = BrownianPath(2**64 - 1, 0, 3, (5,), "space-time", resolution=0.01, first_sample=3)
    again = pickle.loads(pickle.dumps(path))
    assert repr(again) == repr(path) and path.resolution == 2.0**-7
    assert again(0.5, 2.0).W.tobytes() == path(0.5, 2.0).W.tobytes()


def test_one_generator_gives_one_key():
    a, b = (BrownianPath(None, 0, 1, (3,), rng=np.random.default_rng(4)) for _ in range(2))
    assert a.key == b.key and a(0, 1).tobytes() == b(0, 1).tobytes()
    rng = np.random.default_rng(4)
    assert BrownianPath(None, 0, 1, (), rng=rng).key != BrownianPath(None, 0, 1, (), rng=rng).key
    assert BrownianPath(None, 0, 1, (), rng=3).key == BrownianPath(None, 0, 1, (), rng=3).key


def test_state_is_small_and_many_queries_grow_nothing():
    for levy_area in LEVY_AREAS:
        path = BrownianPath(0, 0, 1, (256, 16), levy_area)
        assert path.nbytes < 1024 * 256 * 16
    path = BrownianPath(0, 0.0, 1.0, (1,), resolution=2.0**-24)
    grid = np.linspace(0, 1, 100_001)
    path(grid[:9], grid[1:10])
    tracemalloc.start()
    total = path(grid[:-1], grid[1:]).sum()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * grid.nbytes
    assert abs(total - path(0, 1)[0]) < 1e-11


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"key": -1}, "`key` must be an integer from 0 to 2\\*\\*64 - 1"),
        ({"key": 2**64}, "`key`"),
        ({"key": 1.5}, "`key`"),
        ({"key": True}, "`key`"),
        ({"rng": 3}, "`rng` must be left out"),
        ({"t0": np.nan}, "`t0` must be a finite number"),
        ({"t1": np.inf}, "`t1` must be a finite number"),
        ({"t1": 0.0}, "`t1` must be above t0 = 0.0"),
        ({"t1": -1.0}, "`t1`"),
        ({"t0": [0, 1]}, "`t0`"),
        ({"shape": (2.5,)}, "`shape` must be a tuple of sizes"),
        ({"shape": (-1,)}, "`shape`"),
        ({"shape": "ab"}, "`shape`"),
        ({"levy_area": "davie"}, "`levy_area` must be one of 'none'"),
        ({"dtype": "f2"}, "`dtype` must be float32 or float64"),
        ({"resolution": 0}, "`resolution` must be a number from 2\\*\\*-48 to 1/2"),
        ({"resolution": np.nan}, "`resolution`"),
        ({"resolution": 1.0}, "`resolution`"),
        ({"first_sample": -3}, "`first_sample` must be an integer from 0 to 2\\*\\*32 - 1"),
        ({"first_sample": 2**40}, "`first_sample`"),
        ({"first_sample": 1.5}, "`first_sample`"),
    ],
    ids=str,
)
def test_a_bad_argument_gets_a_sentence(change, wanted):
    arguments = {"key": 0, "t0": 0.0, "t1": 1.0, "shape": (2,)} | change
    with pytest.raises((ValueError, TypeError), match=f"BrownianPath: {wanted}"):
        BrownianPath(**arguments)


@pytest.mark.parametrize(
    ("s", "t", "wanted"),
    [
        (-0.1, 0.5, "`s` must be within \\[0.0, 1.0\\]"),
        (0.5, 1.1, "`t` must be within \\[0.0, 1.0\\], where the path is; got 1.1"),
        (np.nan, 0.5, "`s`"),
        (0.5, np.nan, "`t`"),
        (0.6, 0.5, "`t` must be at least `s`; got 0.5 with s = 0.6"),
        ([0.1, 0.6], [0.2, 0.5], "`t` must be at least `s`; got 0.5 with s = 0.6"),
        ([0.1], 0.2, "`t` must be a number or a flat array"),
        ([[0.1]], [[0.2]], "`t`"),
        ("a", 0.2, "`s` must be a number"),
    ],
)
def test_a_bad_query_gets_a_sentence(s, t, wanted):
    path = BrownianPath(0, 0.0, 1.0, (2,))
    with pytest.raises((ValueError, TypeError), match=f"BrownianPath.__call__: {wanted}"):
        path(s, t)
    with pytest.raises(ValueError, match="`threads`"):
        path(0.1, 0.2, threads=0)


def test_it_is_public():
    assert tapeless.BrownianPath is BrownianPath
