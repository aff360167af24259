"""Fields, layers, optimisers and schedules as records of plain values, and back: what files hold of them."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from tapeless._composition import Sum, VectorField
from tapeless._files import Arrays, Record, Unreadable
from tapeless._kinetic import Kinetic
from tapeless._optimiser import Optimiser
from tapeless._parameters import Frozen, Slice
from tapeless.fields import LAYERS, Field, Network
from tapeless.optim import OPTIMISERS, SCHEDULES, Schedule


def encode_layer(layer: Any) -> Record:
    """Return a layer, with those within it, as a record."""
    values = {
        name: [encode_layer(x) for x in value] if isinstance(value, tuple) else value
        for name, value in layer._asdict().items()
    }
    return {"layer": type(layer).__name__, **values}


def decode_layer(record: Record) -> Any:
    """Return the layer of a record."""
    values = {
        name: tuple(decode_layer(x) for x in value) if isinstance(value, list) else value
        for name, value in record.items()
        if name != "layer"
    }
    return _known(record["layer"], LAYERS)(**values)


def encode_field(field: VectorField, arrays: Arrays) -> Record:
    """Return a field as a record; constants go to `arrays`, and of a function there is its name only."""
    if isinstance(field, Network):
        layers = [encode_layer(layer) for layer in field.layers]
        return {"field": "Network", "dim": field.dim, "layers": layers}
    if isinstance(field, Sum):
        return {"field": "Sum", "fields": [encode_field(part, arrays) for part in field.fields]}
    if isinstance(field, Slice):
        inner = encode_field(field.field, arrays)
        return {"field": "Slice", "of": inner, "n_params": field.n_params, "start": field.start}
    if isinstance(field, Frozen):
        name = f"constants{len(arrays)}"
        arrays[name] = field.theta
        return {"field": "Frozen", "of": encode_field(field.field, arrays), "theta": name}
    if isinstance(field, Kinetic):
        inner = encode_field(field.network, arrays)
        return {"field": "Kinetic", "of": inner, "jacobian": field.jacobian}
    assert isinstance(field, Field)
    return {"field": "Field", **_of_function(field)}


def decode_field(record: Record, arrays: Arrays, functions: Iterable[Field]) -> VectorField:
    """Return the field of a record; those that are functions are among `functions`."""
    kind = record["field"]
    if kind == "Network":
        return Network(record["dim"], [decode_layer(layer) for layer in record["layers"]])
    if kind == "Sum":
        return Sum([decode_field(part, arrays, functions) for part in record["fields"]])
    if kind == "Slice":
        inner = decode_field(record["of"], arrays, functions)
        return Slice(inner, record["n_params"], record["start"])
    if kind == "Frozen":
        inner = decode_field(record["of"], arrays, functions)
        return Frozen(inner, arrays[record["theta"]])
    if kind == "Kinetic":
        return Kinetic(decode_field(record["of"], arrays, functions), record["jacobian"])
    if kind != "Field":
        raise Unreadable(f"its field is of a kind that is not known, {kind!r}")
    wanted = {name: record[name] for name in ("name", "dim", "n_params")}
    for function in functions:
        if _of_function(function) == wanted:
            return function
    raise Unreadable(
        f"its field has a function {wanted['name']!r} of dim={wanted['dim']} and "
        f"n_params={wanted['n_params']}, which no file holds: pass that Field in `functions`"
    )


def _of_function(field: Field) -> Record:
    name = getattr(field.fun, "__name__", "fun")
    return {"name": name, "dim": field.dim, "n_params": field.n_params}


def encode_optimiser(optimiser: Optimiser, arrays: Arrays) -> Record:
    """Return an optimiser as a record; its running means go to `arrays`."""
    options = {
        name: encode_schedule(value) if isinstance(value, Schedule) else value
        for name, value in optimiser.options().items()
    }
    for i, mean in enumerate(optimiser.means or ()):
        arrays[f"mean{i}"] = mean
    name = type(optimiser).__name__
    return {"optimiser": name, "options": options, "n_steps": optimiser.n_steps}


def decode_optimiser(record: Record, arrays: Arrays, theta: Any) -> Optimiser:
    """Return the optimiser of a record, for parameters like theta."""
    options = {
        name: decode_schedule(value) if isinstance(value, dict) else _as_tuple(value)
        for name, value in record["options"].items()
    }
    optimiser = _known(record["optimiser"], OPTIMISERS)(**options)
    optimiser.n_steps = int(record["n_steps"])
    if optimiser.n_steps:
        means = [arrays[f"mean{i}"] for i in range(optimiser.MEANS)]
        for mean in means:
            if (mean.shape, mean.dtype) != (theta.shape, theta.dtype):
                raise Unreadable("the optimiser's running means are not of theta's shape and dtype")
        optimiser.means = [np.ascontiguousarray(mean) for mean in means]
    return optimiser


def encode_schedule(schedule: Schedule) -> Record:
    """Return a schedule as a record."""
    values = {
        f.name: getattr(schedule, f.name)
        for f in dataclasses.fields(schedule)  # type: ignore[arg-type]
    }
    encoded = {
        name: encode_schedule(value) if isinstance(value, Schedule) else _plain(value)
        for name, value in values.items()
    }
    return {"kind": type(schedule).__name__, **encoded}


def decode_schedule(record: Record) -> Schedule:
    """Return the schedule of a record."""
    values = {
        name: decode_schedule(value) if isinstance(value, dict) else value
        for name, value in record.items()
        if name != "kind"
    }
    return _known(record["kind"], SCHEDULES)(**values)


def _known(name: str, kinds: Iterable[Any]) -> Any:
    for kind in kinds:
        if kind.__name__ == name:
            return kind
    raise Unreadable(f"it has a {name!r}, which this tapeless does not know")


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
