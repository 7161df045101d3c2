"""Public multi-target problems on which the defaults are chosen, and others on which they are evaluated."""

from suite.listed import problems
from suite.problem import SPLIT, SuiteProblem

__all__ = ["SPLIT", "SuiteProblem", "problems"]
