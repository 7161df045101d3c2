"""All problems of the suite, in the order of their names."""

from suite.examples import EXAMPLES, IN_FULL
from suite.halves import halves
from suite.objects import OBJECTS
from suite.people import PEOPLE
from suite.problem import SuiteProblem
from suite.splits import TimeOrderSplit
from suite.time_series import TIME_SERIES


def problems() -> list[SuiteProblem]:
    """Problems of both halves, then those that are not part of the suite."""
    declared = sorted([*EXAMPLES, *OBJECTS, *PEOPLE, *TIME_SERIES], key=lambda problem: problem.name)
    half = halves({problem.name: isinstance(problem.split, TimeOrderSplit) for problem in declared})
    return [SuiteProblem(problem, half[problem.name]) for problem in declared] + [
        SuiteProblem(problem, "in full") for problem in IN_FULL
    ]
