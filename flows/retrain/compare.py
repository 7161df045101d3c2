"""Comparison of candidate and champion on the same test rows: tasks, slices, churn, and what cannot be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flows.layout import Layout
from mtl_core.churn import Churn, churn
from mtl_core.config import Problem, load_problem
from mtl_core.data.encoder import Encoder
from mtl_core.errors import DataError
from mtl_core.evaluation import Arrays, Difference, compare
from mtl_core.export.exported_model import ExportedModel
from mtl_core.ragged import flat
from mtl_core.slice_comparison import compare_slices
from mtl_core.slices import SliceComparison, slices_of
from mtl_core.tasks import Objective, objectives
from mtl_core.tasks.decisions import DecisionObjective

NO_SLICES = SliceComparison()


@dataclass(frozen=True, kw_only=True)
class ChampionComparison:
    """Differences between candidate and champion (None: there is none yet), and notes on tasks without a comparison."""

    champion: str | None
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    churn: tuple[Churn, ...] = ()
    """Changed predictions per compared task."""
    slices: SliceComparison = NO_SLICES
    schema_changes: tuple[str, ...] = ()
    """Reasons why the champion's inputs or outputs do not fit the problem."""


def compare_models(folder: Path, champion: str, champion_folder: Path) -> ChampionComparison:
    """Run both graphs on the present test rows; each task's own metric, with a paired interval.

    Args:
        champion: its version.
        champion_folder: the folder with the champion's graph and signature.
    """
    layout, problem = Layout(folder), load_problem(folder)
    encoder = Encoder.load(layout.encoder)
    old, new = ExportedModel.read(champion_folder), ExportedModel.read(layout.graph.parent)
    if missing := old.changed_columns(encoder):
        change = f"it reads columns that no feature reads any more, or as another type: {', '.join(missing)}"
        note = f"champion {champion} cannot be run on the test rows, so no task was compared"
        return ChampionComparison(champion=champion, notes=(note,), schema_changes=(change,))
    old_types, new_types = old.outputs, new.outputs
    common = [name for name, output_type in new_types.items() if old_types.get(name) == output_type]
    tasks = [task for task in objectives(problem.tasks, encoder.tasks) if task.name in common]
    table = pq.read_table(layout.encoded / "test.parquet")
    before, after = (model.predict(table, encoder, common) for model in (old, new))
    label_columns = encoder.labels(table, exact=True)
    labels = {name: flat(values) for name, values in label_columns.items()}
    differences = compare(tasks, labels, before, after)
    undefined = [f"{d.task} ({d.undefined} in the test split)" for d in differences if d.undefined]
    schema_changes = _schema_changes(old_types, new_types)
    return ChampionComparison(
        champion=champion,
        differences=tuple(difference for difference in differences if not difference.undefined),
        notes=_notes(old_types, new_types, undefined),
        churn=churn(_as_served(tasks, old.signature), _as_served(tasks, new.signature), labels, before, after),
        slices=_compare_slices(problem, tasks, table, label_columns, before, after),
        schema_changes=schema_changes,
    )


def _compare_slices(
    problem: Problem, tasks: Sequence[Objective], table: pa.Table, labels: Mapping[str, Any], old: Arrays, new: Arrays
) -> SliceComparison:
    """Comparison in the slices of `gates.slices`, of the tasks that these have a margin for."""
    gates = problem.gates
    if gates.slices is None:
        return NO_SLICES
    if missing := [column for column in gates.slices.columns if column not in table.column_names]:
        raise DataError(
            f"gates.slices: columns must be among the encoded test rows, found no {', '.join(missing)}; run prepare"
        )
    slices, left_out = slices_of(table, gates.slices.columns)
    compared = [task for task in tasks if gates.slice_margin(task.name) is not None]
    comparison = compare_slices(compared, labels, old, new, slices, min_rows=gates.slices.min_rows)
    return SliceComparison(differences=comparison.differences, left_out=(*left_out, *comparison.left_out))


def _as_served(tasks: Sequence[Objective], signature: Mapping[str, Any]) -> list[Objective]:
    """The objectives with the thresholds at which a model decides, which are tuned for each model."""
    entries = {entry["name"]: entry for entry in signature["outputs"]}
    return [_with_thresholds(task, entries[task.name]) for task in tasks]


def _with_thresholds(task: Objective, entry: Mapping[str, Any]) -> Objective:
    thresholds = entry.get("thresholds") or ([entry["threshold"]] if entry.get("threshold") is not None else [])
    return task.with_thresholds(tuple(thresholds)) if thresholds and isinstance(task, DecisionObjective) else task


def _notes(champion: dict[str, Any], candidate: dict[str, Any], undefined: Sequence[str]) -> tuple[str, ...]:
    """Notes on the tasks that were not compared, from the output types of both models."""
    kinds: dict[str, Sequence[str]] = {
        "new, so not compared": [name for name in candidate if name not in champion],
        "redefined, so not compared": [n for n in candidate if n in champion and champion[n] != candidate[n]],
        "without a defined metric, so not compared": undefined,
        "no longer served": [name for name in champion if name not in candidate],
    }
    return tuple(f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names)


def _schema_changes(champion: dict[str, Any], candidate: dict[str, Any]) -> tuple[str, ...]:
    """Clauses about tasks that only one of the models has, or that they define differently."""
    kinds: dict[str, list[str]] = {
        "it lacks": [name for name in candidate if name not in champion],
        "it has another definition of": [n for n in candidate if n in champion and champion[n] != candidate[n]],
        "it has the removed": [name for name in champion if name not in candidate],
    }
    return tuple(f"{kind} {', '.join(names)}" for kind, names in kinds.items() if names)
