"""The section on which tasks belong together. Pure functions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from mtl_core.report.forms import Figure
from mtl_core.report.run import Run
from mtl_core.report.studies.task_pictures import Pairs, matrix, scale_of, task_map
from mtl_core.report.theme import svg
from mtl_core.report.wording import NOTHING, number, places, rounded
from mtl_core.studies.relatedness import Relatedness, Vectors, mean_relations

__all__ = ["Section", "affinity_figure", "decimals_of", "section", "vectors_figure"]

SHOWN = 6
"""Of the partitions; the file has all."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """What its template tells."""

    studied: bool
    """Whether there is a study, or only what the model's own training told."""
    current: bool
    """Whether the study was measured on what is declared now."""
    command: str
    """That made the study; "" where there is none."""
    figures: tuple[Figure, ...]
    groupings: tuple[tuple[str, str, str], ...]
    """A line for each number of networks: that number, who is with whom, the sum of the affinities."""
    exact: bool
    """Whether the partitions are the best that there are."""


def decimals_of(study: Relatedness) -> int:
    """That show two digits of the largest affinity between two tasks, in percent."""
    between = [abs(value) for a, others in study.affinity.items() for b, value in others.items() if a != b]
    return places(100 * max(between, default=0.0))


def section(run: Run) -> Section | None:
    """None where there is no study, and the training was not watched either."""
    study, figures = run.relatedness, list[Figure]()
    if study is not None:
        figures += [affinity_figure(study), _cosine_figure("Gradients in the study", study.tasks, study.cosine)]
        figures += [vectors_figure(study.vectors)] if study.vectors else []
    own = mean_relations(epoch.relatedness for epoch in run.outcome.epochs)
    if own.cosines:
        tasks = tuple(task.name for task in run.encoder.tasks)
        figures.append(_cosine_figure("Gradients in the training of this model", tasks, own.cosines))
    if not figures:
        return None
    return Section(
        studied=study is not None,
        current=study is None or run.is_current(study.made),
        command=study.made.command if study else "",
        figures=tuple(figures),
        groupings=tuple(_groupings(study)) if study else (),
        exact=study is None or all(grouping.exact for grouping in study.groupings),
    )


def affinity_figure(study: Relatedness) -> Figure:
    """What a step for each task alone does to every other."""
    scale = scale_of(study.affinity)
    ten = _percent(10.0 ** (1 - scale))
    return Figure(
        title="What a step for one task does to another",
        caption=(
            "The task of the row takes one training step alone; the number says how much of its loss the task of the "
            f"column loses by that, so blue helps and orange harms. 10 stands for {ten} of the loss. "
            f"Means over {study.probes:,} looks during the training."
        ),
        svg=svg(
            matrix(study.tasks, study.affinity, scale=scale),
            f"Affinity of each of {len(study.tasks)} tasks to each other; {_best_and_worst(study)}",
        ),
        head=("source", *study.tasks),
        rows=tuple(_rows(study.tasks, study.affinity, decimals_of(study), percent=True)),
    )


def vectors_figure(vectors: Vectors) -> Figure:
    """Where the tasks' vectors lie."""
    tasks = tuple(vectors.map)
    pairs = _mirrored(vectors.distances)
    return Figure(
        title="Map of the tasks",
        caption=(
            "Each task learned a vector that adapts the shared layers to it. Tasks that are near each other asked for "
            "alike ones. Directions mean nothing, and the plane shows distances as well as two dimensions can."
        ),
        svg=svg(task_map(vectors.map), f"Map of {len(tasks)} tasks by the distances of their learned vectors"),
        head=("distance", *tasks),
        rows=tuple(_rows(tasks, pairs, 2)),
    )


def _cosine_figure(title: str, tasks: Sequence[str], cosines: Pairs) -> Figure:
    pairs = _mirrored(cosines)
    return Figure(
        title=title,
        caption=(
            "The cosine of the gradients of two tasks on what they share, in hundredths. Blue: they pull the same way; "
            "orange: against each other; near 0: they have little to do with each other."
        ),
        svg=svg(matrix(tasks, pairs, scale=2), f"Cosines of the gradients of {len(tasks)} tasks, pair by pair"),
        head=("cosine", *tasks),
        rows=tuple(_rows(tasks, pairs, 2)),
    )


def _groupings(study: Relatedness) -> list[tuple[str, str, str]]:
    decimals = decimals_of(study)
    return [
        (
            str(len(grouping.networks)),
            " | ".join(", ".join(network) for network in grouping.networks),
            rounded(grouping.total * 100, decimals) + "%",
        )
        for grouping in study.groupings[:SHOWN]
    ]


def _rows(tasks: Sequence[str], pairs: Pairs, decimals: int, *, percent: bool = False) -> Iterator[tuple[str, ...]]:
    factor, unit = (100, "%") if percent else (1, "")
    for a in tasks:
        values = [pairs.get(a, {}).get(b) for b in tasks]
        yield (a, *(NOTHING if value is None else rounded(factor * value, decimals) + unit for value in values))


def _mirrored(pairs: Pairs) -> dict[str, dict[str, float]]:
    """With the later task first too."""
    whole = {a: dict(others) for a, others in pairs.items()}
    for a, others in pairs.items():
        for b, value in others.items():
            whole.setdefault(b, {})[a] = value
    return whole


def _percent(share: float) -> str:
    return f"{number(share * 100)}%"


def _best_and_worst(study: Relatedness) -> str:
    known = [
        (study.affinity[a][b], a, b)
        for a, b in product(study.tasks, study.tasks)
        if a != b and b in study.affinity.get(a, {})
    ]
    if not known:
        return "none is known"
    (most, best, helped), (least, worst, harmed) = max(known), min(known)
    return f"most from {best} to {helped} ({_percent(most)}), least from {worst} to {harmed} ({_percent(least)})"
