"""How numbers came about: what stands beside them in every file that is kept."""

import hashlib

from mtl_core.config import Problem
from mtl_core.frozen import Frozen

__all__ = ["Made", "declaration"]


class Made(Frozen):
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
    """Digest of all in a declared problem that decides what is learned, but for chance: the seed, and the threads."""
    decisive = dict.fromkeys(("data", "split", "features", "tasks", "model"), True)
    training = set(type(problem.training).model_fields) - {"seed", "threads", "relatedness"}
    text = problem.model_dump_json(include=decisive | {"training": training})
    return hashlib.sha256(text.encode()).hexdigest()[:16]
