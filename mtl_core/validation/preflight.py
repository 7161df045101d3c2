"""Check of a declared problem against its data: all errors of the later stages at once, before these run.

Only the columns of targets, their texts, weights and split are read, part by part. The rules are those of the stages:
the tasks' fitters and codecs, the assignment of the splits, and the label coverage of the metrics.
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
from mtl_core.data.column_types import check_slice_column, declared_type, feature_type, target_types
from mtl_core.data.coverage import LabelCoverage, coverage_errors
from mtl_core.data.parts import Part, open_data
from mtl_core.data.split import SPLITS, SplitName, check_not_empty, check_split
from mtl_core.data.targets import column_array, row_weights, target_type, target_values, zero_weights_error
from mtl_core.data.windows import Window, windows_of
from mtl_core.errors import DataError, ProblemError
from mtl_core.ragged import flat
from mtl_core.tasks import LabelValues, Objective
from mtl_core.tasks.base import TaskFitter
from mtl_core.tasks.classes import ClassCodec
from mtl_core.tasks.span_labels import check_spans, check_type
from mtl_core.tasks.tagging import Tagging
from mtl_core.tasks.tagging_codec import TaggingCodec
from mtl_core.validation.target_rows import TargetRows

Counts = dict[SplitName, int]


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """Rows of a problem's data per split, and the labelled ones per task."""

    parts: tuple[str, ...]
    """Names of the part files."""
    rows: Counts
    left_out: int
    """Rows before the training window, which belong to no split."""
    windows: dict[str, Window]
    """Split -> times, with durations resolved; empty for a split that is not by time."""
    labelled: dict[str, Counts]
    """For a task of level token its items."""
    warnings: tuple[str, ...] = ()
    """Declared classes without a training row, which no stage refuses and no model can learn."""


def check_data(folder: Path, problem: Problem, sources: Sequence[Part] = ()) -> DataSummary:
    """Check the problem against its data. With `sources`, the parts of the data, the problem must be resolved.

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
        parts=tuple(part.name for part in sources),
        rows=scan.rows,
        left_out=scan.target_rows.left_out,
        windows=windows_of(scan.target_rows.splitter.split),
        labelled=scan.labelled,
        warnings=tuple(scan.unlearnable_classes()),
    )


class _Scan:
    """Two passes over the data: the first fits the codecs, the second encodes the labels of every split."""

    def __init__(self, folder: Path, problem: Problem, sources: Sequence[Part]) -> None:
        self.folder, self.problem, self.sources = folder, problem, sources
        self.target_rows = TargetRows(folder, problem, sources)
        self.errors: list[str] = []
        self.rows: Counts = dict.fromkeys(SPLITS, 0)
        self.fitters: dict[str, TaskFitter] = {}
        self.weighted: set[str] = set()
        """Tasks with a training row that weighs more than 0."""
        self.objectives: dict[str, Objective] = {}
        self.labelled: dict[str, Counts] = {}
        self.class_counts: dict[tuple[str, SplitName], NDArray[np.int64]] = {}

    def check_columns(self) -> None:
        """Columns and their types, against the features, tasks and split that read them."""
        folder, problem, sources = self.folder, self.problem, self.sources
        with self._collect("split"):
            for column in problem.split.columns:
                declared_type(folder, problem, sources, column)
            for column in self.target_rows.columns.declared:
                check_split(problem.split, column, pa.array([], sources[0].types.field(column).type))
        for column in problem.slice_columns:
            with self._collect("gates.slices"):
                check_slice_column(folder, problem, sources, column)
        for name, feature in problem.features.items():
            with self._collect(f"features.{name}"):
                arrow_type = feature_type(folder, problem, sources, name)
                feature.fitter(name, problem.column_of(name), arrow_type).read_files(folder)
        for name, task in problem.tasks.items():
            with self._collect(f"tasks.{name}"):
                types = target_types(folder, problem, sources, name)
                if isinstance(task, Tagging):
                    check_type(name, task.target, types[task.target])
                self.fitters[name] = task.fitter(name, target_type(name, task, types))

    def fit(self) -> None:
        """First pass: rows per split, codecs and objectives; no objectives where the data cannot be split."""
        with self._collect("data"):
            for split, rows in self.target_rows:
                self.rows[split] += rows.num_rows
                for task in list(self.fitters):
                    with self._collect(f"tasks.{task}", self.fitters):
                        self._fit_task(task, split, rows)
            check_not_empty(self.rows, self.target_rows.splitter.split)
            for task, fitter in self.fitters.items():
                options = self.problem.tasks[task]
                with self._collect(f"tasks.{task}"):
                    if options.weight_column and task not in self.weighted:
                        raise DataError(zero_weights_error(task, options.weight_column))
                    self.objectives[task] = options.objective(fitter.finish())
        self.errors += self.target_rows.errors.values()

    def _fit_task(self, task: str, split: SplitName, rows: pa.RecordBatch) -> None:
        options = self.problem.tasks[task]
        weights = row_weights(rows, task, options.weight_column) if options.weight_column else np.zeros(0)
        if split == "train":
            self.fitters[task].update(target_values(rows, options.targets))
            if weights.any():
                self.weighted.add(task)

    def measure(self) -> None:
        """Second pass: labels of every split, and the metrics that they define."""
        held_out: dict[tuple[str, SplitName], list[LabelValues]] = defaultdict(list)
        self.labelled = {task: dict.fromkeys(SPLITS, 0) for task in self.objectives}
        for split, rows in self.target_rows if self.objectives else ():
            for task in list(self.objectives):
                with self._collect(f"tasks.{task}", self.objectives):
                    labels = self._labels(task, rows)
                    (known,) = self.objectives[task].codec.select_labelled(labels)
                    self.labelled[task][split] += len(known)
                    self._count_classes(task, split, known)
                    if split != "train":
                        held_out[task, split].append(labels)
        for task, objective in self.objectives.items():
            by_split = {
                split: objective.codec.select_labelled(np.concatenate(parts))[0]
                if (parts := held_out[task, split])
                else np.zeros(0)
                for split in SPLITS[1:]
            }
            coverage = LabelCoverage(
                codec=objective.codec, labels=by_split, rows=self.rows, labelled=self.labelled[task]
            )
            self.errors += coverage_errors(self.problem, coverage)

    def unlearnable_classes(self) -> Iterator[str]:
        """A line for each class without a training row."""
        for task, objective in self.objectives.items():
            codec = objective.codec
            if not isinstance(codec, ClassCodec) or (task, "train") not in self.class_counts:
                continue
            nothing = np.zeros(len(codec.classes), np.int64)
            train, *others = (self.class_counts.get((task, split), nothing) for split in SPLITS)
            for index in np.flatnonzero(train == 0):
                counts = " and ".join(
                    f"{count[index]:,} {split}" for split, count in zip(SPLITS[1:], others, strict=True)
                )
                yield (
                    f"tasks.{task}: class {codec.classes[index]!r} occurs in no training row, and in {counts} rows: no "
                    "model can learn it; change the split, or leave the class out"
                )

    def _labels(self, task: str, rows: pa.RecordBatch) -> LabelValues:
        objective = self.objectives[task]
        codec, values = objective.codec, target_values(rows, objective.codec.targets)
        if isinstance(codec, TaggingCodec):
            texts = column_array(rows, self.problem.column_of(codec.sequence))
            check_spans(task, codec.target, values, texts)
        labels: LabelValues = flat(codec.exact(values))
        objective.check(labels)
        return labels

    def _count_classes(self, task: str, split: SplitName, labels: LabelValues) -> None:
        codec = self.objectives[task].codec
        if isinstance(codec, ClassCodec):
            counts = np.bincount(labels.astype(np.int64), minlength=len(codec.classes))
            self.class_counts[task, split] = counts + self.class_counts.get((task, split), 0)

    @contextmanager
    def _collect(self, path: str, active: dict[str, Any] | None = None) -> Iterator[None]:
        """Collect a DataError with its path in params.yaml, and drop the task of the path from the active ones."""
        try:
            yield
        except DataError as error:
            self.errors.append(_line(path, str(error)))
            if active is not None:
                del active[path.removeprefix("tasks.")]


def _line(path: str, error: str) -> str:
    """An error of a stage as a line with its path in params.yaml."""
    if re.match(r"(split|features|tasks|gates)[.:]", error):  # it has a path
        return error
    section, _, name = path.partition(".")
    return f"{path}: " + error.removeprefix(f"{section[:-1]} {name!r}: ")
