"""The small problem with another trunk."""

from mtl_core.config import Problem, parse_problem
from mtl_core.trunks import TrunkOptions
from tests.small import document


def with_trunk(options: TrunkOptions) -> Problem:
    """Through params.yaml's own door, so that the union has to find the kind."""
    declared = document()
    return parse_problem(declared | {"model": declared["model"] | {"trunk": options.model_dump(mode="json")}})
