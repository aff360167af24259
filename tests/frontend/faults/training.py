"""Optimisers, losses, objectives, training, files of models and tableaus that go wrong."""

import numpy as np

from faults.problem import FIELD, THETA, Y0, Fault, still
from tapeless import Objective, TrainingError, check_tableau, fit, load, losses, optim, save
from tapeless._optimiser import NotFinite
from tapeless.fields import Field
from tapeless.optim import Adam

OBJECTIVE = Objective(FIELD, (0.0, 1.0), losses.mse)


FAULTS = (
    Fault(lambda: Adam(lr=0), ValueError, "0"),
    Fault(lambda: Adam(lr=-1e-3), ValueError, "-0.001"),
    Fault(lambda: Adam(eps=np.nan), ValueError, "nan"),
    Fault(lambda: Adam(betas=(0.9, 1.0)), ValueError, "(0.9, 1.0)"),
    Fault(lambda: Adam(betas=(0.9,)), ValueError, "(0.9,)"),
    Fault(lambda: Adam(clip_norm=0), ValueError, "0"),
    Fault(lambda: Adam(lr=np.sin), TypeError, "<ufunc 'sin'>"),
    Fault(lambda: Adam().step(np.ones(3), np.ones(4)), ValueError, "shape (4,)"),
    Fault(lambda: Adam().step(np.ones(3), np.ones(3), out=np.ones(2)), ValueError, "shape (2,)"),
    Fault(lambda: Adam().step(np.ones(3), np.full(3, np.nan)), NotFinite, "nan at place 0"),
    Fault(lambda: optim.SGD(nesterov=True), ValueError, "0.0"),
    Fault(lambda: optim.AdamW(weight_decay=-1), ValueError, "-1"),
    Fault(lambda: optim.RMSProp(beta=1), ValueError, "1"),
    Fault(lambda: optim.Lion(betas=3), ValueError, "3"),
    Fault(lambda: optim.LBFGS(memory=0), ValueError, "0"),
    Fault(lambda: optim.Constant(np.inf), ValueError, "inf"),
    Fault(lambda: optim.Cosine(0.1, 0), ValueError, "0"),
    Fault(lambda: optim.Exponential(0.1, -1), ValueError, "-1"),
    Fault(lambda: optim.WarmUp(None, 3), TypeError, "None"),
    Fault(lambda: losses.mse(Y0, Y0[0]), ValueError, "shape (2,)"),
    Fault(lambda: losses.huber([], []), ValueError, "shape (0,)"),
    Fault(lambda: losses.huber(Y0, Y0, delta=0), ValueError, "0"),
    Fault(lambda: losses.cross_entropy(Y0, [0, 1, 2, 0]), ValueError, "2 among them"),
    Fault(lambda: losses.cross_entropy(Y0, [0, -1, 0, 0]), ValueError, "-1 among them"),
    Fault(lambda: losses.cross_entropy(Y0, [0]), ValueError, "shape (1,)"),
    Fault(lambda: losses.cross_entropy(Y0, Y0[:, 0]), TypeError, "float64"),
    Fault(lambda: losses.cross_entropy(Y0[:0], []), ValueError, "shape (0, 2)"),
    Fault(lambda: losses.gaussian_nll(Y0, Y0), ValueError, "shape (4, 2)"),
    Fault(lambda: Objective(None, (0, 1), losses.mse), TypeError, "None"),
    Fault(lambda: Objective(FIELD, (0, 1), None), TypeError, "None"),
    Fault(lambda: Objective(FIELD, (0, 1), losses.mse, adjoint=None), ValueError, "None"),
    Fault(lambda: Objective(Field(still, 2), (0, 1), losses.mse), ValueError, "Field(still, dim=2"),
    Fault(lambda: fit(None, THETA), TypeError, "None"),
    Fault(lambda: fit(OBJECTIVE, THETA[:3], (Y0, Y0)), ValueError, "shape (3,)"),
    Fault(lambda: fit(OBJECTIVE, THETA * np.nan, (Y0, Y0)), ValueError, "NaN"),
    Fault(lambda: fit(OBJECTIVE, THETA, (Y0[:0], Y0[:0])), ValueError, "shape (0, 2)"),
    Fault(lambda: fit(OBJECTIVE, THETA, (Y0, Y0[:1])), ValueError, "lengths 4 and 1"),
    Fault(lambda: fit(OBJECTIVE, THETA, (Y0, Y0), batch_size=2), ValueError, "None"),
    Fault(lambda: fit(OBJECTIVE, THETA, (Y0, Y0), optimiser="adam"), TypeError, "'adam'"),
    Fault(lambda: fit(OBJECTIVE, THETA, (Y0, Y0), epochs=0), ValueError, "0"),
    Fault(lambda: fit(OBJECTIVE, THETA, (Y0, Y0), patience=2), ValueError, "None"),
    Fault(lambda: fit(OBJECTIVE, THETA, (Y0, Y0), resume=True), ValueError, "None"),
    Fault(lambda: fit(lambda theta: 1.0, THETA), TypeError, "1.0"),
    Fault(lambda: fit(lambda theta: (np.nan, theta), THETA), TrainingError, "the loss is nan"),
    Fault(
        lambda: fit(lambda theta: (1.0, np.full_like(theta, np.inf)), THETA),
        TrainingError,
        "not finite",
    ),
    Fault(lambda: fit(OBJECTIVE, THETA * 1e30, (Y0, Y0)), TrainingError, "a solve failed"),
    Fault(lambda: save("model.npz", None, THETA), TypeError, "None"),
    Fault(lambda: save("model.npz", FIELD, THETA[:3]), ValueError, "shape (3,)"),
    Fault(lambda: save("model.npz", FIELD, THETA, "adam"), TypeError, "'adam'"),
    Fault(lambda: load(__file__), ValueError, "it is no .npz file"),
    Fault(lambda: check_tableau("mine", "2", ["1"], "1/2 1/2"), ValueError, "'2'"),
    Fault(lambda: check_tableau("mine", 2, ["1"], "1/2 1/3"), ValueError, "sums to 5/6"),
    Fault(lambda: check_tableau("mine", 2, ["1"], "1/2 x"), ValueError, "'x'"),
    Fault(
        lambda: check_tableau("mine", 3, ["1"], "1/2 1/2"), ValueError, "sum b_i c_i^2 = 1/3 fails"
    ),
)
