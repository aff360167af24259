"""Steps of the spectral solvers, their transposes, and random fields; ../navier_stokes_speed.py has the peers."""

import numpy as np

from tapeless import pde

N_STEPS = 20


class VorticitySteps:
    """Twenty steps on n x n points."""

    params = ([64, 256], ["float32", "float64"])
    param_names = ("n", "dtype")

    def setup(self, n, dtype):
        self.w0 = pde.gaussian_random_field((n, n), 0, alpha=2.5, tau=7.0, sigma=25.0, dtype=dtype)
        self.bar = np.ones_like(self.w0)
        self.sol = self.solve("store")
        self.sol.vjp(self.bar)  # compiles

    def solve(self, adjoint=None):
        return pde.solve_navier_stokes(self.w0, 0.1, 1e-3, n_steps=N_STEPS, adjoint=adjoint)

    def time_solve(self, n, dtype):
        self.solve()

    def time_vjp(self, n, dtype):
        self.sol.vjp(self.bar)

    def track_bytes_kept(self, n, dtype):
        return self.sol.nbytes_adjoint


class BurgersSteps:
    """Twenty steps of a batch on n points."""

    params = ([256, 8192], [1, 32])
    param_names = ("n", "batch")

    def setup(self, n, batch):
        self.u0 = pde.gaussian_random_field(n, 0, alpha=2.0, tau=5.0, sigma=25.0, batch=batch)
        self.time_solve(n, batch)  # compiles

    def time_solve(self, n, batch):
        pde.solve_burgers(self.u0, 0.02, 0.1, n_steps=N_STEPS, adjoint=None)


class RandomFields:
    """Eight fields of 256 x 256 points."""

    def setup(self):
        self.time_draw()  # compiles

    def time_draw(self):
        pde.gaussian_random_field((256, 256), 0, alpha=2.5, tau=7.0, batch=8)
