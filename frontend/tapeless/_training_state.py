"""The state of a training: what a step changes, and the file that it goes on from."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless import _files as files
from tapeless._batches import Batches, restore
from tapeless._encode import decode_optimiser, encode_optimiser
from tapeless._files import Arrays, Record, Unreadable
from tapeless._optimiser import Optimiser
from tapeless._training_result import Fit, History
from tapeless._types import Path

KIND, WANTED = "training", "a file that fit wrote with the same arguments"
SERIES = tuple(f.name for f in dataclasses.fields(History))


@dataclass
class State:
    """What steps change. `theta` is written in place; what comes with it is of the same step."""

    theta: NDArray[np.floating]
    optimiser: Optimiser
    history: History = field(default_factory=History)
    epoch: int = 0  # finished
    done: int = 0  # steps of the next one
    best: float = np.inf
    best_theta: NDArray[np.floating] | None = None
    best_epoch: int = 0
    epoch_rng: Any = (
        None  # the generator's before the present epoch's order was drawn; None: it is not
    )
    rng: Any = None  # the generator's after the last step, or after that order was drawn

    def result(self, stopped: str) -> Fit:
        """Return what a caller is given."""
        theta = self.theta.copy()
        best = theta if self.best_theta is None else self.best_theta.copy()
        history = History(**{name: list(getattr(self.history, name)) for name in SERIES})
        n_steps = len(history.step_loss)
        return Fit(theta, best, history, self.optimiser, self.epoch, n_steps, stopped)

    def write(self, path: Path, batches: Batches) -> None:
        """Write all of it, and what a training that goes on from it must have in common."""
        arrays: Arrays = {"theta": self.theta}
        arrays |= {name: np.array(getattr(self.history, name), np.float64) for name in SERIES}
        if self.best_theta is not None:
            arrays["best_theta"] = self.best_theta
        record: Record = {
            "optimiser": encode_optimiser(self.optimiser, arrays),
            "epoch": self.epoch, "done": self.done, "best": self.best,
            "best_epoch": self.best_epoch, "n": batches.n, "batch_size": batches.size,
            "epoch_rng": self.epoch_rng, "rng": self.rng,
        }  # fmt: skip
        files.write(path, KIND, record, arrays)


def resumed(path: Path, start: State, batches: Batches) -> State:
    """Return the state in a file, for a training with this start; sets the generator to its state."""
    record, arrays = files.read("fit", path, KIND, WANTED)
    try:
        theta = arrays["theta"]
        if (theta.shape, theta.dtype) != (start.theta.shape, start.theta.dtype):
            got = (
                f"{theta.shape} and {theta.dtype}, not {start.theta.shape} and {start.theta.dtype}"
            )
            raise Unreadable(f"its theta is of shape and dtype {got}")
        optimiser = decode_optimiser(record["optimiser"], arrays, theta)
        for what, found, here in (
            ("optimiser", repr(optimiser), repr(start.optimiser)),
            ("number of rows of `data`", record["n"], batches.n),
            ("`batch_size`", record["batch_size"], batches.size),
        ):
            if found != here:
                raise Unreadable(f"its {what} is {found}, not {here}")
        history = History(**{name: arrays[name].tolist() for name in SERIES})
        state = State(theta, optimiser, history, record["epoch"], record["done"], record["best"])
        state.best_theta, state.best_epoch = arrays.get("best_theta"), record["best_epoch"]
        state.epoch_rng, state.rng = record["epoch_rng"], record["rng"]
        if (record["rng"] is None) != (batches.rng is None):
            raise Unreadable("there is an `rng` only in one of both trainings")
        if batches.rng is not None:
            restore(batches.rng, record["rng"])
        return state
    except files.BAD_CONTENT as error:
        raise files.bad_file("fit", path, WANTED, error) from error
