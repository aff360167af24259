"""`solve_ivp`: SciPy's function on the loop for one trajectory."""

from tapeless._ivp.dense import OdeSolution
from tapeless._ivp.public import solve_ivp
from tapeless._ivp.result import IvpStats, OdeResult

__all__ = ["IvpStats", "OdeResult", "OdeSolution", "solve_ivp"]
