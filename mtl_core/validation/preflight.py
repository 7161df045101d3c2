"""Check of a declared problem against its data, ahead of the stages: what they would refuse, all errors at once.

Only the columns of targets, weights and split are read, part by part. The rules are those of the stages: the fitters
and codecs of the tasks, the assignment of the split, and the metrics' own.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mtl_core.config import PARAMS, ROW, HashSplit, Problem
from mtl_core.data.encoder import row_weights, target_type, target_values, weightless_error
from mtl_core.data.parts import Part, column_types, parts
from mtl_core.data.split import SPLITS, SplitName, Splitter, check_split, empty_splits
from mtl_core.errors import DataError, ProblemError
from mtl_core.ragged import flat
from mtl_core.tasks import LabelValues, Objective
from mtl_core.tasks.base import TaskFitter
from mtl_core.validation.value_sets import ValueSets, load_value_sets

__all__ = ["DataSummary", "check_data"]

MAX_KEPT = 1 << 28
"""Maximum bytes of rows that are kept in memory between the passes; more are read again."""
Counts = dict[SplitName, int]
Rows = tuple[SplitName, pa.RecordBatch]
"""Rows of one split."""


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """Rows of a problem's data per split, and those that are labelled for each task."""

    parts: tuple[str, ...]
    """Names of the part files."""
    rows: Counts
    labelled: dict[str, Counts]
    """For a task of level token its items."""


def check_data(folder: Path, problem: Problem) -> DataSummary:
    """Hold the problem against its data.

    Raises:
        ProblemError: lists all that a later stage would refuse, a line each with its path in params.yaml.
        DataError: a part file cannot be read.
    """
    scan = _Scan(problem, parts(folder, problem), load_value_sets(folder, problem))
    scan.check_columns(folder)
    if not scan.errors:
        scan.fit()
        scan.measure()
    if errors := list(dict.fromkeys(scan.errors)):
        head = f"{folder / PARAMS}: {len(errors)} mistake{'s' if len(errors) > 1 else ''}, held against the data"
        raise ProblemError("\n".join([head, *(f"  {line}" for line in errors)]))
    return DataSummary(parts=tuple(part.name for part in scan.sources), rows=scan.rows, labelled=scan.labelled)


class _Scan:
    """Two passes over the data: the first fits the codecs, the second encodes the labels of every split."""

    def __init__(self, problem: Problem, sources: Sequence[Part], sets: ValueSets) -> None:
        self.problem, self.sources, self.sets = problem, sources, sets
        self.splitter = Splitter.of(problem, sources[0].shared)
        self.errors: list[str] = []
        self.rows: Counts = dict.fromkeys(SPLITS, 0)
        self.fitters: dict[str, TaskFitter] = {}
        self.objectives: dict[str, Objective] = {}
        self.labelled: dict[str, Counts] = {}
        self.kept: list[Rows] = []

    def check_columns(self, folder: Path) -> None:
        """Columns and their types, against the kinds that read them."""
        types, problem = self.sources[0].types, self.problem
        bare = problem.model_copy(update={"features": {}, "tasks": {}})
        with self._noting("split"):
            column_types(folder, bare, self.sources)
            for column in self.splitter.columns:
                if column not in self.splitter.row:
                    check_split(problem.split, column, pa.array([], types.field(column).type))
        # A split that any data have, so that an error of the declared one is told once.
        bare = bare.model_copy(update={"split": HashSplit(by="hash", column=ROW)})
        for name, feature in problem.features.items():
            with self._noting(f"features.{name}"):
                found = column_types(folder, bare.model_copy(update={"features": {name: feature}}), self.sources)
                feature.fitter(name, problem.column_of(name), found[problem.column_of(name)])
        for name, task in problem.tasks.items():
            with self._noting(f"tasks.{name}"):
                found = column_types(folder, bare.model_copy(update={"tasks": {name: task}}), self.sources)
                self.fitters[name] = task.fitter(name, target_type(name, task, found))

    def fit(self) -> None:
        """First pass: rows per split, codecs and objectives; none of these where the data cannot be split."""
        weighed: set[str] = set()
        with self._noting("data"):
            for name, rows in self._first_rows():
                self.rows[name] += rows.num_rows
                for task in list(self.fitters):
                    with self._noting(f"tasks.{task}", self.fitters, task):
                        weighed |= self._learn(task, name, rows)
            for error in empty_splits(self.rows):
                raise DataError(error)
            self._finish(weighed)

    def _finish(self, weighed: set[str]) -> None:
        for task, fitter in self.fitters.items():
            options = self.problem.tasks[task]
            with self._noting(f"tasks.{task}"):
                if options.weight_column and task not in weighed:
                    raise DataError(weightless_error(task, options.weight_column))
                self.objectives[task] = options.objective(fitter.finish())

    def measure(self) -> None:
        """Second pass: labels of every split, and the metrics that they define."""
        held_out: dict[tuple[str, SplitName], list[LabelValues]] = defaultdict(list)
        self.labelled = {task: dict.fromkeys(SPLITS, 0) for task in self.objectives}
        for name, rows in (self.kept or self._rows()) if self.objectives else ():
            for task in list(self.objectives):
                with self._noting(f"tasks.{task}", self.objectives, task):
                    labels = _labels(self.objectives[task], rows)
                    self.labelled[task][name] += len(labels)
                    if name != "train":
                        held_out[task, name].append(labels)
        for task, objective in self.objectives.items():
            for name in SPLITS[1:]:
                found = held_out[task, name]
                self.errors += self._undefined(objective, name, np.concatenate(found) if found else np.zeros(0))

    def _undefined(self, objective: Objective, split: SplitName, labels: LabelValues) -> Iterator[str]:
        """An error for each metric that a stage needs, and that these labels leave undefined."""
        task, limits = objective.name, self.problem.gates.metrics.get(objective.name, {})
        needed = {objective.metric.name: f"tasks.{task}.metric"}
        if split == "test":
            needed |= {name: f"gates.metrics.{task}.{name}" for name in limits}
        counts = ", ".join(f"{count:,} of {self.rows[name]:,} {name}" for name, count in self.labelled[task].items())
        for name, where in needed.items():
            if why := objective.options.metric_named(name).undefined(labels):
                yield (
                    f"{where}: {name} must be defined on the {split} split, found {why} in "
                    f"{objective.codec.target!r} (labelled: {counts} rows); change the split or the metric, or leave "
                    "it out"
                )

    def _learn(self, task: str, split: SplitName, rows: pa.RecordBatch) -> set[str]:
        """Fit the task on rows of the training split; the task, where some of them weighs more than 0."""
        options = self.problem.tasks[task]
        weighs = bool(options.weight_column) and bool(row_weights(rows, task, options.weight_column).any())
        if split != "train":
            return set()
        self.fitters[task].update(target_values(rows, options.targets))
        return {task} if weighs else set()

    def _first_rows(self) -> Iterator[Rows]:
        """The rows of the first pass; kept for the second one where they are few."""
        self.kept, size = [], 0
        for name, rows in self._rows(first=True):
            size += rows.nbytes
            if size <= MAX_KEPT:
                self.kept.append((name, rows))
            yield name, rows
        if size > MAX_KEPT:
            self.kept.clear()

    def _rows(self, *, first: bool = False) -> Iterator[Rows]:
        """The rows of every split, without those that validation quarantines for the value of a target; in the first
        pass with an error for each part that has too many of these.
        """
        problem = self.problem
        columns = tuple(dict.fromkeys((*problem.targets, *problem.weight_columns, *self.splitter.columns)))
        for part in self.sources:
            rows, quarantined, example = 0, 0, ""
            for batch in part.batches(columns):
                rows += batch.num_rows
                if unexpected := self.sets.unexpected(batch):
                    bad = np.logical_or.reduce(list(unexpected.values()))
                    quarantined += int(bad.sum())
                    column, outside = next(iter(unexpected.items()))
                    example = example or f"{batch.column(column)[int(outside.argmax())].as_py()!r} in {column!r}"
                    batch = batch.filter(pa.array(~bad))
                yield from self.splitter.split_rows(batch)
            if first and quarantined > problem.data.quarantine * rows:
                self.errors.append(
                    f"data.quarantine: at most {problem.data.quarantine:.3%} of the rows of a part may be quarantined, "
                    f"found {quarantined:,} of {rows:,} of {part.name} with a target that the suite does not expect, "
                    f"such as {example}; repair the rows, or edit the suite and the task"
                )

    @contextmanager
    def _noting(self, where: str, live: dict[str, Any] | None = None, name: str = "") -> Iterator[None]:
        """Note the error of a DataError with its path, and drop the name from what is live."""
        try:
            yield
        except DataError as error:
            self.errors.append(_line(where, str(error)))
            if live is not None:
                del live[name]


def _labels(objective: Objective, rows: pa.RecordBatch) -> LabelValues:
    """The known labels of the rows."""
    labels: LabelValues = flat(objective.codec.exact(target_values(rows, objective.codec.targets)))
    objective.check(labels)
    known: LabelValues = labels[objective.codec.labelled(labels)]
    return known


def _line(where: str, error: str) -> str:
    """An error of a stage as a line with its path in params.yaml."""
    if re.match(r"(split|features|tasks)[.:]", error):  # it has its path
        return error
    section, _, name = where.partition(".")
    return f"{where}: " + error.removeprefix(f"{section[:-1]} {name!r}: ")
