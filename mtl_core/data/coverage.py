"""Label coverage: the labels of validation and test must define the metrics that early stopping and the gates measure.

A split without them is an error before training: the task could never stop, or its gates could not be measured. An
unsupervised task needs no labels, unless a gate limits a metric that does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtl_core.config import Problem
from mtl_core.data.array_files import map_array
from mtl_core.data.encoder import Encoder
from mtl_core.data.split import SPLITS, SplitName
from mtl_core.errors import DataError
from mtl_core.ragged import flat
from mtl_core.tasks import Codec, LabelValues

Requirement = tuple[str, str]
"""A metric, and the path in params.yaml that requires it."""


@dataclass(frozen=True, kw_only=True)
class LabelCoverage:
    """Labels of one task per split."""

    codec: Codec
    labels: Mapping[SplitName, LabelValues]
    """The labels of the labelled rows of the validation and test split."""
    rows: Mapping[SplitName, int]
    labelled: Mapping[SplitName, int]
    """Labelled rows of every split, or labelled items where metrics count items."""

    @property
    def counts(self) -> str:
        """The counts of every split, as text."""
        if self.codec.counts_items:
            return "labelled items: " + ", ".join(f"{count:,} {split}" for split, count in self.labelled.items())
        counts = (f"{count:,} of {self.rows[split]:,} {split}" for split, count in self.labelled.items())
        return f"labelled: {', '.join(counts)} rows"


def check_coverage(problem: Problem, encoder: Encoder, encoded: Path, splits: Sequence[SplitName] = SPLITS) -> None:
    """Check the labels of encoded splits, below the folder `encoded`.

    Args:
        splits: the splits whose labels are checked.

    Raises:
        DataError: a line per task and metric without sufficient labels.
    """
    errors: list[str] = []
    for codec in encoder.tasks:
        labels, rows = {}, {}
        for split in splits:
            array = map_array(encoded / split / "labels", codec.name, codec.block)
            rows[split] = len(array)
            (labels[split],) = codec.select_labelled(flat(array))
        labelled = {split: len(of_split) for split, of_split in labels.items()}
        errors += coverage_errors(problem, LabelCoverage(codec=codec, labels=labels, rows=rows, labelled=labelled))
    if errors:
        raise DataError("\n".join(errors))


def coverage_errors(problem: Problem, coverage: LabelCoverage) -> Iterator[str]:
    """A line per required metric of a task that the labels leave undefined."""
    name, gates = coverage.codec.name, problem.gates
    options = problem.tasks[name]
    stopping = (options.metric_named(options.metric).name, f"tasks.{name}.metric")
    required = [(metric, f"gates.metrics.{name}.{metric}") for metric in gates.limits_of(name)]
    if not options.unsupervised:
        yield from _undefined(problem, coverage, "validation", [stopping])
        required = required if gates.baseline_rule(name) == "ignore" else [stopping, *required]
    if "test" in coverage.labels:
        yield from _undefined(problem, coverage, "test", required)


def _undefined(
    problem: Problem, coverage: LabelCoverage, split: SplitName, required: Sequence[Requirement]
) -> Iterator[str]:
    name, target, labels = coverage.codec.name, coverage.codec.target, coverage.labels[split]
    purpose = "to stop on" if split == "validation" else "for its gates"
    if required and not len(labels):
        yield (
            f"tasks.{name}: the {split} split must have labels {purpose}, found none in {target!r} "
            f"({coverage.counts}); change the split so that it has some, or {_opt_out(name, split, required)}"
        )
        return
    for metric in dict.fromkeys(metric for metric, _ in required):
        if reason := problem.tasks[name].metric_named(metric).undefined(labels):
            of_metric = [requirement for requirement in required if requirement[0] == metric]
            yield (
                f"{of_metric[0][1]}: {metric} must be defined on the {split} split, found {reason} in {target!r} "
                f"({coverage.counts}); change the split or the metric, or {_opt_out(name, split, of_metric)}"
            )


def _opt_out(task: str, split: SplitName, required: Sequence[Requirement]) -> str:
    """The change of params.yaml with which no such labels are required."""
    if split == "validation":
        return "leave the task out"
    lines = (f"{path}: null" if path.startswith("gates.") else f"gates.baseline.{task}: ignore" for _, path in required)
    return "switch its gates off: " + " and ".join(f"`{line}`" for line in lines)
