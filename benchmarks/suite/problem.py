"""A problem of the suite: where its table comes from, what is predicted, what is left out, and how rows are split."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from suite.halves import Half
from suite.sources import CACHE, Example, Source
from suite.splits import Rule

SPLIT = "split"
"""Column with the split of a row."""
MAX_CLASSES = 50
"""Maximum distinct values of a classification target."""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """Declaration of a problem.

    A column is left out if it is a key of rows or subjects, known only after the targets, or another form of a target.
    The only other changes of a table are `derive` and the removal of labels of classes that no training row has.
    """

    name: str
    source: Source | Example
    targets: tuple[str, ...]
    """At most ten; of more labels of one kind, the first ones in the source's order."""
    split: Rule
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Reason -> columns."""
    derive: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table
    """The source's table -> one with the targets and features as columns."""
    features: tuple[str, ...] | None = None
    """None for all other columns."""


@dataclass(frozen=True)
class SuiteProblem:
    """A problem of the suite, and its half."""

    declared: Declaration
    half: Half

    @property
    def name(self) -> str:
        """The problem's name."""
        return self.declared.name

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict."""
        return self.declared.targets

    def table(self) -> Path:
        """Parquet file with the features, the targets and the column `split`; written if it does not exist."""
        path = CACHE / self.name / f"{self.name}.parquet"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            pending = path.with_suffix(".pending")
            pq.write_table(_table(self.declared), pending, compression="zstd")
            pending.replace(path)
        return path


def _table(declared: Declaration) -> pa.Table:
    raw = declared.derive(declared.source.read())
    splits = declared.split.splits(declared.name, raw)
    dropped = {column for columns in declared.left_out.values() for column in columns}
    if missing := (dropped | set(declared.targets) | set(declared.features or ())) - set(raw.columns):
        raise KeyError(f"{declared.name}: its source has no columns {sorted(missing)}")
    features = declared.features or tuple(c for c in raw.columns if c not in dropped | {*declared.targets, SPLIT})
    selected = raw[[*features, *declared.targets]].assign(**{SPLIT: splits})[splits.notna()]
    table = pa.Table.from_pandas(selected, preserve_index=False).replace_schema_metadata(None)
    for target in declared.targets:
        table = _drop_untrained_classes(table, target)
    return table


def _drop_untrained_classes(table: pa.Table, target: str) -> pa.Table:
    """Remove labels of classes that no training row has; regressions are unchanged."""
    values = table[target]
    trained = values.filter(pc.equal(table[SPLIT], "train")).unique()
    if len(values.unique()) > MAX_CLASSES:
        return table
    labels = pc.if_else(pc.is_in(values, trained), values, pa.scalar(None, values.type))
    return table.set_column(table.schema.get_field_index(target), target, labels)
