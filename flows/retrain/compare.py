"""Comparison of candidate and champion on the same test rows, and the refusal of a candidate that is worse."""

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
from mtl_core.export.matrices import Matrix
from mtl_core.export.session import Session, open_graph, run_graph
from mtl_core.ragged import flat
from mtl_core.tasks import objectives


@dataclass(frozen=True, kw_only=True)
class ChampionComparison:
    """Differences between candidate and champion (None: there is none yet), and notes on tasks without a comparison."""

    champion: str | None
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()


def compare_models(folder: Path, candidate: str, tag: str, champion: Path) -> ChampionComparison:
    """Run both graphs on the present test rows; each task's own metric, with a paired interval.

    Args:
        candidate, tag: versions of the candidate and the champion, for messages.
        champion: the folder with its graph and signature.

    Raises PromotionRefused where the champion cannot be run on these rows.
    """
    layout = Layout(folder)
    encoder = Encoder.load(layout.encoder)
    theirs, ours = (_signature(path) for path in (champion / layout.signature.name, layout.signature))
    served = {name: {"name": name, **kind.signature()} for name, kind in encoder.inputs.items()}
    # How text was read is no matter here: the rows have their types.
    columns = {entry["name"]: {key: entry[key] for key in entry if key != "text"} for entry in theirs["inputs"]}
    if lost := [name for name, entry in columns.items() if served.get(name) != entry]:
        raise PromotionRefused(
            f"champion {tag}: must be run on the test rows to be compared, and reads columns that the problem "
            f"no longer has, or has with another type: {', '.join(lost)}. The champion keeps serving; to take "
            f"{candidate} without a comparison: `mtl promote {candidate}`"
        )
    outputs = forms(theirs)
    same = [name for name, form in forms(ours).items() if outputs.get(name) == form]
    tasks = [task for task in objectives(load_problem(folder).tasks, encoder.tasks) if task.name in same]
    table = pq.read_table(layout.encoded / "test.parquet")
    labels = {name: flat(values) for name, values in encoder.labels(table, exact=True).items()}
    read = {name: encoder.inputs[name] for name in columns}
    champion_says, candidate_says = (
        run_graph(_open(graph), table, inputs, same, sequences=encoder.sequences, matrices=input_matrices(signature))
        for graph, inputs, signature in (
            (champion / layout.graph.name, read, theirs),
            (layout.graph, encoder.inputs, ours),
        )
    )
    differences = compare(tasks, labels, champion_says, candidate_says)
    undefined = [f"{d.task} ({d.undefined} in the test split)" for d in differences if d.undefined]
    return ChampionComparison(
        champion=tag,
        differences=tuple(difference for difference in differences if not difference.undefined),
        notes=_notes(outputs, forms(ours), undefined),
    )


def worse_tasks(comparison: ChampionComparison, allowed: float | None) -> tuple[Difference, ...]:
    """The tasks that got worse by more than `allowed` and beyond chance; none where `allowed` is None."""
    if allowed is None:
        return ()
    # A difference that is not a number is no proof of anything, least of all that nothing got worse.
    return tuple(d for d in comparison.differences if not (d.difference >= -allowed or d.high >= 0))


def refuse_worse(comparison: ChampionComparison, candidate: str, allowed: float | None) -> None:
    """Raises PromotionRefused, naming every task that got worse by more than `allowed` and beyond chance."""
    if worse := worse_tasks(comparison, allowed):
        raise PromotionRefused(
            f"candidate {candidate} is not promoted; no task may get worse than champion {comparison.champion} by more "
            f"than gates.worse_than_champion = {allowed:g} and beyond chance, and {len(worse)} did:\n"
            + "\n".join(f"  {difference_words(difference)}" for difference in worse)
            + f"\nchampion {comparison.champion} keeps serving, the candidate is kept as refused; improve it, raise "
            f"the gate, or overrule the refusal: `mtl promote {candidate} --overrule`"
        )


def _open(graph: Path) -> Session:
    return open_graph(graph.read_bytes())


def _signature(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def input_matrices(signature: Any) -> list[Matrix]:
    """The matrices among a graph's inputs; none before format 4, nor where its columns are few."""
    return [Matrix(name=entry["name"], columns=tuple(entry["columns"])) for entry in signature.get("matrices", ())]


def forms(signature: Any) -> dict[str, Any]:
    """Task -> its entry under `outputs` without the parts that may differ between models of the same task.

    float32 and float64 are compared as the same numbers, and no task's own metric depends on tuned thresholds.
    """
    ignored = ("dtype", "threshold", "thresholds")
    entries = ({key: entry[key] for key in entry if key not in ignored} for entry in signature["outputs"])
    return {entry["name"]: entry for entry in entries}


def difference_words(found: Difference) -> str:
    """A difference for the worse, as a sentence."""
    return (
        f"{found.task}: {found.metric} {found.candidate:.4g}, the champion's {found.champion:.4g}; worse by "
        f"{-found.difference:.4g}, 95% interval {-found.high:.4g} to {-found.low:.4g}"
    )


def _notes(champion: dict[str, Any], candidate: dict[str, Any], undefined: Sequence[str]) -> tuple[str, ...]:
    kinds: dict[str, Sequence[str]] = {
        "new, so not compared": [name for name in candidate if name not in champion],
        "redefined, so not compared": [n for n in candidate if n in champion and champion[n] != candidate[n]],
        "without a defined metric, so not compared": undefined,
        "no longer served": [name for name in champion if name not in candidate],
    }
    return tuple(f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names)
