"""The loop for one trajectory: its plain-Python twin takes the same steps, to the bit."""

import numpy as np
import pytest

from tapeless_kernels.controllers.step_size import CONTROLLERS, control_numbers
from tapeless_kernels.launch.python import PlainKernels
from tapeless_kernels.launch.single import Machine
from tapeless_kernels.loops import single_state as place
from tapeless_kernels.loops.single import resume, spacing
from tapeless_kernels.loops.single_state import Single
from tapeless_kernels.tableaus.explicit import BOSH3, DOP853, RKF45, TSIT5

METHODS = BOSH3, RKF45, TSIT5, DOP853
TIMES = np.array([0.5, 0.6, 1.1, 2.0])
STOPS = np.array([0.75, 1.25])
JUMPS = np.array([[0.75, 0.75], np.nextafter(1.25, [0, 2])])


def field(t, y):
    slope = np.empty_like(y)
    slope[0] = (1.5 if t < 1.25 else -2.0) * y[1] - 0.1 * t * y[0] * y[0]
    slope[1:] = -y[:-1]
    return slope


def begin(tableau, dtype, dim, pairs, controller):
    machine = Machine(tableau, np.dtype(dtype), dim, pairs)
    numbers = control_numbers(controller, tableau.error_exponent_order, np.dtype(dtype))
    y0 = np.linspace(0.3, 0.8, dim).astype(dtype).view(machine.kind)
    machine.begin(y0, 0.5, 2.0, numbers, 0.0, 0.4, controller.start)
    machine.set_tolerances(1e-3, np.linspace(1e-4, 1e-3, len(y0)))
    machine.ints[place.MAX_STEPS] = 1000
    machine.set_stops(STOPS, JUMPS)
    machine.set_field(None, 0, None)
    ys = machine.set_times(TIMES)
    machine.keep(True)
    return machine, ys


def drive(machine, step):
    code, asked = step(), []
    while code >= 0:
        asked.append(machine.floats[place.T_EVALUATE])
        machine.rows[code][...] = field(asked[-1], machine.z)
        code = step()
    return code, asked


@pytest.mark.parametrize("tableau", METHODS, ids=lambda tableau: tableau.name)
@pytest.mark.parametrize(
    "dtype, dim, pairs", [("f8", 3, False), ("f4", 3, False), ("f8", 9, False), ("f8", 6, True)]
)
@pytest.mark.parametrize("controller", CONTROLLERS, ids=lambda controller: controller.name)
def test_the_plain_python_twin_takes_the_same_steps(tableau, dtype, dim, pairs, controller):
    compiled, ys = begin(tableau, dtype, dim, pairs, controller)
    code, asked = drive(compiled, lambda: compiled.short(compiled.table, 1))
    plain, plain_ys = begin(tableau, dtype, dim, pairs, controller)
    kernels = PlainKernels(np.dtype(dtype), 1, None)
    state = Single(
        plain.n, *plain._arrays, *plain._stops, *plain._times, *plain._blocks[0][:4]
    )  # fmt: skip
    run = kernels(resume)
    plain_code, plain_asked = drive(plain, lambda: run(state))
    assert code == plain_code == place.ARRIVED
    assert asked == plain_asked
    assert 1.25 not in asked and {0.75, 2.0} <= set(asked) | set(compiled.kept()[0])
    for a, b in zip((*compiled.kept(), ys), (*plain.kept(), plain_ys), strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(compiled.x, plain.x)
    assert np.array_equal(compiled.n[: place.CODE], plain.n[: place.CODE])


def test_spacing_is_that_of_nextafter():
    step = PlainKernels(np.dtype(float), 1, None)(spacing)
    for t in (0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 1e308, 0.1, -2.5, 2.0**-1022):
        for sign in (1.0, -1.0):
            expected = abs(np.nextafter(t, sign * np.inf) - t)
            assert step(np.float64(t), np.float64(sign)) == expected


def test_the_end_is_asked_for_again_and_says_the_same():
    machine, _ = begin(TSIT5, "f8", 2, False, CONTROLLERS[0])
    code, _ = drive(machine, lambda: machine.short(machine.table, 1))
    assert code == machine.short(machine.table, 1) == place.ARRIVED


def test_blocks_of_steps_are_joined():
    machine, _ = begin(BOSH3, "f8", 2, False, CONTROLLERS[0])
    machine.x[place.MAX_STEP] = 1e-3

    def step():
        code = machine.short(machine.table, 1)
        while code == place.FULL:
            machine.next_block()
            code = machine.short(machine.table, 1)
        return code

    drive(machine, step)
    t, h, y, q = machine.kept()
    assert len(machine._blocks) > 3 and len(t) == len(h) == len(y) == len(q) >= 1000
    np.testing.assert_allclose(0.5 + np.cumsum(h), t)
