"""Provenance of a study's numbers, stored in every study's file under `provenance`."""

import hashlib

from mtl_core.config import Problem
from mtl_core.frozen import Frozen


class Provenance(Frozen):
    """Command, code, seeds, machine and declared problem behind a study's numbers."""

    command: str
    commit: str
    """Commit of the code; "" outside of a git repository, with a + where files differed from it."""
    seeds: tuple[int, ...]
    machine: str
    """Processor, number of cores, system."""
    versions: dict[str, str]
    """Versions of Python and of the packages on which the numbers depend."""
    config_digest: str
    """`config_digest` of the declared problem."""


def config_digest(problem: Problem) -> str:
    """Digest of the columns, tasks, model and training of a declared problem, without the seed and the threads."""
    sections = dict.fromkeys(("data", "split", "features", "tasks", "model"), True)
    training = set(type(problem.training).model_fields) - {"seed", "threads", "relatedness"}
    text = problem.model_dump_json(include=sections | {"training": training})
    return hashlib.sha256(text.encode()).hexdigest()[:16]
