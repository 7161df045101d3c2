"""A problem of the suite with the unchanged draft of `mtl init` and encoded rows, cached on disk."""

import contextlib
import hashlib
import io
import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Self

import numpy as np
from measurement import error_of
from numpy.typing import NDArray
from problems import ROOT
from suite import SuiteProblem, problems

from flows.draft.drafting import draft_problem
from flows.environment import prepare_environment
from flows.pipeline.code import CodeTree
from mtl_core.config import Problem, load_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.files import write_text
from mtl_core.studies.splits import Splits
from mtl_core.tasks import Objective, objectives
from mtl_core.validation.results import write_quarantine

WORK = ROOT / ".trunkline" / "benchmarks" / "out_of_the_box"


@dataclass(frozen=True)
class DraftedProblem:
    """Problem `name` of the suite, drafted and encoded in `folder`. Cached properties are not pickled."""

    name: str
    folder: Path

    def __reduce__(self) -> tuple[type[Self], tuple[str, Path]]:
        return type(self), (self.name, self.folder)

    @cached_property
    def suite(self) -> SuiteProblem:
        """The problem in the list."""
        return next(problem for problem in problems() if problem.name == self.name)

    @cached_property
    def problem(self) -> Problem:
        """The drafted `params.yaml`, on one thread."""
        problem = load_problem(self.folder / "problem")
        return problem.model_copy(update={"training": problem.training.model_copy(update={"threads": 1})})

    @cached_property
    def encoder(self) -> Encoder:
        """The fitted encoder."""
        return Encoder.load(self.folder / "encoded" / "encoder.json")

    @cached_property
    def splits(self) -> Splits:
        """Encoded rows, memory-mapped."""
        return Splits.open(self.folder / "encoded", self.encoder)

    @cached_property
    def tasks(self) -> tuple[Objective, ...]:
        """The objectives of its tasks."""
        return objectives(self.problem.tasks, self.encoder.tasks)


def drafted_problem(problem: SuiteProblem) -> DraftedProblem:
    """The problem, drafted and encoded again if its table or the code has changed."""
    table = problem.table()
    digest = hashlib.sha256(table.read_bytes())
    digest.update(code_digest("flows.draft.drafting", "mtl_core.data.prepare", "mtl_core.data.encoded").encode())
    home = WORK / problem.name
    folder, stamp = home / "prepared", home / "prepared.json"
    if not stamp.exists() or json.loads(stamp.read_text(encoding="utf-8")) != digest.hexdigest():
        stamp.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        _draft(problem, table, folder)
        write_text(stamp, json.dumps(digest.hexdigest()))
    return DraftedProblem(problem.name, folder)


def error_on(split: EncodedSplit, task: Objective, predictions: NDArray[np.generic]) -> float:
    """Error of a task's own metric on the labelled rows of a split."""
    labels = split.flat_labels(task.name).numpy()
    labelled = task.codec.labelled(labels)
    value = task.metric(labels[labelled], predictions[labelled].astype(np.float64))
    return error_of(value, task.metric.higher_is_better)


@cache
def code_digest(*modules: str) -> str:
    """Digest of the modules and of all code that they import."""
    tree = CodeTree.installed()
    return "".join(tree.digest(module, nested=True) for module in modules)


def _draft(problem: SuiteProblem, table: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        # Outside this repository, like a user's folder.
        draft = Path(temporary) / problem.name
        prepare_environment(draft)
        with contextlib.redirect_stdout(io.StringIO()):
            draft_problem(table, problem.targets, draft, None)
        shutil.copytree(draft, folder / "problem", ignore=shutil.ignore_patterns(".*"))
    quarantine = folder / "quarantine.parquet"
    write_quarantine(quarantine, ())
    prepare(folder / "problem", load_problem(folder / "problem"), quarantine, folder / "encoded")
