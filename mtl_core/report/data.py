"""Data of a run: features, splits, labels, and rows that validation quarantined."""

from collections import Counter

from mtl_core.report.outputs import task_report
from mtl_core.report.plots.figure import Table
from mtl_core.report.run import Run
from mtl_core.report.wording import integer, percent
from mtl_core.tasks import Objective


def features_by_kind(run: Run) -> dict[str, list[tuple[str, str]]]:
    """Kind -> (name, description of the fitted encoding)."""
    kinds: dict[str, list[tuple[str, str]]] = {}
    for feature in run.encoder.features:
        kinds.setdefault(feature.kind, []).append((feature.name, feature.describe()))
    return kinds


def rows_per_split(run: Run) -> dict[str, tuple[int, float]]:
    """Split -> its rows, and their share of all."""
    total = sum(map(len, run.splits.values()))
    return {name: (len(split), len(split) / total) for name, split in run.splits.items()}


def windows(run: Run) -> Table:
    """Times and rows per split; without rows for a split that is not by time."""
    rows = (
        (name, window.start or "the oldest row", window.end or "the newest row", integer(run.split_summary.rows[name]))
        for name, window in run.split_summary.windows.items()
    )
    return Table(head=("split", "from", "to before", "rows"), rows=tuple(rows))


def duplicates(run: Run) -> list[str]:
    """Counts of rows that equal a training row in every feature, a line per split that has any."""
    counts = ((name, rows, len(run.splits[name])) for name, rows in run.duplicates.items() if rows)
    return [f"{rows:,} of {total:,} {name} rows equal a training row in every feature." for name, rows, total in counts]


def labels_of(run: Run, task: Objective) -> Table:
    """Per split the labelled share of the rows, and the distribution of the labels."""
    labels = run.labels(task)
    distribution = task_report(run.outputs[task.name], task.reference_classes).label_distribution(labels)
    return Table(
        head=("split", "labelled", *distribution.head),
        rows=tuple(
            (name, percent(len(labels[name]) / len(split)), *cells)
            for (name, split), cells in zip(run.splits.items(), distribution.rows, strict=True)
        ),
    )


def quarantine_reasons(run: Run) -> Table:
    """Expectations that rows violated, the most frequent first, each with an example."""
    lines = run.quarantine.select(["column", "expectation", "value"]).to_pylist()
    counts = Counter((line["column"], line["expectation"]) for line in lines)
    examples = {(line["column"], line["expectation"]): line["value"] for line in reversed(lines)}
    rows = (
        (*key, "missing" if examples[key] is None else examples[key], integer(count))
        for key, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
    return Table(head=("column", "expectation", "example", "rows"), rows=tuple(rows))
