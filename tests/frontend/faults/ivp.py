"""Calls of `solve_ivp` that go wrong."""

import ctypes

import numpy as np

from faults.problem import FIELD, THETA, Fault
from tapeless import solve_ivp


def decay(t, y, *args):
    return -y


def event(t, y):
    return y[0]


class Terminal:
    """An event whose attribute `terminal` is as given."""

    def __init__(self, terminal):
        self.terminal = terminal

    def __call__(self, t, y):
        return y[0]


def ivp(fun=decay, t_span=(0.0, 1.0), y0=(1.0, 2.0), **kwargs):
    return solve_ivp(fun, t_span, y0, **kwargs)


FAULTS = (
    Fault(lambda: ivp(fun=None), TypeError, "None"),
    Fault(lambda: ivp(fun=[1.0]), TypeError, "[1.0]"),
    Fault(lambda: ivp(fun=lambda t, y: None), TypeError, "None at t = 0"),
    Fault(lambda: ivp(fun=lambda t, y: [1.0]), ValueError, "shape (1,)"),
    Fault(lambda: ivp(fun=lambda t, y: y[:, None]), ValueError, "shape (2, 1)"),
    Fault(lambda: ivp(fun=lambda t, y: y * 1j), TypeError, "complex numbers"),
    Fault(lambda: ivp(fun=lambda t, y: "up"), TypeError, "'up'"),
    Fault(lambda: ivp(fun=FIELD), TypeError, "()"),
    Fault(lambda: ivp(fun=FIELD, args=(THETA[1:],)), ValueError, "shape (16,)"),
    Fault(lambda: ivp(fun=FIELD, args=(THETA,), y0=np.ones(3)), ValueError, "shape (3,)"),
    Fault(lambda: ivp(fun=FIELD, args=(THETA,), y0=[1j, 1.0]), TypeError, "complex128"),
    Fault(lambda: ivp(fun=ctypes.CDLL(None).abs), TypeError, "abs without them"),
    Fault(lambda: ivp(t_span=1.0), ValueError, "1.0"),
    Fault(lambda: ivp(t_span=(0.0, 1.0, 2.0)), ValueError, "(0.0, 1.0, 2.0)"),
    Fault(lambda: ivp(t_span=(0.0, np.nan)), ValueError, "nan"),
    Fault(lambda: ivp(t_span=(np.inf, 0.0)), ValueError, "inf"),
    Fault(lambda: ivp(t_span=(0.0, np.inf)), ValueError, "inf"),
    Fault(lambda: ivp(t_span=(0.0, np.inf), events=event), ValueError, "inf"),
    Fault(lambda: ivp(y0=1.0), ValueError, "shape ()"),
    Fault(lambda: ivp(y0=np.ones((2, 2))), ValueError, "shape (2, 2)"),
    Fault(lambda: ivp(y0=[1.0, np.nan]), ValueError, "nan for component 1"),
    Fault(lambda: ivp(y0=[np.inf, 1.0]), ValueError, "inf for component 0"),
    Fault(lambda: ivp(y0=["a"]), TypeError, "<U1"),
    Fault(lambda: ivp(y0=None), ValueError, "shape ()"),
    Fault(lambda: ivp(method="RK67"), ValueError, "'RK67'"),
    Fault(lambda: ivp(method=int), ValueError, "<class 'int'>"),
    Fault(lambda: ivp(method="euler"), ValueError, "'euler'"),
    Fault(lambda: ivp(t_eval=0.5), ValueError, "shape ()"),
    Fault(lambda: ivp(t_eval=[0.5, 1.5]), ValueError, "1.5 for a span from 0.0 to 1.0"),
    Fault(lambda: ivp(t_eval=[0.5, np.nan]), ValueError, "nan for a span"),
    Fault(lambda: ivp(t_eval=[0.7, 0.2]), ValueError, "do not strictly increase"),
    Fault(lambda: ivp(t_eval=[0.2, 0.7], t_span=(1.0, 0.0)), ValueError, "strictly decrease"),
    Fault(lambda: ivp(t_eval=["0.2"]), TypeError, "<U3"),
    Fault(lambda: ivp(args=3.0), TypeError, "args=(3.0,)"),
    Fault(lambda: ivp(rtol=np.nan), ValueError, "NaN"),
    Fault(lambda: ivp(rtol="tight"), TypeError, "<U5"),
    Fault(lambda: ivp(rtol=np.full(3, 1e-3)), ValueError, "shape (3,)"),
    Fault(lambda: ivp(atol=-1.0), ValueError, "-1.0"),
    Fault(lambda: ivp(atol=np.ones(3)), ValueError, "shape (3,)"),
    Fault(lambda: ivp(first_step=0), ValueError, "0"),
    Fault(lambda: ivp(first_step=2.0), ValueError, "2.0 for a span from 0.0 to 1.0"),
    Fault(lambda: ivp(first_step="x"), TypeError, "'x'"),
    Fault(lambda: ivp(max_step=-1), ValueError, "-1"),
    Fault(lambda: ivp(max_step=np.nan), ValueError, "nan"),
    Fault(lambda: ivp(max_steps=0), ValueError, "0"),
    Fault(lambda: ivp(step_ts=[[0.5]]), ValueError, "shape (1, 1)"),
    Fault(lambda: ivp(jump_ts=np.nan), ValueError, "shape ()"),
    Fault(lambda: ivp(controller="pid"), ValueError, "'pid'"),
    Fault(lambda: ivp(events=3.0), TypeError, "3.0"),
    Fault(lambda: ivp(events=[event, None]), TypeError, "None"),
    Fault(lambda: ivp(events=Terminal(-1)), ValueError, "-1"),
    Fault(lambda: ivp(events=lambda t, y: None), TypeError, "None at t = 0"),
    Fault(lambda: ivp(events=lambda t, y: y), TypeError, "shape (2,)"),
    Fault(lambda: ivp(dense_output=True).sol([[0.5]]), ValueError, "shape (1, 1)"),
)
