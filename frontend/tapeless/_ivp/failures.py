"""Sentences about what a solve met: where, what, why, and what to try."""

import numpy as np

from tapeless_kernels.loops import single_state as place

STIFF = (
    "the problem looks stiff since t = {:.6g}, where stability and not accuracy limits the steps: "
    "try method='Radau', 'BDF' or 'LSODA'"
)


def advice(machine):
    """Return what to try where the problem looks stiff."""
    sentence = STIFF.format(machine.x[place.STIFF_SINCE])
    return f"{sentence[0].upper()}{sentence[1:]}."


def failure(machine, code):
    """Return the message of a solve that ended with a code of `single_state`, or for a reason given as text."""
    n, x = machine.n, machine.x
    steps = f"{n[place.ACCEPTED]} step{'' if n[place.ACCEPTED] == 1 else 's'}"
    where = f"at t = {x[place.T]:.6g} of {x[place.T_BOUND]:.6g}, after {steps}"
    stiff = f" Besides, {STIFF.format(x[place.STIFF_SINCE])}." if n[place.LOOKS_STIFF] else ""
    if isinstance(code, str):
        return f"The solve stopped {where}: {code}."
    if code == place.TOO_MANY:
        return (
            f"The solve stopped {where}: with {n[place.REJECTED]} rejected ones these are all of "
            f"`max_steps` = {n[place.MAX_STEPS]}. Raise `max_steps`, or loosen `rtol` and `atol`.{stiff}"
        )
    if code == place.FAILED:
        return (
            f"The solve stopped {where}: `fun` reported a failure at t = {x[place.T_EVALUATE]:.6g}. "
            "Look at the field there."
        )
    found = _not_finite(machine)
    if found:
        return (
            f"Required step size is less than spacing between numbers. The solve stopped {where}: "
            f"{found}. Look at `fun` there: does the solution end, or leave where `fun` is defined?{stiff}"
            if code == place.TOO_SMALL
            else f"The solve stopped {where}: {found}. Take smaller steps, or look at `fun` there."
        )
    i, error = _worst(machine)
    return (
        f"Required step size is less than spacing between numbers. The solve stopped {where}: the error "
        f"of component {i}, whose value is {machine.y[i]:.6g}, is {error:.3g} times its tolerance even "
        f"so. Look for a singularity there, or loosen `rtol` and `atol`.{stiff}"
    )


def _not_finite(machine):
    """Return which component is not finite where, if any is."""
    stages = machine.tableau.stages + machine.tableau.fsal
    for row, slopes in enumerate(machine.k[:stages]):
        (bad,) = np.nonzero(~np.isfinite(slopes))
        if bad.size:
            value, c = slopes[bad[0]], float(machine.tableau.c[row])
            t = machine.x[place.T] + c * machine.x[place.STEP]
            return f"component {bad[0]} of dy/dt is {value} at t = {t:.6g}"
    (bad,) = np.nonzero(~np.isfinite(machine.y_next))
    return f"component {bad[0]} of y would be {machine.y_next[bad[0]]}" if bad.size else ""


def _worst(machine):
    """Return the component whose error is largest, and its ratio to the tolerance."""
    stages = machine.tableau.stages + 1
    with np.errstate(all="ignore"):
        error = np.abs(machine.x[place.STEP] * (machine.error[0] @ machine.k[:stages]))
        parts = 2 if machine.kind.kind == "c" else 1
        n = machine.rtol.size // parts
        size = np.maximum(np.abs(machine.y), np.abs(machine.y_next))
        ratios = error / (machine.atol[:n] + machine.rtol[:n] * size)
    i = int(np.nanargmax(ratios)) if np.isfinite(ratios).any() else 0
    return i, ratios[i]
