"""An operator learnt on one grid is as good on finer ones."""

import numpy as np
import pytest

import tapeless
from tapeless import pde
from tapeless.losses import relative_l2
from tapeless.operators import FNO, OperatorObjective

FINE, N, EPOCHS = 256, 64, 40


def burgers(n_functions, first):
    u0 = pde.gaussian_random_field(
        FINE, 0, alpha=2, tau=5, sigma=25, batch=n_functions, first_sample=first, dtype=np.float32
    )
    sol = pde.solve_burgers(u0, 1.0, 0.02, dt=0.01, adjoint=None)
    return u0[:, None], sol.ys[:, None]


def coarser(u, n):
    return np.ascontiguousarray(u[..., :: FINE // n])


@pytest.mark.parametrize("coordinates", [False, True])
def test_burgers_learnt_on_64_points_is_known_on_256(coordinates):
    pairs, (x, y) = burgers(128, 0), burgers(16, 1000)
    model = FNO(1, 1, 12, width=16, n_layers=3, projection=32, coordinates=coordinates)
    adam = tapeless.optim.Adam(tapeless.optim.Cosine(5e-3, 8 * EPOCHS))
    theta = tapeless.fit(
        OperatorObjective(model, relative_l2), model.init(0, np.float32),
        tuple(coarser(a, N) for a in pairs), optimiser=adam, epochs=EPOCHS, batch_size=16, rng=0,
    ).theta  # fmt: skip
    found = {n: model(coarser(x, n), theta) for n in (64, 128, 256)}
    errors = [relative_l2(found[n], coarser(y, n))[0] for n in found]
    assert max(errors[1:]) < 1.2 * errors[0] < 0.12
    for n in (128, 256):  # what differs is the grid's: aliases of the start and of the activations
        assert relative_l2(found[n][..., :: n // N], found[N])[0] < 0.01
