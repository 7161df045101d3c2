"""All problems of the suite, in the order of their names."""

from suite.halves import halves
from suite.of_examples import EXAMPLES, IN_FULL
from suite.of_people import PEOPLE
from suite.of_things import THINGS
from suite.of_times import TIMES
from suite.problem import SuiteProblem
from suite.splits import TimeOrderSplit


def problems() -> list[SuiteProblem]:
    """Problems of both halves, then those that are not part of the suite."""
    declared = sorted([*EXAMPLES, *THINGS, *PEOPLE, *TIMES], key=lambda problem: problem.name)
    half = halves({problem.name: isinstance(problem.split, TimeOrderSplit) for problem in declared})
    return [SuiteProblem(problem, half[problem.name]) for problem in declared] + [
        SuiteProblem(problem, "in full") for problem in IN_FULL
    ]
