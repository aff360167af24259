"""The library that needs no Python: made, linked to the example by CMake, run, and compared with Python."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import tapeless
from tapeless.__main__ import main

ROOT = pathlib.Path(__file__).parents[3]
INCLUDE = ROOT / "kernels" / "include"
RELEASED = {"PYTHONHOME": "/nowhere", "LD_LIBRARY_PATH": ""}


def run(*command, **options):
    done = subprocess.run(
        [str(x) for x in command], capture_output=True, text=True, timeout=600, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tool(name):
    found = shutil.which(name) or shutil.which(name, path=os.path.dirname(sys.executable))
    if found is None:
        pytest.skip(f"there is no {name}")
    return found


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """Return the folder of a library of float64, one trajectory after the other."""
    tool("cc")
    folder = tmp_path_factory.mktemp("c-library")
    assert main(["c-library", str(folder), "--dtype", "float64", "--lanes", "one"]) == 0
    return folder


@pytest.fixture(scope="session")
def built(installed, tmp_path_factory):
    folder, cmake = tmp_path_factory.mktemp("c-example"), tool("cmake")
    generator = ["-G", "Ninja"] if shutil.which("make") is None else []
    run(
        cmake, "-S", ROOT / "examples/c", "-B", folder, f"-DCMAKE_PREFIX_PATH={installed}",
        "-DCMAKE_C_FLAGS=-Werror", "-DCMAKE_BUILD_TYPE=Release", *generator,
    )  # fmt: skip
    run(cmake, "--build", folder)
    return folder


def lynxes_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    u, v, a, b = y[0], y[1], dy_bar[0], dy_bar[1]
    y_bar[0] = (theta[0] - theta[1] * v) * a + theta[2] * v * b
    y_bar[1] = -theta[1] * u * a + (theta[2] * u - theta[3]) * b
    theta_bar[0] += u * a
    theta_bar[1] -= u * v * a
    theta_bar[2] += u * v * b
    theta_bar[3] -= v * b


@tapeless.field(2, 4, vjp=lynxes_vjp)
def lynxes(t, y, theta, dy):
    dy[0] = theta[0] * y[0] - theta[1] * y[0] * y[1]
    dy[1] = theta[2] * y[0] * y[1] - theta[3] * y[1]


def test_example_prints_what_python_computes(built):
    run(tool("ctest"), "--test-dir", built, "--output-on-failure")
    printed = run(built / "lotka_volterra", env=RELEASED)
    lines = {
        line.split()[0]: np.array(line.split()[1:], float) for line in printed.splitlines()[:3]
    }
    y0 = np.array([[1, 1], [2, 0.5], [1.5, 1.25]])
    theta = np.array([1.1, 0.4, 0.3, 0.9])
    sol = tapeless.solve_ode(
        lynxes, (0.0, 10.0), y0, theta, rtol=1e-8, atol=1e-10, t_eval=np.arange(2, 11, 2.0)
    )
    y0_bar, theta_bar = sol.vjp(sol.ys)
    np.testing.assert_array_equal(lines["ys"], sol.ys.ravel())
    np.testing.assert_array_equal(lines["y0_bar"], y0_bar.ravel())
    np.testing.assert_allclose(lines["theta_bar"], theta_bar, rtol=1e-14)
    differ = float(re.search(r"central differences (\S+)", printed)[1])
    assert 0 < differ < 1e-6


def test_library_needs_no_python_and_offers_nothing_else(installed):
    library = installed / "lib" / "libtapeless_kernels.so"
    if not library.exists():
        pytest.skip("not a system with ELF files")
    wanted = run(tool("nm"), "-D", "--undefined-only", library)
    assert not re.search(r"\bPy|numba|NRT", wanted)
    offered = run(tool("nm"), "-D", "--defined-only", library).split()[2::3]
    names = "ode_init_f64 ode_init_f32 ode_sizes_f64 solve_f64 solve_vjp_f64 message lane_message"
    assert sorted(offered) == sorted(f"tapeless_v2_{name}" for name in names.split())


def test_pkg_config(installed):
    pkg_config = tool("pkg-config")
    found = os.environ | {"PKG_CONFIG_PATH": str(installed / "lib/pkgconfig")}
    flags = run(pkg_config, "--cflags", "--libs", "tapeless_kernels", env=found)
    assert "include" in flags and "-ltapeless_kernels" in flags


@pytest.mark.parametrize(
    ("compiler", "language"), [("cc", ("-xc", "-std=c11")), ("c++", ("-xc++", "-std=c++17"))]
)
def test_header_by_itself_is_strict_c_and_cpp(tmp_path, compiler, language):
    source = tmp_path / "header.c"
    source.write_text('#include "tapeless_solve.h"\nint main(void) { return 0; }\n')
    flags = "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", f"-I{INCLUDE}"
    run(tool(compiler), *language, *flags, source)


def test_trouble_is_said_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CC", "no-such-compiler")
    assert main(["c-library", str(tmp_path / "out")]) == 1
    assert "there is no C compiler to link with" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    monkeypatch.delenv("CC")
    (tmp_path / "file").write_text("")
    assert main(["c-library", str(tmp_path / "file")]) == 1
    assert "tapeless c-library: " in capsys.readouterr().err
    assert main(["c-library", str(tmp_path / "out"), "--target", "z80"]) == 1
    assert "`--target`" in capsys.readouterr().err
