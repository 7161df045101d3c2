"""The small problem with another trunk."""

from mtl_core.config import Problem, TrunkOptions, parse_problem
from tests.small import document


def with_trunk(options: TrunkOptions) -> Problem:
    """Through params.yaml's own door, so that the union has to find the kind."""
    declared = document()
    return parse_problem(declared | {"model": declared["model"] | {"trunk": options.model_dump(mode="json")}})
