"""Public multi-target problems on which the defaults are chosen, and others on which they are evaluated."""

from suite.problem import SPLIT, SuiteProblem
from suite.registry import problems

__all__ = ["SPLIT", "SuiteProblem", "problems"]
