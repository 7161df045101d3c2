"""What the model learned from: features, splits, labels, and rows that validation quarantined. Pure functions."""

from collections import Counter
from dataclasses import dataclass

from mtl_core.config import ROW, HashSplit, Problem, TimeSplit
from mtl_core.data.split import SPLITS
from mtl_core.report.forms import form_for
from mtl_core.report.run import Run
from mtl_core.report.wording import percent
from mtl_core.tasks import Objective

__all__ = ["Coverage", "coverage", "duplicate_words", "features_by_kind", "reasons", "rows_per_split", "split_words"]


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How much of each split is labelled for a task, and what the labels are."""

    task: str
    unit: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, float, tuple[str, ...]], ...]
    """(split, share labelled, cells of the spread)"""


def features_by_kind(run: Run) -> dict[str, list[tuple[str, str]]]:
    """Kind -> (name, what was learned of it)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for feature in run.encoder.features:
        found.setdefault(feature.kind, []).append((feature.name, feature.describe()))
    return found


def rows_per_split(run: Run) -> dict[str, tuple[int, float]]:
    """Split -> its rows, and their share of all."""
    rows = {name: len(split) for name, split in run.splits.items()}
    return {name: (count, count / sum(rows.values())) for name, count in rows.items()}


def duplicate_words(run: Run) -> str:
    """Rows of validation and test that equal a training row, in one sentence; "" without any."""
    found = [f"{rows:,} of the {len(run.splits[name]):,} {name} rows" for name, rows in run.duplicates.items() if rows]
    return f"{' and '.join(found)} equal a training row in every feature." if found else ""


def split_words(problem: Problem) -> str:
    """How rows were dealt out."""
    split = problem.split
    if isinstance(split, TimeSplit):
        return (
            f"By time: {split.column} before {split.validation} trains, from {split.test} on tests, what lies between "
            "validates."
        )
    if isinstance(split, HashSplit):
        key = "the row" if split.column == ROW else split.column
        together = "equal rows" if split.column == ROW else f"the rows of one {key}"
        return (
            f"By a hash of {key}, so that {together} stay together: {percent(split.validation)} validate, "
            f"{percent(split.test)} test."
        )
    train, validation, test = (" or ".join(map(repr, split.parts.get(part, ()))) for part in SPLITS)
    if isinstance(split.validation, float):
        validates = f"{percent(split.validation)} of that, by a hash of {split.key}, validates"
    else:
        validates = f"{validation} validates"
    return f"By the column {split.column}: {train} trains, {validates}, {test} tests."


def coverage(run: Run, task: Objective) -> Coverage:
    """The task's labels, split by split."""
    labels = run.labels(task)
    balance = form_for(run, task).balance(labels)
    return Coverage(
        task=task.name,
        unit=balance.unit,
        head=balance.head,
        rows=tuple((name, len(labels[name]) / len(split), balance.rows[name]) for name, split in run.splits.items()),
    )


def reasons(run: Run) -> list[tuple[str, str, str, str]]:
    """Column, expectation, an example and the number of rows quarantined for it; the commonest first."""
    lines = run.quarantine.select(["column", "expectation", "value"]).to_pylist()
    counts = Counter((line["column"], line["expectation"]) for line in lines)
    examples = {(line["column"], line["expectation"]): line["value"] for line in reversed(lines)}
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(*key, "missing" if examples[key] is None else examples[key], f"{count:,}") for key, count in ordered]
