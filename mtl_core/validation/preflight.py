"""Check of a declared problem against its data: all errors of the later stages at once, before they run.

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
from numpy.typing import NDArray

from mtl_core.config import PARAMS, Problem
from mtl_core.config.messages import list_errors
from mtl_core.data.column_types import declared_type, feature_type, target_types
from mtl_core.data.coverage import LabelCoverage, coverage_errors
from mtl_core.data.parts import Part, open_data
from mtl_core.data.split import SPLITS, SplitName, check_not_empty, check_split
from mtl_core.data.targets import row_weights, target_type, target_values, zero_weights_error
from mtl_core.errors import DataError, ProblemError
from mtl_core.ragged import flat
from mtl_core.tasks import LabelValues, Objective
from mtl_core.tasks.base import TaskFitter
from mtl_core.tasks.classes import ClassCodec
from mtl_core.validation.target_rows import TargetRows

Counts = dict[SplitName, int]


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """Rows of a problem's data per split, and those that are labelled for each task."""

    parts: tuple[str, ...]
    """Names of the part files."""
    rows: Counts
    labelled: dict[str, Counts]
    """For a task of level token its items."""
    warnings: tuple[str, ...] = ()
    """Declared classes without a training row, which no stage refuses and no model can learn."""


def check_data(folder: Path, problem: Problem, sources: Sequence[Part] = ()) -> DataSummary:
    """Check the problem against its data. `sources`: the parts, where they are known and the problem is resolved.

    Raises:
        ProblemError: a line for each error of a later stage, with its path in params.yaml.
        DataError: a part file cannot be read.
    """
    if not sources:
        problem, sources = open_data(folder, problem)
    scan = _Scan(folder, problem, sources)
    scan.check_columns()
    if not scan.errors:
        scan.fit()
        scan.measure()
    if errors := list(dict.fromkeys(scan.errors)):
        raise ProblemError(list_errors(f"{folder / PARAMS} and its data", errors))
    return DataSummary(
        parts=tuple(part.name for part in scan.sources),
        rows=scan.rows,
        labelled=scan.labelled,
        warnings=tuple(scan.unlearnable_classes()),
    )


class _Scan:
    """Two passes over the data: the first fits the codecs, the second encodes the labels of every split."""

    def __init__(self, folder: Path, problem: Problem, sources: Sequence[Part]) -> None:
        self.folder, self.problem, self.sources = folder, problem, sources
        self.target_rows = TargetRows(folder, problem, sources)
        self.splitter = self.target_rows.splitter
        self.errors: list[str] = []
        self.rows: Counts = dict.fromkeys(SPLITS, 0)
        self.fitters: dict[str, TaskFitter] = {}
        self.objectives: dict[str, Objective] = {}
        self.labelled: dict[str, Counts] = {}
        self.class_counts: dict[tuple[str, SplitName], NDArray[np.int64]] = {}

    def check_columns(self) -> None:
        """Columns and their types, against the kinds that read them."""
        folder, problem, sources = self.folder, self.problem, self.sources
        types = sources[0].types
        with self._collect("split"):
            for column in problem.split.columns:
                declared_type(folder, problem, sources, column)
            for column in self.splitter.columns:
                if column not in self.splitter.row_columns:
                    check_split(problem.split, column, pa.array([], types.field(column).type))
        for name, feature in problem.features.items():
            with self._collect(f"features.{name}"):
                feature.fitter(name, problem.column_of(name), feature_type(folder, problem, sources, name))
        for name, task in problem.tasks.items():
            with self._collect(f"tasks.{name}"):
                found = target_types(folder, problem, sources, name)
                self.fitters[name] = task.fitter(name, target_type(name, task, found))

    def fit(self) -> None:
        """First pass: rows per split, codecs and objectives; none of these where the data cannot be split."""
        weighted: set[str] = set()
        with self._collect("data"):
            for name, rows in self.target_rows:
                self.rows[name] += rows.num_rows
                for task in list(self.fitters):
                    with self._collect(f"tasks.{task}", self.fitters, task):
                        weighted |= self._learn(task, name, rows)
            check_not_empty(self.rows)
            self._finish(weighted)
        self.errors += self.target_rows.errors.values()

    def _finish(self, weighted: set[str]) -> None:
        for task, fitter in self.fitters.items():
            options = self.problem.tasks[task]
            with self._collect(f"tasks.{task}"):
                if options.weight_column and task not in weighted:
                    raise DataError(zero_weights_error(task, options.weight_column))
                self.objectives[task] = options.objective(fitter.finish())

    def measure(self) -> None:
        """Second pass: labels of every split, and the metrics that they define."""
        held_out: dict[tuple[str, SplitName], list[LabelValues]] = defaultdict(list)
        self.labelled = {task: dict.fromkeys(SPLITS, 0) for task in self.objectives}
        for name, rows in self.target_rows if self.objectives else ():
            for task in list(self.objectives):
                with self._collect(f"tasks.{task}", self.objectives, task):
                    labels = _labels(self.objectives[task], rows)
                    self.labelled[task][name] += len(labels)
                    self._count_classes(task, name, labels)
                    if name != "train":
                        held_out[task, name].append(labels)
        for task, objective in self.objectives.items():
            known = {
                name: np.concatenate(found) if (found := held_out[task, name]) else np.zeros(0) for name in SPLITS[1:]
            }
            self.errors += coverage_errors(
                self.problem,
                LabelCoverage(codec=objective.codec, labels=known, rows=self.rows, labelled=self.labelled[task]),
            )

    def unlearnable_classes(self) -> Iterator[str]:
        """A line for each class that no training row has."""
        for task in self.objectives:
            counts = [self.class_counts.get((task, name)) for name in SPLITS]
            codec = self.objectives[task].codec
            if counts[0] is None or not isinstance(codec, ClassCodec):
                continue
            for index in np.flatnonzero(counts[0] == 0):
                others = " and ".join(
                    f"{0 if found is None else found[index]:,} {name}"
                    for name, found in zip(SPLITS[1:], counts[1:], strict=True)
                )
                yield (
                    f"tasks.{task}: class {codec.classes[index]!r} occurs in no training row, and in {others} rows: "
                    "no model can learn it; change the split, or leave the class out"
                )

    def _count_classes(self, task: str, split: SplitName, labels: LabelValues) -> None:
        codec = self.objectives[task].codec
        if isinstance(codec, ClassCodec):
            counts = np.bincount(labels.astype(np.int64), minlength=len(codec.classes))
            self.class_counts[task, split] = counts + self.class_counts.get((task, split), 0)

    def _learn(self, task: str, split: SplitName, rows: pa.RecordBatch) -> set[str]:
        """Fit the task on rows of the training split; the task, where some of them has_weight more than 0."""
        options = self.problem.tasks[task]
        has_weight = bool(options.weight_column) and bool(row_weights(rows, task, options.weight_column).any())
        if split != "train":
            return set()
        self.fitters[task].update(target_values(rows, options.targets))
        return {task} if has_weight else set()

    @contextmanager
    def _collect(self, where: str, live: dict[str, Any] | None = None, name: str = "") -> Iterator[None]:
        """Collect a DataError with its path, and drop the name from `live`."""
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
