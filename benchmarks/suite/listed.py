"""All problems of the suite, in the order of their names."""

from suite.halves import halves
from suite.of_examples import EXAMPLES, IN_FULL
from suite.of_people import PEOPLE
from suite.of_things import THINGS
from suite.of_times import TIMES
from suite.problem import SuiteProblem
from suite.splits import ByTime


def problems() -> list[SuiteProblem]:
    """Those of both halves, then those beside the suite."""
    declared = sorted([*EXAMPLES, *THINGS, *PEOPLE, *TIMES], key=lambda one: one.name)
    half = halves({one.name: isinstance(one.split, ByTime) for one in declared})
    return [SuiteProblem(one, half[one.name]) for one in declared] + [SuiteProblem(one, "in full") for one in IN_FULL]
