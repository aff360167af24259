#!/usr/bin/env python
"""Time what goes through tapeless.interop.torch against its peers and against our NumPy calls, as docs/torch.md shows.

The least CPU time of a thread, of runs in turns: another process on the core changes it little. It wants torchdiffeq
and neuraloperator; pin it to a core by taskset.
"""

import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

import adapters.neuraloperator_spectral  # noqa: E402
import adapters.tapeless_torch_adapter  # noqa: E402
import adapters.torch_ode  # noqa: E402
import adapters.torch_training  # noqa: E402, F401
import core  # noqa: E402
import problems as P  # noqa: E402
import torch  # noqa: E402

import tapeless  # noqa: E402
from tapeless.interop.torch import NeuralODE  # noqa: E402

CASES = {case.key: case for case in core.REGISTRY}
TORCHDIFFEQ = {"W2": "torchdiffeq/dopri5 backprop", "W11": "torchdiffeq/dopri5"}


def least(*functions, repeats):
    """Return the least CPU time of each function, called in turns."""
    best = [float("inf")] * len(functions)
    for _ in range(repeats):
        for i, function in enumerate(functions):
            begun = time.thread_time()
            function()
            best[i] = min(best[i], time.thread_time() - begun)
    return best


def compare(case, ours, theirs, repeats=5):
    """Print a row: milliseconds of ours and of the peer, and their ratio."""
    runs = [CASES[f"{case}/float32/{method}"].build()[0] for method in (ours, theirs)]
    for run in runs:
        run()
    a, b = least(*runs, repeats=repeats)
    print(f"| {case} | {1e3 * a:.2f} | {1e3 * b:.1f} | {b / a:.1f} |", flush=True)


def overheads(repeats=2000):
    """Print the microseconds that torch adds to a solve of the smallest network, and to its gradient."""
    field = tapeless.fields.MLP(2, [50, 50])
    theta, y0 = field.init(rng=0, dtype=np.float32), np.ones((1, 2), np.float32)
    model = NeuralODE(field, (0.0, 1.0), theta)
    states, bar = torch.from_numpy(y0), torch.ones(1, 2)

    class Nothing(torch.autograd.Function):
        @staticmethod
        def forward(ctx, y0, theta):
            return torch.ones(1, 2)

        @staticmethod
        def backward(ctx, bar):
            return None, torch.zeros_like(model.theta)

    functions = (
        lambda: tapeless.solve_ode(field, (0.0, 1.0), y0, theta, adjoint=None),
        torch.no_grad()(lambda: model(states)),
        lambda: tapeless.solve_ode(field, (0.0, 1.0), y0, theta).vjp(bar.numpy()),
        lambda: torch.autograd.grad(model(states), model.theta, bar),
        lambda: torch.autograd.grad(Nothing.apply(states, model.theta), model.theta, bar),
    )
    a, b, c, d, e = (1e6 * seconds for seconds in least(*functions, repeats=repeats))
    print(f"forward: {a:.0f} us by NumPy, {b - a:.0f} more through torch")
    print(
        f"and backward: {c:.0f} us by NumPy, {d - c:.0f} more; a Function that does nothing {e:.0f}"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    overheads()
    for workload, peer in TORCHDIFFEQ.items():
        for size in P.TRAINING_CASES:
            compare(f"{workload}/{size}", "tapeless/torch tsit5", peer)
    for case in P.CONVOLUTION_CASES:
        layer = "neuraloperator/SpectralConv"
        compare(f"W7/{case}", "tapeless/torch SpectralConv", layer)
    for case in P.FNO_CASES:
        compare(f"W7/{case}", "tapeless/torch FNO of SpectralConv", "neuraloperator/FNO")
