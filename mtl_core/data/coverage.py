"""Label coverage: the labels of validation and test must define the metrics that early stopping and the gates measure.

A split without them is refused before training: the task could never stop, or its gates could not be measured. An
unsupervised task needs no labels, unless a limit is set on a metric that does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtl_core.config import Problem
from mtl_core.data.encoder import Encoder
from mtl_core.data.split import SPLITS, SplitName
from mtl_core.data.writer import OFFSETS, VALUES
from mtl_core.errors import DataError
from mtl_core.files import intact
from mtl_core.tasks import Codec, LabelValues

Need = tuple[str, str]
"""A metric, and the path in params.yaml that asks for it."""


@dataclass(frozen=True, kw_only=True)
class LabelCoverage:
    """Labels of one task per split."""

    codec: Codec
    known: Mapping[SplitName, LabelValues]
    """The known labels of the validation and test split."""
    rows: Mapping[SplitName, int]
    labelled: Mapping[SplitName, int]
    """Labelled rows of every split; for a task of level token items."""

    @property
    def words(self) -> str:
        """The counts of every split."""
        if self.codec.sequence:
            return "labelled items: " + ", ".join(f"{count:,} {split}" for split, count in self.labelled.items())
        counts = (f"{count:,} of {self.rows[split]:,} {split}" for split, count in self.labelled.items())
        return f"labelled: {', '.join(counts)} rows"


def check_coverage(problem: Problem, encoder: Encoder, encoded: Path, splits: Sequence[SplitName] = SPLITS) -> None:
    """Check the labels of encoded splits, below the folder `encoded`.

    Args:
        splits: the splits whose labels are read; without the test split nothing is asked of it.

    Raises:
        DataError: a line per task and metric that they do not suffice for.
    """
    errors: list[str] = []
    for codec in encoder.tasks:
        known, rows = {}, {}
        for split in splits:
            with intact(encoded / split / "labels" / codec.name):
                labels, rows[split] = _stored_labels(encoded / split / "labels", codec)
            known[split] = labels[codec.labelled(labels)]
        labelled = {split: len(labels) for split, labels in known.items()}
        errors += coverage_errors(problem, LabelCoverage(codec=codec, known=known, rows=rows, labelled=labelled))
    if errors:
        raise DataError("\n".join(errors))


def coverage_errors(problem: Problem, coverage: LabelCoverage) -> Iterator[str]:
    """A line per metric of a task that is needed, and that the labels leave undefined."""
    name, gates = coverage.codec.name, problem.gates
    options = problem.tasks[name]
    own = (options.metric_named(options.metric).name, f"tasks.{name}.metric")
    needed = [(metric, f"gates.metrics.{name}.{metric}") for metric in gates.limits_of(name)]
    if not options.unsupervised:
        yield from _undefined(problem, coverage, "validation", [own])
        needed = needed if gates.baseline_rule(name) == "ignore" else [own, *needed]
    if "test" in coverage.known:
        yield from _undefined(problem, coverage, "test", needed)


def _undefined(problem: Problem, coverage: LabelCoverage, split: SplitName, needed: Sequence[Need]) -> Iterator[str]:
    name, target, labels = coverage.codec.name, coverage.codec.target, coverage.known[split]
    purpose = "to stop on" if split == "validation" else "for its gates"
    if needed and not len(labels):
        yield (
            f"tasks.{name}: the {split} split must have labels {purpose}, found none in {target!r} ({coverage.words}); "
            f"change the split so that it has some, or {_without(name, split, needed)}"
        )
        return
    for metric in dict.fromkeys(metric for metric, _ in needed):
        if why := problem.tasks[name].metric_named(metric).undefined(labels):
            needs = [need for need in needed if need[0] == metric]
            yield (
                f"{needs[0][1]}: {metric} must be defined on the {split} split, found {why} in {target!r} "
                f"({coverage.words}); change the split or the metric, or {_without(name, split, needs)}"
            )


def _without(task: str, split: SplitName, needed: Sequence[Need]) -> str:
    """The way out where the data have no such labels: what to change in params.yaml, so that none are needed."""
    if split == "validation":
        return "leave the task out"
    lines = (f"{path}: null" if path.startswith("gates.") else f"gates.baseline.{task}: ignore" for _, path in needed)
    return "switch its gates off: " + " and ".join(f"`{line}`" for line in lines)


def _stored_labels(folder: Path, codec: Codec) -> tuple[LabelValues, int]:
    """(n, ...) labels that a SplitWriter wrote, for level token of all items; and the number of rows."""
    block = codec.block
    if block is None or not block.ragged:
        labels = np.load(folder / f"{codec.name}.npy", mmap_mode="r", allow_pickle=False)
        return labels, len(labels)
    offsets = np.load(folder / f"{codec.name}{OFFSETS}", allow_pickle=False)
    shape = (int(offsets[-1]), *block.shape)
    if not shape[0]:  # nothing can be mapped
        return np.zeros(shape, block.dtype), len(offsets) - 1
    return np.memmap(folder / f"{codec.name}{VALUES}", block.dtype, mode="r", shape=shape), len(offsets) - 1
