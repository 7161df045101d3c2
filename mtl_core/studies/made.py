"""How numbers came about: what stands beside them in every file that is kept."""

import hashlib

from mtl_core.declared import Declared
from mtl_core.problem import Problem

__all__ = ["Made", "declaration"]


class Made(Declared):
    """What it takes to make them again."""

    command: str
    commit: str
    """Of the code; "" where it was in no git repository, with a + where files differed from it."""
    seeds: tuple[int, ...]
    machine: str
    """Processor, cores in use, system."""
    versions: dict[str, str]
    """Of Python, and of the packages that decide the numbers."""
    declaration: str
    """Digest of what was declared of columns, tasks, model and training."""


def declaration(problem: Problem) -> str:
    """Digest of all in a declared problem that decides what is learned."""
    decisive = problem.model_dump_json(include={"data", "split", "features", "tasks", "model", "training"})
    return hashlib.sha256(decisive.encode()).hexdigest()[:16]
