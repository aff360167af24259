"""A driven flow by the vorticity equation, and its start found again from a later field, by the adjoint."""

import sys
import time

import numpy as np
from matplotlib.figure import Figure

from tapeless import optim, pde

N, NU, T1, N_STEPS = 64, 1e-3, 12.0, 120
LAW = {
    "alpha": 2.5,
    "tau": 7.0,
    "sigma": 25.0,
}  # decays as in Li et al. (2020), section 5.3, and is larger

forcing = pde.navier_stokes_forcing((N, N))
w0 = pde.gaussian_random_field((N, N), 0, **LAW)
begun = time.perf_counter()
sol = pde.solve_navier_stokes(
    w0, T1, NU, dt=0.02, t_eval=[0.0, 4.0, 8.0, T1], forcing=forcing, adjoint=None
)
print(f"{sol.stats.n_steps} steps in {time.perf_counter() - begun:.1f} s")

# What was the field before? Only its end at t = 2 is known.
span = {"t1": 2.0, "nu": NU, "dt": 0.1, "forcing": forcing}
truth = pde.solve_navier_stokes(w0, **span).ys
guess, adam, losses = np.zeros((N, N)), optim.Adam(lr=0.3), []
smooth = np.exp(-0.01 * (np.fft.fftfreq(N, 1 / N)[:, None] ** 2 + np.arange(N // 2 + 1) ** 2))
for step in range(N_STEPS):
    adam.lr = 0.3 * 0.05 ** (step / N_STEPS)
    # Waves that diffusion blurs are damped in the start: the data do not tell them.
    start = np.fft.irfft2(smooth * np.fft.rfft2(guess))
    end = pde.solve_navier_stokes(start, **span)
    difference = end.ys - truth
    losses.append(np.mean(difference**2) / np.mean(truth**2))
    start_bar = end.vjp(2 * difference / N**2).u0
    guess = adam.step(
        guess.ravel(), np.fft.irfft2(smooth * np.fft.rfft2(start_bar)).ravel()
    ).reshape(N, N)
print(f"relative squared error of the end {losses[0]:.3f}, then {losses[-1]:.1e}")
off = np.linalg.norm(start - w0) / np.linalg.norm(w0)
print(f"the start is missed by {off:.2f} of its norm")

figure = Figure(figsize=(12.5, 6.6), layout="constrained")
axes = figure.subplots(2, 4)
panels = [(f"t = {t:g}", w) for t, w in zip(sol.ts, sol.ys, strict=True)]
panels += [("the start", w0), ("as found from t = 2", start), ("t = 2", truth)]
for ax, (title, w) in zip(axes.flat, panels, strict=False):
    largest = np.abs(w).max()
    image = ax.imshow(
        w.T, cmap="RdBu_r", vmin=-largest, vmax=largest, origin="lower", extent=(0, 1, 0, 1)
    )
    figure.colorbar(image, ax=ax, shrink=0.7)
    ax.set(title=title, xticks=[], yticks=[])
axes[1, 3].semilogy(losses)
axes[1, 3].set(title="Relative error of the end", xlabel="step of Adam")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "navier_stokes.png", dpi=110)
