"""Provenance of a study's numbers: what it takes to compute them again. Kept in every study's file, under `made`."""

import hashlib

from mtl_core.config import Problem
from mtl_core.frozen import Frozen


class Provenance(Frozen):
    """Command, code, seeds, machine and declared problem behind a study's numbers."""

    command: str
    commit: str
    """Commit of the code; "" where it was in no git repository, with a + where files differed from it."""
    seeds: tuple[int, ...]
    machine: str
    """Processor, cores in use, system."""
    versions: dict[str, str]
    """Versions of Python and of the packages that decide the numbers."""
    declaration: str
    """`config_digest` of the declared problem."""


def config_digest(problem: Problem) -> str:
    """Digest of the columns, tasks, model and training of a declared problem, without the seed and the threads."""
    decisive = dict.fromkeys(("data", "split", "features", "tasks", "model"), True)
    training = set(type(problem.training).model_fields) - {"seed", "threads", "relatedness"}
    text = problem.model_dump_json(include=decisive | {"training": training})
    return hashlib.sha256(text.encode()).hexdigest()[:16]
