import numpy as np
import pytest
from scipy import stats

from tapeless_kernels.drivers.brownian import count, to_normals
from tapeless_kernels.launch.brownian import family

every_dtype = pytest.mark.parametrize(
    "dtype", [np.dtype(np.float32), np.dtype(np.float64)], ids=str
)
N = 1 << 20


def normals(dtype, words):
    out = np.empty((2, words.shape[1]), dtype)
    family(dtype)(to_normals)(out[0], out[1], *words)
    return out


def exact(words):
    """Box and Muller's numbers in extended precision."""
    wide = [w.astype(np.longdouble) for w in words]
    n, turn = (words[0] >> 1).astype(np.longdouble), (words[1] & 0x7FFFFFFF).astype(np.longdouble)
    u = (n + (wide[2] + 0.5) / 2**32) / 2**31
    y = (turn - 2**30 + (wide[3] + 0.5) / 2**32) / 2**31
    pi = np.longdouble("3.14159265358979323846264338327950288")
    radius = np.where(words[1] >> 31, -1, 1) * np.sqrt(-2 * np.log1p(-(1 - u)))
    return radius * np.array([np.cos(pi * y), np.sin(pi * y)])


@pytest.fixture(scope="module")
def words():
    x = np.random.default_rng(0).integers(0, 2**32, (4, N), dtype=np.uint32)
    ends = np.array([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x3FFFFFFF, 0x40000000], np.uint32)
    corners = np.array(np.meshgrid(*[ends] * 4)).reshape(4, -1)
    x[:, : corners.shape[1]] = corners
    return x


def test_values_in_float64(words):
    z, wanted = normals(np.dtype(np.float64), words), exact(words)
    assert abs(z - wanted).max() < 3e-15
    assert np.isfinite(z).all() and 9.0 < abs(z).max() < 9.5


def test_both_types_are_one_number_but_for_rounding(words):
    single, double = (normals(np.dtype(t), words) for t in (np.float32, np.float64))
    # Where the radius is nearly 0 or largest, the further 32 bits of its word show; the corners have these.
    off = abs(single - double)[:, 7**4 :]
    assert off.max() < 7e-5 and np.quantile(off, 0.99999) < 2e-6
    assert np.isfinite(single).all() and 6.6 < abs(single).max() < 6.7


def suspicion(z):
    """Return the smallest of the p-values of several tests of normality."""
    z = np.sort(z.ravel().astype(np.float64))
    n = len(z)
    p = [stats.kstest(z, "norm").pvalue]
    edges = stats.norm.ppf(np.arange(1, 256) / 256)
    p.append(stats.chisquare(np.bincount(np.searchsorted(edges, z), minlength=256)).pvalue)
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        p.append(2 * stats.norm.sf(abs((z**power).mean() - mean) / np.sqrt(variance / n)))
    for far in (3.0, 4.0, 4.5):
        expected = 2 * n * stats.norm.sf(far)
        tail = np.count_nonzero(abs(z) > far)
        p.append(
            min(2 * stats.poisson.cdf(tail, expected), 2 * stats.poisson.sf(tail - 1, expected), 1)
        )
    return min(p)


@every_dtype
def test_law(dtype):
    counted = np.empty((2, 4, N), np.uint32)
    numbers = np.arange(N, dtype=np.uint32), np.zeros(N, np.uint32)
    for more in range(2):
        key = (np.uint64(1), np.uint64(2))
        family(np.dtype(np.float64))(count)(
            counted[more], np.uint64(more), np.uint64(0), *numbers, *key
        )
    z = normals(dtype, np.array([*counted[0, :2], *counted[1, :2]]))
    assert suspicion(z) > 1e-3
    assert abs(np.corrcoef(z)[0, 1]) < 4 / np.sqrt(N)
    for wrong in (1.003 * z, z + 0.004, np.clip(z, -4, 4), np.where(abs(z) < 0.02, 0.02, z)):
        assert suspicion(wrong) < 1e-6
