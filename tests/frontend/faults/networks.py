"""Networks that cannot be built, begun or taken apart."""

from faults.problem import FIELD, THETA, Fault
from tapeless.fields import MLP, Activation, Dense, Network, Residual

FAULTS = (
    Fault(lambda: MLP(0, [3]), ValueError, "0"),
    Fault(lambda: MLP(2.0, [3]), ValueError, "2.0"),
    Fault(lambda: MLP(2, [3, 0]), ValueError, "[3, 0]"),
    Fault(lambda: MLP(2, [3.5]), ValueError, "[3.5]"),
    Fault(lambda: MLP(2, None), ValueError, "None"),
    Fault(lambda: MLP(2, [3], activation="tan"), ValueError, "'tan'"),
    Fault(lambda: MLP(2, [3], activation=None), ValueError, "None"),
    Fault(lambda: MLP(2, [3], final_activation="tan"), ValueError, "'tan'"),
    Fault(lambda: Network(-1, [Dense(2)]), ValueError, "-1"),
    Fault(lambda: Network(2, None), TypeError, "None"),
    Fault(lambda: Network(2, [Dense(3)]), ValueError, "to 3"),
    Fault(lambda: Network(2, [Dense(0), Dense(2)]), ValueError, "0 outputs"),
    Fault(lambda: Network(2, [Dense(2.5), Dense(2)]), ValueError, "2.5 outputs"),
    Fault(lambda: Network(2, [Residual((Dense(3),))]), ValueError, "2 values to 3"),
    Fault(lambda: Network(2, [Activation("tan")]), ValueError, "'tan'"),
    Fault(lambda: Network(2, ["tanh"]), TypeError, "'tanh'"),
    Fault(lambda: FIELD.init(rng="seed"), TypeError, "'seed'"),
    Fault(lambda: FIELD.init(rng=-1), ValueError, "-1"),
    Fault(lambda: FIELD.unflatten(THETA[:5]), ValueError, "shape (5,)"),
)
