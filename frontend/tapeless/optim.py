"""Optimisers on flat parameter vectors, and schedules of their learning rates."""

from tapeless._adam import Adam, AdamW, RMSProp
from tapeless._lbfgs import LBFGS
from tapeless._momentum import SGD, Lion
from tapeless._optimiser import Optimiser
from tapeless._schedules import SCHEDULES, Constant, Cosine, Exponential, Schedule, WarmUp

__all__ = [
    "LBFGS",
    "OPTIMISERS",
    "SCHEDULES",
    "SGD",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Exponential",
    "Lion",
    "Optimiser",
    "RMSProp",
    "Schedule",
    "WarmUp",
]


OPTIMISERS = (SGD, Adam, AdamW, RMSProp, Lion)
