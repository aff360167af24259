"""What the demo prints."""

import numpy as np

from tapeless import _measure as measure
from tapeless._kernels import size

N_CHECKED = 32  # digits in the check of the gradient


def print_task(data, field, hidden, solver):
    """Print what is to be learnt, and by what."""
    sizes = "-".join(str(n) for n in (field.dim, *hidden, field.dim))
    options = ", ".join(f"{name} {value}" for name, value in solver.items())
    n_params = field.n_params + (field.dim + 1) * len(np.unique(data[1]))
    print(
        "tapeless demo: a neural ODE learns to read handwritten digits\n"
        f"  data     {len(data[0])} digits of 8 x 8 pixels to learn from, {len(data[2])} to test\n"
        f"  model    y(0) = pixels, y' = MLP {sizes} of y (tanh), class = softmax of W y(1) + b;\n"
        f"           {n_params} parameters in float32; {options}"
    )


def print_kernels(dtype, lanes, made):
    """Print how a family of kernels was come by."""
    loaded = sum(kernel.loaded for kernel in made)
    seconds = sum(kernel.seconds for kernel in made)
    title = f"{dtype}, {'1 lane' if lanes == 1 else f'{lanes} lanes'}"
    counts = f"{len(made) - loaded} compiled and {loaded} loaded in {seconds:.1f} s"
    print(f"  kernels  {title:<18} {counts if made else 'at hand'}", flush=True)


def print_gradient(model, data, seed):
    """Print slopes of the loss by the adjoint and by differences; return the relative errors."""
    rng, n, n_steps = np.random.default_rng(seed), N_CHECKED, measure.CHECK_STEPS
    rows = measure.check_gradient(model, data[2][:n], data[3][:n], rng)
    errors = [abs(slope - central) / abs(central) for _, slope, central in rows]
    print(
        "\nThe adjoint's gradient against central differences: slopes of the loss along random\n"
        f"directions, for {n} test digits, in a float64 copy of the model, on {n_steps} equal\n"
        "steps (the adjoint holds the grid constant; shifted parameters would choose another).\n"
        f"  {'direction in':<20} {'adjoint':>15} {'differences':>15} {'relative error':>15}"
    )
    for (name, slope, central), error in zip(rows, errors, strict=True):
        print(f"  {name:<20} {slope:>+15.10f} {central:>+15.10f} {error:>15.1e}")
    return errors


def print_measurements(model, history, data, accuracy, batch):
    """Print accuracy, evaluations, times, memory, and the share of each kernel."""
    images, labels = data[2:]
    nfe = model.solve(model.start(images), adjoint=None).stats.nfe
    each, alone = measure.prediction_seconds(model, images)
    shares = measure.field_shares(model, data[0])
    total, steps = sum(history.seconds.values()), max(1, history.n_steps)
    epochs = f"for {history.n_steps} steps in {len(history.loss)} epochs, without the tests"
    rows = [
        ("test accuracy", f"{accuracy:.2%}", f"of {len(labels)} digits"),
        ("NFE", f"{nfe.mean():.1f}", f"for a test digit, on average; {nfe.min()} to {nfe.max()}"),
        ("prediction", f"{1e6 * each:.1f} us", f"for each of {len(images)} digits together"),
        ("", f"{1e6 * alone:.0f} us", "for one digit alone"),
        ("training", f"{total:.2f} s", epochs),
        ("training step", f"{1e3 * total / steps:.2f} ms", f"for {batch} digits, which goes into"),
    ]
    for phase, seconds in history.seconds.items():
        field = f"{shares[phase]:.0%} of it in the field's layers (*)" if phase in shares else ""
        rows.append((f"  {phase}", f"{seconds / max(total, 1e-9):.1%}", field))
    memory = size(history.nbytes_adjoint)
    rows.append(("adjoint memory", memory, f"for {batch} digits, at most"))
    print()
    for name, value, meaning in rows:
        print(f"  {name:<20} {value:>9}  {meaning}".rstrip())
    print(
        "  (*) one tile on one thread: the time of one call of the layers alone, times the calls\n"
        "      in the solve, over the time of the solve"
    )


def print_seeds(accuracies):
    """Print the accuracy for each seed, and the mean."""
    print("\n  seed  test accuracy")
    for seed, accuracy in accuracies.items():
        print(f"  {seed:>4}  {accuracy:>13.2%}")
    print(f"  mean  {np.mean(list(accuracies.values())):>13.2%}")
