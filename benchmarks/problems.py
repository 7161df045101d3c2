"""The root's problem and the examples, prepared for benchmarks."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flows.environment import prepare_environment
from flows.pipeline.pin import fetch
from mtl_core.config import Problem, load_problem
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.studies.splits import Splits
from mtl_core.tasks import Objective, objectives
from mtl_core.validation.results import write_quarantine

ROOT = Path(__file__).parents[1]
FOLDERS = {"flights": ROOT} | {name: ROOT / "examples" / name for name in ("films", "yeast", "census")}
"""Name -> the problem's folder."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A problem with its rows, memory-mapped."""

    declared: Problem
    encoder: Encoder
    splits: Splits
    raw_test: pa.Table
    """Raw columns of the test split, as in requests."""

    @property
    def tasks(self) -> tuple[Objective, ...]:
        """The objectives of its tasks."""
        return objectives(self.declared.tasks, self.encoder.tasks)


@contextmanager
def prepared(
    folder: Path, *, threads: int, change: Callable[[Problem], Problem] = lambda problem: problem
) -> Iterator[Prepared]:
    """The folder's problem after `change`, with its data fetched and encoded, without quarantined rows."""
    prepare_environment(folder)
    fetch(folder)
    problem = change(load_problem(folder))
    training = problem.training.model_copy(update={"threads": threads})
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        quarantine = work / "quarantine.parquet"
        write_quarantine(quarantine, ())
        prepare(folder, problem, quarantine, work / "encoded")
        encoder = Encoder.load(work / "encoded" / "encoder.json")
        yield Prepared(
            declared=problem.model_copy(update={"training": training}),
            encoder=encoder,
            splits=Splits.open(work / "encoded", encoder),
            raw_test=pq.read_table(work / "encoded" / "test.parquet"),
        )
