"""Calls that go wrong, by what is called, in the order of docs/errors.md."""

from faults import ivp, networks, other_fields, regularisers, sde, solves, steps, training

FAULTS = (
    *solves.FAULTS,
    *regularisers.FAULTS,
    *steps.FAULTS,
    *networks.FAULTS,
    *training.FAULTS,
    *other_fields.FAULTS,
    *ivp.FAULTS,
    *sde.FAULTS,
)
