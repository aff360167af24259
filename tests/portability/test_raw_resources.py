"""Every `.cu` file compiles for every architecture, within the table of what its kernels need; no GPU is asked."""

import pathlib
import re

import pytest

from tapeless_kernels.cuda import nvrtc, raw_report

pytest.importorskip("cuda.bindings.nvrtc")

TABLE = pathlib.Path(__file__).parents[2] / "docs/results/gpu_resources_raw.md"
# What another release of NVIDIA's compilers may need more.
MORE = nvrtc.Needs(registers=16, stack=64, spills=0, shared=0)

each_source = pytest.mark.parametrize("source", nvrtc.sources(), ids=lambda source: source.stem)
ALWAYS = 90  # the architecture for which the slow sources are compiled in every run
SLOW = {"network_ode"}


def doubles(ptx):
    """Return the instructions of a kernel that are on doubles, or move one."""
    return re.findall(r"^\s*[\w.]*\.f64[\w.]*\s.*$", ptx, re.M)


def test_table_is_of_all_kernels():
    text = TABLE.read_text()
    assert text.startswith(raw_report.HEADING)
    wanted = {
        (source.stem, expression, architecture)
        for source in nvrtc.sources()
        for expression in nvrtc.instances(source)
        for architecture in nvrtc.ARCHITECTURES
    }
    assert set(raw_report.recorded(text)) == wanted


def compiled_for(source, architecture):
    marks = pytest.mark.slow if source.stem in SLOW and architecture != ALWAYS else ()
    return pytest.param(source, architecture, marks=marks, id=f"{source.stem}-{architecture}")


@pytest.mark.parametrize(
    ("source", "architecture"),
    [compiled_for(source, a) for source in nvrtc.sources() for a in nvrtc.ARCHITECTURES],
)
def test_kernels_keep_to_the_table(source, architecture):
    recorded = raw_report.recorded(TABLE.read_text())
    for expression, needs in nvrtc.compiled(source, architecture).needs.items():
        limit = recorded[source.stem, expression, architecture]
        for name, value, most, more in zip(needs._fields, needs, limit, MORE, strict=True):
            assert value <= most + more, (expression, name)


@each_source
def test_kernels_of_float32_hold_no_double(source):
    for expression, ptx in nvrtc.compiled(source, ALWAYS).ptx.items():
        found = doubles(ptx)
        if "<float, double" in expression:
            continue  # time is a double: its instances for floats have a test of their own
        if "<float" in expression:
            assert found == [], expression
        elif "<double" in expression:
            assert found, expression  # else the pattern would be wrong


def instance(body, name="planted<float>"):
    code = "template <class T> __global__ void planted(T* x) {" + body + "}"
    return nvrtc.compiled(pathlib.Path("planted.cu"), 80, (name,), code)


def test_a_planted_double_shows():
    assert doubles(instance("x[threadIdx.x] *= T(0.1);").ptx["planted<float>"]) == []
    assert doubles(instance("x[threadIdx.x] *= 0.1;").ptx["planted<float>"]) != []


def test_a_planted_stack_frame_and_spills_show():
    indexed = "T a[40]; for (int i = 0; i < 40; ++i) a[int(x[i])] = x[i + 1]; x[0] = a[int(x[1])];"
    assert instance(indexed).needs["planted<float>"].stack >= 160
    shared = (
        "__shared__ T s[64]; s[threadIdx.x] = x[0]; __syncthreads(); x[1] = s[63 - threadIdx.x];"
    )
    assert instance(shared).needs["planted<float>"].shared == 256
    code = """template <class T> __global__ void __launch_bounds__(1024, 2) planted(T* x) {
        T a[64];
        #pragma unroll
        for (int i = 0; i < 64; ++i) a[i] = x[i * 1024 + threadIdx.x];
        #pragma unroll 1
        for (int n = 0; n < 10; ++n) {
            #pragma unroll
            for (int i = 0; i < 64; ++i) a[i] = a[i] * a[(i + 7) % 64] + T(1);
        }
        #pragma unroll
        for (int i = 0; i < 64; ++i) x[i * 1024 + threadIdx.x] = a[i];
    }"""
    planted = nvrtc.compiled(pathlib.Path("planted.cu"), 80, ("planted<float>",), code)
    assert planted.needs["planted<float>"].spills > 100


def test_what_does_not_compile_says_in_which_line():
    with pytest.raises(nvrtc.CompileError, match=r"planted\.cu\(1\): error: .*unknown"):
        instance("unknown = 1;")
