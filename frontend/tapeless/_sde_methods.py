"""Which methods solve an SDE: by calculus, by noise, with steps that adapt; and what to say where none does."""

from typing import Any

from tapeless._complain import complain, describe
from tapeless_kernels.tableaus.stochastic import (
    DERIVATIVE,
    ITO,
    REVERSIBLE,
    STOCHASTIC,
    STRATONOVICH,
    StochasticMethod,
)

CALCULI = (ITO, STRATONOVICH)
DEFAULTS = {ITO: "euler_maruyama", STRATONOVICH: "heun"}
MOTIVES = {
    "diagonal-general": "of a channel for each component, which depends on other components",
    "general": "of several channels that do not commute",
}


def find_method(caller: str, method: object, calculus: str | None) -> StochasticMethod:
    """Return the method of a name, or the usual one of a calculus."""
    if calculus is not None and calculus not in CALCULI:
        raise complain(
            ValueError, caller, "calculus", "'ito' or 'stratonovich'", describe(calculus)
        )
    if method is None:
        method = DEFAULTS[calculus or ITO]
    if isinstance(method, StochasticMethod):
        return method
    for found in STOCHASTIC:
        if found.name == method:
            return found
    names = ", ".join(m.name for m in STOCHASTIC)
    raise complain(ValueError, caller, "method", f"one of {names}", describe(method))


def check_method(
    caller: str,
    method: StochasticMethod,
    calculus: str | None,
    noise: str,
    adaptive: bool,
    convert: bool,
) -> None:
    """Complain of a method that cannot take the noise, converges to another solution, or cannot adapt its steps."""
    wanted = calculus or (method.calculus if noise != "additive" else None)
    fits = [
        m for m in STOCHASTIC
        if noise in m.strong and (noise == "additive" or m.calculus == wanted) and (not adaptive or adapts(m))
    ]  # fmt: skip
    names = ", ".join(m.name for m in fits)
    names = names or "none (give `dt` or `n_steps`, or mean the equation in the other sense)"
    if noise not in method.strong:
        takes = ", ".join(method.strong)
        what = f"{noise!r} noise" + (f", {MOTIVES[noise]}" if noise in MOTIVES else "")
        raise ValueError(
            f"{caller}: `method` must be one that takes {what}; got {method.name!r}, which takes {takes}. "
            f"Those that do: {names}."
        )
    if noise != "additive" and calculus is not None and method.calculus != calculus and not convert:
        raise ValueError(
            f"{caller}: `method` must be one that converges to the solution in the sense of {calculus.capitalize()}; "
            f"got {method.name!r}, which converges to that of {method.calculus.capitalize()}. Those that do: "
            f"{names}; or pass convert=True, which adds what the senses differ by to the drift."
        )
    if adaptive and not adapts(method):
        raise ValueError(
            f"{caller}: `dt` or `n_steps` must be given with method={method.name!r}, which has no error estimate that "
            f"steps could be adapted by; adaptive methods for {noise!r} noise are {names}."
        )


def adapts(method: StochasticMethod) -> bool:
    """Return whether steps can be adapted."""
    return method.error is not None


def error_order(method: StochasticMethod, noise: str) -> float:
    """Return the power of h with which the error estimate goes to 0."""
    return float(method.strong[noise]) + 0.5


def check_tangent(
    caller: str, method: StochasticMethod, noise: str, field: Any, correction: int, adjoint: str | None
) -> None:  # fmt: skip
    """Complain of a method, or of a conversion, that differentiates the diffusion where that is not possible."""
    argument, got = ("convert", "true") if correction else ("method", repr(method.name))
    without = field.without_jvp
    if correction and noise == "diagonal-general":
        wanted = "false with 'diagonal-general' noise; write the diffusion as a matrix (dim, dim)"
        raise complain(ValueError, caller, argument, wanted, got)
    if without:
        names = ", ".join(map(str, without))
        advice = f"{names} has no derivative; give it a `jvp`, say jvp='symbolic'" + (
            "." if correction else ", or take milstein_free."
        )
        wanted = (
            "false, or the diffusion one with a `jvp`"
            if correction
            else "one that does not differentiate"
        )
        raise complain(ValueError, caller, argument, wanted, got, advice)
    if adjoint not in ("store", None) and field.without_vjp_jvp:
        wanted = f"None with {argument}={got} and this diffusion"
        advice = why_no_second(field.without_vjp_jvp)
        raise complain(ValueError, caller, "adjoint", wanted, repr(adjoint), advice)


def why_no_second(without: tuple[object, ...]) -> str:
    """Return what is to be done where the transpose of a tangent is asked for and is not there."""
    names = ", ".join(map(str, without))
    return (
        f"Its gradient needs the derivative of the diffusion's transpose, which {names} lacks: make it a "
        "tapeless.diffusion with vjp='symbolic' and jvp='symbolic', or give it a `vjp_jvp`; or take a method that "
        "does not differentiate, as milstein_free."
    )


def differentiates(method: StochasticMethod, correction: int) -> bool:
    """Return whether steps call the tangent of the diffusion."""
    return bool(correction) or method.kind == DERIVATIVE


def is_reversible(method: StochasticMethod) -> bool:
    """Return whether its steps can be taken back."""
    return method.kind == REVERSIBLE
