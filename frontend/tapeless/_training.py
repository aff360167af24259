"""The training loop of the demo: noise on the images, Adam, and what happened, epoch by epoch."""

import time
from dataclasses import dataclass, field

import numpy as np

from tapeless.losses import cross_entropy
from tapeless.optim import Adam, Cosine

PHASES = "images and noise", "forward solve", "softmax head", "adjoint", "optimiser"


@dataclass
class History:
    """One entry an epoch, and the seconds spent in each phase of all steps."""

    loss: list = field(default_factory=list)
    train_accuracy: list = field(default_factory=list)
    test_accuracy: list = field(default_factory=list)
    nfe: list = field(default_factory=list)  # (mean, least, most) over the samples of the epoch
    seconds: dict = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    n_steps: int = 0
    nbytes_adjoint: int = 0
    interrupted: bool = False


class _Clock:
    """Adds the time since the last look to a phase."""

    def __init__(self, seconds):
        self._seconds, self._last = seconds, time.perf_counter()

    def restart(self):
        self._last = time.perf_counter()

    def add_to(self, phase):
        now = time.perf_counter()
        self._seconds[phase] += now - self._last
        self._last = now


def train(model, data, rng, *, epochs, batch, lr, noise, bar):
    """Train `model` in place and return its history, also if Ctrl-C ends the training early.

    `data` is (train images, train labels, test images, test labels). `noise` is the standard
    deviation of the normal noise on the initial states, which is what keeps the network from
    learning the training set by heart. `bar` is a progress bar of tqdm's interface over the steps.
    """
    images, labels, test_images, test_labels = data
    states, history = model.start(images), History()
    # Whole batches only; what is left over is another part of the data in each epoch.
    per_epoch = max(1, len(states) // batch)
    adam, clock = Adam(lr=Cosine(lr, epochs * per_epoch)), _Clock(history.seconds)
    try:
        for _ in range(epochs):
            order, seen = rng.permutation(len(states)), []
            for i in range(per_epoch):
                part = order[i * batch : (i + 1) * batch]
                seen.append(
                    _step(model, states[part], labels[part], noise, rng, adam, clock, history)
                )
                bar.update()
                bar.set_postfix_str(
                    f"loss {seen[-1][0]:.3f}, NFE {seen[-1][2].mean():.1f}", refresh=False
                )
            accuracy = float(np.mean(model.predict(test_images) == test_labels))
            _record(history, seen, accuracy)
            bar.set_description(f"test accuracy {accuracy:.1%}")
    except KeyboardInterrupt:
        history.interrupted = True
    return history


def _step(model, states, labels, noise, rng, adam, clock, history):
    """Take one step; return the loss, the share of digits that were right, and each one's NFE."""
    clock.restart()
    y0 = states + noise * rng.standard_normal(states.shape, dtype=np.float32)
    clock.add_to("images and noise")
    sol = model.solve(y0)
    clock.add_to("forward solve")
    logits = model.logits(sol.ys)
    loss, logits_bar = cross_entropy(logits, labels)
    ys_bar, head_bar = model.logits_vjp(sol.ys, logits_bar)
    clock.add_to("softmax head")
    _, theta_bar = sol.vjp(ys_bar)
    clock.add_to("adjoint")
    model.params = adam.step(model.params, np.concatenate([theta_bar, head_bar]))
    clock.add_to("optimiser")
    history.n_steps += 1
    history.nbytes_adjoint = max(history.nbytes_adjoint, sol.nbytes_adjoint)
    return loss, np.count_nonzero(logits.argmax(axis=1) == labels) / len(labels), sol.stats.nfe


def _record(history, seen, accuracy):
    losses, right, nfe = zip(*seen, strict=True)
    nfe = np.concatenate(nfe)
    history.loss.append(float(np.mean(losses)))
    history.train_accuracy.append(float(np.mean(right)))
    history.test_accuracy.append(accuracy)
    history.nfe.append((float(nfe.mean()), int(nfe.min()), int(nfe.max())))
