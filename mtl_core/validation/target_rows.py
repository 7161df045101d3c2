"""Rows of every split with the columns of targets, weights and split only, for the check of a problem's data."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from mtl_core.config import Problem
from mtl_core.data.parts import Part
from mtl_core.data.split import SplitRows, Splitter
from mtl_core.validation.value_sets import ValueSets

__all__ = ["TargetRows"]

MAX_KEPT = 1 << 28
"""Maximum bytes of rows that are kept in memory between the passes; more are read again."""


class TargetRows:
    """Two passes over the rows, without those that validation quarantines for the value of a target."""

    def __init__(self, problem: Problem, sources: Sequence[Part], sets: ValueSets) -> None:
        self.problem, self.sources, self.sets = problem, sources, sets
        self.splitter = Splitter.of(problem, sources[0].shared)
        self.errors: list[str] = []
        """An error for each part with too many such rows, after the first pass."""
        self._kept: list[SplitRows] = []

    def first_pass(self) -> Iterator[SplitRows]:
        """The rows of every split; kept for the second pass where they are few."""
        self._kept, size = [], 0
        for name, rows in self._read(self.errors):
            size += rows.nbytes
            if size <= MAX_KEPT:
                self._kept.append((name, rows))
            yield name, rows
        if size > MAX_KEPT:
            self._kept.clear()

    def second_pass(self) -> Iterator[SplitRows]:
        """The same rows again."""
        yield from self._kept or self._read([])

    def _read(self, errors: list[str]) -> Iterator[SplitRows]:
        problem, limit = self.problem, self.problem.data.quarantine
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
            if quarantined > limit * rows:
                errors.append(
                    f"data.quarantine: at most {limit:.3%} of the rows of a part may be quarantined, "
                    f"found {quarantined:,} of {rows:,} of {part.name} with a target that the suite does not expect, "
                    f"such as {example}; repair the rows, or edit the suite and the task"
                )
