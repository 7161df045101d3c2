"""Comparison of candidate and champion on the same test rows, and the refusal of a worse candidate."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from flows.layout import Layout
from mtl_core.config import load_problem
from mtl_core.data.encoder import Encoder
from mtl_core.errors import PromotionRefused
from mtl_core.evaluation import Difference, compare
from mtl_core.export.matrices import input_matrices
from mtl_core.export.session import run_graph
from mtl_core.export.signature import changed_columns
from mtl_core.graphs.runtime import open_graph
from mtl_core.ragged import flat
from mtl_core.tasks import objectives


@dataclass(frozen=True, kw_only=True)
class ChampionComparison:
    """Differences between candidate and champion (None: there is none yet), and notes on tasks without a comparison."""

    champion: str | None
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()


def compare_models(folder: Path, candidate: str, champion: str, champion_folder: Path) -> ChampionComparison:
    """Run both graphs on the present test rows; each task's own metric, with a paired interval.

    Args:
        candidate, champion: their versions, for messages.
        champion_folder: the folder with the champion's graph and signature.

    Raises PromotionRefused if the champion cannot be run on these rows.
    """
    layout = Layout(folder)
    encoder = Encoder.load(layout.encoder)
    champion_signature = _read_json(champion_folder / layout.signature.name)
    candidate_signature = _read_json(layout.signature)
    columns = [entry["name"] for entry in champion_signature["inputs"]]
    if missing := changed_columns(encoder, champion_signature["inputs"]):
        raise PromotionRefused(
            f"champion {champion}: must be run on the test rows to be compared, and reads columns that the problem "
            f"no longer has, or has with another type: {', '.join(missing)}. The champion keeps serving; to promote "
            f"{candidate} without a comparison: `mtl promote {candidate}`"
        )
    champion_types, candidate_types = comparable_outputs(champion_signature), comparable_outputs(candidate_signature)
    common = [name for name, output_type in candidate_types.items() if champion_types.get(name) == output_type]
    tasks = [task for task in objectives(load_problem(folder).tasks, encoder.tasks) if task.name in common]
    table = pq.read_table(layout.encoded / "test.parquet")
    labels = {name: flat(values) for name, values in encoder.labels(table, exact=True).items()}
    champion_predictions, candidate_predictions = (
        run_graph(
            open_graph(graph.read_bytes()),
            table,
            inputs,
            common,
            sequences=encoder.sequences,
            matrices=input_matrices(signature),
        )
        for graph, inputs, signature in (
            (champion_folder / layout.graph.name, {name: encoder.inputs[name] for name in columns}, champion_signature),
            (layout.graph, encoder.inputs, candidate_signature),
        )
    )
    differences = compare(tasks, labels, champion_predictions, candidate_predictions)
    undefined = [f"{d.task} ({d.undefined} in the test split)" for d in differences if d.undefined]
    return ChampionComparison(
        champion=champion,
        differences=tuple(difference for difference in differences if not difference.undefined),
        notes=_notes(champion_types, candidate_types, undefined),
    )


def worse_tasks(comparison: ChampionComparison, tolerance: float) -> tuple[Difference, ...]:
    """The tasks that got significantly worse, by more than the tolerance."""
    # Written so that a difference of NaN counts as worse.
    return tuple(d for d in comparison.differences if not (d.difference >= -tolerance or d.high >= 0))


def refusal(comparison: ChampionComparison, candidate: str, tolerance: float, reasons: Sequence[str]) -> str:
    """Message for a candidate that is refused for those reasons, one per worse task."""
    return (
        f"candidate {candidate} is not promoted; no task may get significantly worse than champion "
        f"{comparison.champion}, by more than gates.worse_than_champion = {tolerance:g}, found {len(reasons)}:\n"
        + "\n".join(f"  {reason}" for reason in reasons)
        + f"\nchampion {comparison.champion} keeps serving, the candidate is kept as refused; improve it, raise "
        f"the gate, or overrule the refusal: `mtl promote {candidate} --overrule`"
    )


def comparable_outputs(signature: Any) -> dict[str, Any]:
    """Task -> its entry under `outputs` without the keys that may differ between models of the same task.

    float32 and float64 are compared as the same numbers, and no task's own metric depends on tuned thresholds.
    """
    ignored = ("dtype", "threshold", "thresholds")
    entries = ({key: entry[key] for key in entry if key not in ignored} for entry in signature["outputs"])
    return {entry["name"]: entry for entry in entries}


def difference_message(difference: Difference) -> str:
    """Sentence about a task that got worse."""
    return (
        f"{difference.task}: {difference.metric} {difference.candidate:.4g}, the champion's {difference.reference:.4g}"
        f"; worse by {-difference.difference:.4g}, 95% interval {-difference.high:.4g} to {-difference.low:.4g}"
    )


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _notes(champion: dict[str, Any], candidate: dict[str, Any], undefined: Sequence[str]) -> tuple[str, ...]:
    """Notes on the tasks that were not compared, from the output types of both models."""
    kinds: dict[str, Sequence[str]] = {
        "new, so not compared": [name for name in candidate if name not in champion],
        "redefined, so not compared": [n for n in candidate if n in champion and champion[n] != candidate[n]],
        "without a defined metric, so not compared": undefined,
        "no longer served": [name for name in champion if name not in candidate],
    }
    return tuple(f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names)
