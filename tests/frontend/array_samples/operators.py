"""Neural operators and their layers, with arrays made by `of`."""

import numpy as np

from tapeless import losses, operators

CONV = operators.SpectralConv(2, 2, 3)
FNO = operators.FNO(1, 1, width=4, modes=3, n_layers=1)
WAVES = np.random.default_rng(0).standard_normal((2, 2, 8))
WEIGHTS, OPERATOR = CONV.init(rng=0), FNO.init(rng=0)
SIGNAL = np.random.default_rng(0).standard_normal((2, 1, 8))


def pulled(model, x, theta):
    y, pullback = model.pullback(x, theta)
    return y, pullback(y)


def operator_objective():
    return operators.OperatorObjective(FNO, losses.mse)


SAMPLES = {
    "FNO.__call__": lambda of: FNO(of(SIGNAL), of(OPERATOR)),
    "FNO.groups": lambda of: FNO.groups(of(OPERATOR)),
    "FNO.jvp": lambda of: FNO.jvp(*map(of, (SIGNAL, OPERATOR, SIGNAL, OPERATOR))),
    "FNO.pullback": lambda of: pulled(FNO, of(SIGNAL), of(OPERATOR)),
    "FNO.unflatten": lambda of: FNO.unflatten(of(OPERATOR)),
    "FNO.vjp": lambda of: FNO.vjp(*map(of, (SIGNAL, OPERATOR, SIGNAL))),
    "OperatorObjective.__call__": lambda of: operator_objective()(*map(of, (OPERATOR, SIGNAL, SIGNAL))),
    "OperatorObjective.__init__": lambda of: operator_objective()(*map(of, (OPERATOR, SIGNAL, SIGNAL))).loss,
    "OperatorObjective.groups": lambda of: operator_objective().groups(of(OPERATOR)),
    "OperatorObjective.value": lambda of: operator_objective().value(*map(of, (OPERATOR, SIGNAL, SIGNAL))),
    "SpectralConv.__call__": lambda of: CONV(of(WAVES), of(WEIGHTS)),
    "SpectralConv.flatten": lambda of: CONV.flatten(of(CONV.unflatten(WEIGHTS)["weights"])),
    "SpectralConv.jvp": lambda of: CONV.jvp(*map(of, (WAVES, WEIGHTS, WAVES, WEIGHTS))),
    "SpectralConv.pullback": lambda of: pulled(CONV, of(WAVES), of(WEIGHTS)),
    "SpectralConv.unflatten": lambda of: CONV.unflatten(of(WEIGHTS)),
    "SpectralConv.vjp": lambda of: CONV.vjp(*map(of, (WAVES, WEIGHTS, WAVES))),
}  # fmt: skip
