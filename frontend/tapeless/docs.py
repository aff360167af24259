"""Writes docs/methods.md and what C is told from the registries: ``python -m tapeless.docs``."""

import inspect
import pathlib
import sys
from fractions import Fraction

import numpy as np

from tapeless._c.header import header
from tapeless._c.header import table as c_table
from tapeless._types import Path
from tapeless_kernels import elementary
from tapeless_kernels.activations import ACTIVATIONS
from tapeless_kernels.controllers.step_size import CONTROLLERS, control_numbers
from tapeless_kernels.fields.layers import LAYERS
from tapeless_kernels.tableaus.explicit import EXPLICIT
from tapeless_kernels.tableaus.interpolant import dense_order
from tapeless_kernels.tableaus.reversible import PAIR_REFERENCE, REVERSIBLE
from tapeless_kernels.tableaus.stochastic import NOISES, STOCHASTIC, arrays_of

__all__ = ["c_page", "main", "methods_page"]

PATH = pathlib.Path("docs", "methods.md")
C_HEADER = pathlib.Path("kernels", "include", "tapeless_solve.h")
TABLE_BEGINS, TABLE_ENDS = "<!-- table -->\n", "<!-- end -->\n"

HEAD = """\
<!-- Written by `make docs` from the registries in the kernels; edit those. -->
# Methods

What there is, by the names that `solve_ode`, `solve_ivp`, `solve_sde` and `tapeless.fields` take.
[adding.md](adding.md) says how to add to each list.
"""

METHODS = """\
## Explicit Runge-Kutta methods

`solve_ode(..., method=NAME)` and `solve_ivp(..., method=NAME)`, where `RK23` is `bosh3`, `RK45` is
`dopri5` and `DOP853` is `dop853`. A step costs as many evaluations of the field as the table says, and
an FSAL method one more at the very start: its last slope is the first of the next step. "Embedded"
is the order of the second solution that the error estimate is the difference to; methods without
one need `n_steps`, or `first_step` in `solve_ivp`; `dop853` has a second one, of order 3, that
steadies the first. "Stable" is the real interval of h times the eigenvalue on which the method does
not blow up; it is given for methods with a pair of stages at one time, from which `measure=True` tells the
stiffness. "Dense" is the order of the dense output of `solve_ivp` and, in brackets, the
evaluations that it takes in a step from which an output is asked for; methods that are not listed
below the table have the cubic Hermite interpolant.
The order conditions of all of these are checked, in rationals where the source has them, by
`pytest tests/kernels/tableaus`. A tableau of your own, made and checked by `tapeless.check_tableau`,
can be given in place of a name.
"""

BACKWARD = """\
## Reversible methods

`solve_ode(..., method=NAME, adjoint="reversible")`: their steps can be taken back from the last state, so that a
gradient needs no other. `tapeless.reversible(METHOD, coupling)` makes one of any method above, with two steps of it
in one, and its order; an error estimate comes with it. `tapeless.methods.alf(damping)` is `alf` with damping, which
leaves it of order 1. [reversible.md](reversible.md) says when they are stable, which for decay is hardly ever.
"""

STOCHASTIC_METHODS = """\
## Methods for SDEs

`solve_sde(..., method=NAME)`. Strong orders by the kind of noise, of which [sde.md](sde.md#fields) has the meanings;
without one the method does not take it. "Weak" is the order of moments. "f, g" are
the evaluations of drift and diffusion in a step of fixed size. Those with an area need a path with
levy_area="space-time"; "adapts" says whether there is an error estimate. All orders are measured by
`pytest tests/frontend/test_sde_methods.py`. With several channels that commute `milstein_free` takes a state of the
diffusion for each; `milstein` asks for the diffusion's `jvp`, and its gradient for its `vjp_jvp`.
"""

STEP_SIZES = """\
## Step-size controllers

`solve_ode(..., controller=NAME)`. With the error ratios q0 of this step and q1, q2 of the accepted
steps before, each the norm of error over tolerance, and with an error estimate of order h^k,

    h_next = h * {safety} * q0^-e0 * q1^-e1 * q2^-e2

within the factors {least} and {largest}. After a rejection only q0 counts, with e0 = 1/k, and the
step does not grow. "Start" stands for q1^2 and q2^2 before the first step.
"""

ELEMENTWISE = """\
## Activations

`MLP(..., activation=NAME)` or the layer `Activation(NAME)`. All are polynomials and ratios of them
without branches, so that they vectorise, and are tested to 4 units in the last place (sin up to
|x| = 1e5), NaN and infinities included. The derivative is computed from the output where that is
all it takes: the output then overwrites the input, and is what a solve keeps.
"""

NETWORKS = """\
## Layers

`tapeless.fields.Network(dim, layers)` applies them one after the other.
"""


def methods_page() -> str:
    """Return docs/methods.md: methods, controllers, activations and layers as tables.

    Returns
    -------
    str
        The page, in Markdown.
    """
    sections = (
        HEAD,
        _methods(),
        _reversible(),
        _stochastic(),
        _controllers(),
        _activations(),
        _layers(),
    )
    return "\n".join(sections)


def main(path: Path = PATH) -> int:
    """Write docs/methods.md, and beside it the table of docs/c.md and the header that it is about.

    Parameters
    ----------
    path : str or path-like
        Where to; by default the page of the checkout that is the current folder.

    Returns
    -------
    int
        The exit status: 0, or 1 if the folder of `path` is not there.
    """
    path = pathlib.Path(path)
    if not path.parent.is_dir():
        print(
            f"tapeless.docs: there is no folder {path.parent}; run it in a checkout of tapeless, "
            "or name another file: python -m tapeless.docs FILE",
            file=sys.stderr,
        )
        return 1
    path.write_text(methods_page(), encoding="utf-8")
    page, written = path.with_name("c.md"), path.parent.parent / C_HEADER
    if page.is_file() and written.is_file():
        page.write_text(c_page(page.read_text(encoding="utf-8")), encoding="utf-8")
        written.write_text(header(), encoding="utf-8")
    return 0


def c_page(text: str) -> str:
    """Return the text of docs/c.md with the table of functions from their registry.

    Parameters
    ----------
    text : str
        That of the page, with the table or without it.

    Returns
    -------
    str
        The page with the table between its marks.
    """
    before, _, rest = text.partition(TABLE_BEGINS)
    _, _, after = rest.partition(TABLE_ENDS)
    return f"{before}{TABLE_BEGINS}{c_table()}{TABLE_ENDS}{after}"


def _table(text, header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return text + "\n" + "\n".join(f"| {' | '.join(map(str, row))} |" for row in lines) + "\n"


def _methods():
    header = "name order embedded evaluations FSAL stable dense coefficients source".split()
    rows = [
        (
            f"`{m.name}`",
            m.order,
            m.embedded_order or "",
            m.stages,
            "yes" if m.fsal else "",
            f"[-{m.stability_size}, 0]" if m.stability_size else "",
            _dense(m),
            "rationals" if m.exact else "decimals",
            m.reference,
        )
        for m in EXPLICIT
    ]
    own = [f"- `{m.name}`: {m.interpolant.reference}" for m in EXPLICIT if m.interpolant]
    return (
        _table(METHODS, header, rows) + "\nDense output of their own:\n\n" + "\n".join(own) + "\n"
    )


def _reversible():
    header = ("name", "order", "embedded", "evaluations", "source")
    rows = [
        (f"`{m.name}`", m.order, m.embedded_order, m.stages * m.halves, m.reference)
        for m in REVERSIBLE
    ]
    made = (
        "`reversible(METHOD, coupling)`",
        "METHOD's",
        "METHOD's",
        "twice METHOD's",
        PAIR_REFERENCE,
    )
    return _table(BACKWARD, header, (made, *rows))


def _dense(method):
    order = min(dense_order(method), method.order)
    extra = method.interpolant.n_extra if method.interpolant else 0
    return f"{order} (+{extra})" if extra else order


def _stochastic():
    rows = []
    for m in STOCHASTIC:
        uses = arrays_of(m, np.dtype(np.float64), 1, False).uses.sum(axis=1)
        orders = [m.strong.get(kind, "") for kind in NOISES]
        flags = "yes" if m.area != "none" else "", "yes" if m.error else ""
        calculus, counts = m.calculus.capitalize(), f"{uses[0]}, {uses[1]}"
        rows.append((f"`{m.name}`", calculus, *orders, _weak(m), counts, *flags, m.reference))
    header = ("name", "sense", *NOISES, "weak", "f, g", "area", "adapts", "source")
    return _table(STOCHASTIC_METHODS, header, rows)


def _weak(method):
    """Return the weak orders as text: that of most kinds of noise, and those of the others."""
    usual, *others = sorted(set(method.weak.values()), key=list(method.weak.values()).count)[::-1]
    special = [f"{x} {' and '.join(k for k, v in method.weak.items() if v == x)}" for x in others]
    return "; ".join([str(usual), *special])


def _controllers():
    limits = inspect.signature(control_numbers).parameters
    text = STEP_SIZES.format(**{n: limits[n].default for n in ("safety", "least", "largest")})
    rows = [
        (
            f"`{c.name}`",
            *(_exponent(b, fixed) for b, fixed in zip(c.exponents, c.fixed, strict=True)),
            f"{c.start:g}",
            c.reference,
        )
        for c in CONTROLLERS
    ]
    return _table(text, ("name", "e0", "e1", "e2", "start", "source"), rows)


def _exponent(b, fixed):
    """Return b/k + fixed as text."""
    b = Fraction(b).limit_denominator(1000)
    over_k = f"{b.numerator}/k" if b.denominator == 1 else f"{b.numerator}/({b.denominator}k)"
    terms = [over_k] * (b != 0) + [f"{fixed:g}"] * (fixed != 0)
    return " + ".join(terms).replace("+ -", "- ") or "0"


def _activations():
    rows = [
        (
            f"`{a.name}`",
            _definition(a.name),
            "`1`" if a.derivative is None else _definition(a.derivative),
            "output" if a.keeps_output else "input",
        )
        for a in ACTIVATIONS
    ]
    header = ("name", "definition", "derivative", "from its")
    return _table(ELEMENTWISE, header, rows)


def _definition(name):
    """Return the first sentence of a kernel's docstring, which is its formula."""
    kernel = getattr(elementary, name, None)
    if kernel is None:
        return "`x`"
    sentence = inspect.getdoc(kernel).splitlines()[0].partition(". ")[0].rstrip(".")
    return f"`{sentence.replace('|', chr(92) + '|')}`"


def _layers():
    rows = [
        (f"`{layer.__name__}({', '.join(layer._fields)})`", inspect.getdoc(layer).rstrip("."))
        for layer in LAYERS
    ]
    return _table(NETWORKS, ("layer", "computes"), rows)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
