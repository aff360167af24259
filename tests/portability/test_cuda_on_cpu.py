"""The harness that runs CUDA C on the CPU finds what is wrong with a kernel: each fault here is planted."""

import sys

import numpy as np
import pytest
from cuda_on_cpu import SANITIZERS, BuildError
from cuda_on_cpu.module import ORDERS, LaunchError

KERNELS = r"""
template <class T, int THREADS> __global__ void prefix(T* out, const T* x, int n) {
    __shared__ T s[THREADS];
    int t = threadIdx.x, i = blockIdx.x * THREADS + t;
    s[t] = i < n ? x[i] : T(0);
    for (int by = 1; by < THREADS; by *= 2) {
        __syncthreads();  // before reading
        T before = t >= by ? s[t - by] : T(0);
        __syncthreads();  // before writing
        s[t] += before;
    }
    if (i < n)
        out[i] = s[t];
}

template <class T> __global__ void warp_sums(T* out, const T* x, int n) {
    extern __shared__ unsigned char room[];
    T* sums = (T*)room;
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    T total = i < n ? x[i] : T(0);
    for (int by = warpSize / 2; by > 0; by /= 2)
        total += __shfl_down_sync(0xffffffffu, total, by);
    if (t % warpSize == 0)
        sums[t / warpSize] = total;
    __syncthreads();
    if (t == 0)
        for (int w = 0; w < blockDim.x / warpSize; ++w)
            atomicAdd(out, sums[w]);
}
"""
N, THREADS = 100, 64


@pytest.fixture(scope="module")
def kernel(on_cpu):
    """Return one kernel of the source above, with parts of it exchanged."""

    def make(name, *exchange, order="forward"):
        module = on_cpu(order, 5, exchange=exchange)
        return module(KERNELS, ("-std=c++17",), (name,)).get_function(name)

    return make


def prefixes(kernel, dtype=np.float32, n=N):
    x, out = np.arange(1, n + 1, dtype=dtype), np.full(n, -1, dtype)
    kernel((-(-n // THREADS),), (THREADS,), (out, x, np.int32(n)))
    wanted = np.concatenate([np.cumsum(x[i : i + THREADS]) for i in range(0, n, THREADS)])
    return np.array_equal(out, wanted)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("name", "dtype"), [("float", np.float32), ("double", np.float64)])
def test_a_right_kernel_is_right(kernel, order, name, dtype):
    assert prefixes(kernel(f"prefix<{name}, 64>", order=order), dtype)
    x, out = np.arange(N, dtype=dtype), np.zeros(1, dtype)
    sums = kernel(f"warp_sums<{name}>", order=order)
    sums((2,), (64,), (out, x, np.int32(N)), shared_mem=2 * x.itemsize)
    assert out == x.sum()


def test_where_registers_cannot_be_exchanged(on_cpu):
    """The fibers of other machines than x86-64."""
    name = "prefix<float, 64>"
    module = on_cpu("random")(KERNELS, ("-std=c++17", "-DCUDA_ON_CPU_UCONTEXT"), (name,))
    assert prefixes(module.get_function(name))


def test_a_missing_barrier_shows(kernel):
    for barrier in ("__syncthreads();  // before reading", "__syncthreads();  // before writing"):
        found = [prefixes(kernel("prefix<float, 64>", (barrier, ""), order=o)) for o in ORDERS]
        assert not all(found)


def test_a_race_between_phases_shows(kernel):
    """Threads read what others of the same phase write: right in one order alone."""
    racy = (
        "T before = t >= by ? s[t - by] : T(0);\n        __syncthreads();  // before writing\n        s[t] += before;",
        "s[t] += t >= by ? s[t - by] : T(0);",
    )
    assert prefixes(kernel("prefix<float, 64>", racy, order="reverse"))
    assert not prefixes(kernel("prefix<float, 64>", racy))
    assert not prefixes(kernel("prefix<float, 64>", racy, order="random"))


# One kernel each, and what is said of it.
BROKEN = (
    ("if (t < 32) __syncthreads(); else\n __syncthreads();", r"waits in line \d+, thread \(32, 0, 0\) in line \d+"),
    ("if (t > 40) return; __syncthreads();", "has exited, others wait at a barrier"),
    ("if (t < 32) __syncthreads(); else __syncwarp(1);", "does not name lane 1, which calls it"),
    ("if (t == 3) __syncwarp(0x18); else __syncthreads();", "deadlock"),
    ("if (t < 16) __shfl_down_sync(0xffffffffu, 1.0f, 1);", "names lane 16, which has exited"),
    ("if (t == 3) s[t] = down(66);", r"thread \(3, 0, 0\) overflowed its stack of 65536 bytes"),
    ("s[64 + t] = 1;", "wrote beyond shared memory `s` of 256 bytes"),
    ("s[t - 60] = 1;", "wrote before shared memory `s`"),
)  # fmt: skip
DEEP = r"""
__device__ int down(int n) {
    volatile char room[1024];
    for (int i = 0; i < 1024; ++i)
        room[i] = n;
    return n ? down(n - 1) + room[0] : 0;
}"""


@pytest.fixture(scope="module")
def broken(on_cpu):
    kernel = 'extern "C" __global__ void broken_{}() {{ __shared__ float s[64]; int t = threadIdx.x;\n {} }}\n'
    return on_cpu()(DEEP + "".join(kernel.format(i, b) for i, (b, _) in enumerate(BROKEN)))


@pytest.mark.parametrize("i", range(len(BROKEN)))
def test_what_a_gpu_leaves_undefined_is_an_error(broken, i):
    with pytest.raises(LaunchError, match=rf"broken_{i}: block \(0, 0, 0\): .*{BROKEN[i][1]}"):
        broken.get_function(f"broken_{i}")((1,), (64,), ())


def test_unset_memory_is_nan(kernel):
    """A shared array that nobody has filled, a shuffle from a lane outside the mask, a local of no value."""
    unset = ("s[t] = i < n ? x[i] : T(0);", "")
    x, out = np.ones(N, np.float32), np.zeros(N, np.float32)
    kernel("prefix<float, 64>", unset)((2,), (64,), (out, x, np.int32(N)))
    assert np.isnan(out).all()
    stray = ("__shfl_down_sync(0xffffffffu, total, by)", "__shfl_sync(0x1u << t % 32, total, 31)")
    total = np.zeros(1, np.float32)
    kernel("warp_sums<float>", stray)((2,), (64,), (total, x, np.int32(N)), shared_mem=8)
    assert np.isnan(total).all()
    local = ("T total = i < n ? x[i] : T(0);", "T total; if (i < n - 1) total = x[i];")
    total = np.zeros(1, np.float32)
    kernel("warp_sums<float>", local)((2,), (64,), (total, x, np.int32(N)), shared_mem=8)
    assert abs(total[0]) > 1e6


def test_shared_memory_of_the_block_before_is_gone(kernel):
    """A second block that relies on what the first has left reads NaN."""
    stale = ("s[t] = i < n", "if (blockIdx.x == 0) s[t] = i < n")
    x, out = np.ones(N, np.float32), np.zeros(N, np.float32)
    kernel("prefix<float, 64>", stale)((2,), (64,), (out, x, np.int32(N)))
    assert np.isnan(out[64:]).all() and not np.isnan(out[:64]).any()


def test_a_wrong_bound_is_an_error(kernel):
    beyond = kernel(
        "prefix<float, 64>", ("if (i < n)\n        out[i]", "if (i <= n)\n        out[i]")
    )
    with pytest.raises(IndexError, match=r"wrote beyond argument 0, float32 of shape \(100,\)"):
        prefixes(beyond)
    reads = kernel(
        "prefix<float, 64>", ("s[t] = i < n", "s[t] = i <= n"), ("if (i < n)", "if (i <= n)")
    )
    x, out = np.ones(100, np.float32), np.zeros(101, np.float32)
    reads((2,), (64,), (out, x, np.int32(100)))
    assert np.isnan(out[100])


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        (0, np.zeros(N), "argument 0 must be an array of f4, got float64"),
        (1, np.zeros(N, ">f4"), "argument 1 must be native"),
        (1, np.zeros((N, 2), np.float32)[:, 0], "C-contiguous"),
        (1, [1.0] * N, "argument 1 must be an array, got list"),
        (2, N, "argument 2 must be a i4, got a i8"),
        (2, np.float32(N), "argument 2 must be a i4, got a f4"),
    ],
)
def test_a_wrong_type_is_an_error(kernel, argument, value, said):
    arguments = [np.zeros(N, np.float32), np.zeros(N, np.float32), np.int32(N)]
    arguments[argument] = value
    with pytest.raises((TypeError, ValueError), match=said):
        kernel("prefix<float, 64>")((2,), (64,), arguments)


def test_read_only_and_overlapping_arrays(kernel):
    prefix = kernel("prefix<float, 64>")
    x, out = np.ones(N, np.float32), np.zeros(N, np.float32)
    x.flags.writeable = False
    prefix((2,), (64,), (out, x, np.int32(N)))  # const T*
    with pytest.raises(ValueError, match="argument 0 is read-only"):
        prefix((2,), (64,), (x, out, np.int32(N)))
    with pytest.raises(ValueError, match="arguments 0 and 1 overlap"):
        prefix((1,), (64,), (out[1:], out[:-1], np.int32(9)))
    with pytest.raises(TypeError, match="takes 3 arguments, got 2"):
        prefix((2,), (64,), (out, x))


@pytest.mark.parametrize(
    ("grid", "block", "shared", "said"),
    [
        ((0,), (64,), 0, "`grid` must be from 1"),
        ((1, 65536), (64,), 0, "`grid` must be from 1"),
        ((1,), (64, 32), 0, "at most 1024 threads"),
        ((1,), (1, 1, 65), 0, "`block` must be from 1"),
        ((1,), (64,), 50000, "set max_dynamic_shared_size_bytes first"),
        ((1,), (64,), 300000, "must be from 0 to 49152, got 300000$"),
    ],
)
def test_a_launch_that_a_gpu_refuses_is_an_error(kernel, grid, block, shared, said):
    x = np.ones(N, np.float32)
    with pytest.raises(LaunchError, match=said):
        kernel("prefix<float, 64>")(grid, block, (x.copy(), x, np.int32(N)), shared_mem=shared)


def test_more_shared_memory_after_asking_for_it(kernel):
    sums, x, out = kernel("warp_sums<double>"), np.ones(N), np.zeros(1)
    sums.max_dynamic_shared_size_bytes = 60000
    sums((1,), (64,), (out, x, np.int32(N)), shared_mem=60000)
    assert out == 64


def test_a_block_of_three_dimensions(on_cpu):
    code = r"""
    __global__ void where(int* out) {
        int t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
        int b = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
        out[b * blockDim.x * blockDim.y * blockDim.z + t] += 1 + t + 100 * b;
    }"""
    out = np.zeros((24, 24), np.int32)
    on_cpu("random")(code, (), ("where",)).get_function("where")((2, 3, 4), (4, 3, 2), (out,))
    assert np.array_equal(out, 1 + np.arange(24) + 100 * np.arange(24)[:, None])


def test_what_does_not_compile_says_in_which_line(on_cpu):
    with pytest.raises(BuildError, match=r"kernel\.cu:2:1"):
        on_cpu()('extern "C" __global__ void broken() {\nunknown = 1; }')
    with pytest.raises(BuildError, match="frame size"):
        on_cpu()(
            'extern "C" __global__ void large(float* x) { volatile float big[20000]; big[1] = *x; *x = big[2]; }'
        )
    with pytest.raises(BuildError, match="line 1: one shared array a declaration"):
        on_cpu()('extern "C" __global__ void broken() { __shared__ float a[4], b[4]; }')
    with pytest.raises(KeyError, match="no kernel 'other'"):
        on_cpu()('extern "C" __global__ void one() {}').get_function("other")


# Kernels that exit at a barrier, write beyond a shared array, and beyond the caller's.
FAULTS = r"""
extern "C" __global__ void exits(float* x) { if (threadIdx.x > 3) return; x[0] = 1; __syncthreads(); }
extern "C" __global__ void undefined(float* x) { __shared__ float s[64]; s[threadIdx.x + 1] = 1; x[0] = s[1]; }
extern "C" __global__ void address(float* x) { x[threadIdx.x] = 1; }
"""
SAID = {"undefined": "index 64 out of bounds for type 'float", "address": "heap-buffer-overflow"}


def exercise(module):
    """Run what is right, under the sanitizer that the fixture `sanitized` has set, then what is not."""
    names = "prefix<float, 64>", "warp_sums<float>"
    made = module(KERNELS + FAULTS, ("-std=c++17",), names)
    assert prefixes(made.get_function(names[0]))
    x, out = np.ones(N, np.float32), np.zeros(1, np.float32)
    made.get_function(names[1])((2,), (64,), (out, x, np.int32(N)), shared_mem=8)
    assert out == N
    with pytest.raises(
        LaunchError, match="has exited"
    ):  # leaves stacks as they are, to be taken again
        made.get_function("exits")((1,), (64,), (x,))
    assert prefixes(made.get_function(names[0]))
    print("what is right has passed", file=sys.stderr, flush=True)
    made.get_function(module.sanitize)((1,), (64,), (x[:63].copy(),))


@pytest.mark.parametrize("sanitize", SANITIZERS)
def test_sanitizers_stop_what_is_wrong_alone(sanitize, sanitized):
    with pytest.raises(AssertionError, match=rf"(?s)what is right has passed.*{SAID[sanitize]}"):
        sanitized(__file__, sanitize)
