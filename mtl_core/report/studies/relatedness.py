"""Section on the relatedness of tasks: affinities, gradient cosines, task vectors, groupings."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.report.plots.figure import Figure, Table, draw, heat_map
from mtl_core.report.run import Run
from mtl_core.report.theme import ACCENT, INK, WIDTH, data
from mtl_core.report.wording import affinity_decimal_places, rounded
from mtl_core.studies.relatedness.record import Relatedness, Vectors
from mtl_core.studies.relatedness.study import mean_relatedness

Pairs = Mapping[str, Mapping[str, float]]

_MAX_GROUPINGS = 6
"""Maximum number of groupings shown; the study's file has all."""


def section(run: Run) -> dict[str, Any] | None:
    """Variables of the template; None without a study and without measurements in the model's training."""
    study, figures = run.relatedness, list[Figure]()
    if study:
        figures += [affinity_figure(study), _cosine_figure("Gradient cosines (study)", study.tasks, study.cosine)]
        figures += [vectors_figure(study.vectors)] if study.vectors else []
    in_training = mean_relatedness(epoch.relatedness for epoch in run.training.epochs)
    if in_training.cosines:
        tasks = tuple(task.name for task in run.encoder.tasks)
        figures.append(_cosine_figure("Gradient cosines (training of this model)", tasks, in_training.cosines))
    groupings, decimals = (study.groupings, affinity_decimal_places(study.affinity)) if study else ((), 0)
    rows = (
        (str(len(g.networks)), " | ".join(map(", ".join, g.networks)), f"{rounded(g.total * 100, decimals)}%")
        for g in groupings[:_MAX_GROUPINGS]
    )
    variables = {
        "study": study,
        "current": study is None or run.is_current(study.provenance),
        "figures": figures,
        "groupings": Table(head=("networks", "tasks", "total affinity"), rows=tuple(rows)),
        "exact": all(grouping.exact for grouping in groupings),
    }
    return variables if figures else None


def affinity_figure(study: Relatedness) -> Figure:
    """Affinity of every ordered pair of tasks, in percent."""
    return _pair_figure(
        "Task affinity",
        "Percent of its loss that the task of the column loses by a step for the task of the row alone. Blue: helps; "
        f"orange: harms. Mean of {study.measurements:,} measurements.",
        *(study.tasks, 100 * _matrix(study.tasks, study.affinity), affinity_decimal_places(study.affinity), "%"),
    )


def vectors_figure(vectors: Vectors) -> Figure:
    """Map of the tasks by their learned vectors."""
    tasks = tuple(vectors.map)
    x, y = zip(*vectors.map.values(), strict=True)
    span = 1.5 * (max(max(x) - min(x), max(y) - min(y)) or 1.0)  # of both axes, with room for the names
    left, bottom = min(x) - span / 12, (min(y) + max(y) - span) / 2
    x_scale, y_scale = (alt.Scale(domain=[start, start + span], nice=False) for start in (left, bottom))
    base = alt.Chart(data(x=x, y=y, task=tasks)).encode(
        x=alt.X("x:Q", axis=None, scale=x_scale), y=alt.Y("y:Q", axis=None, scale=y_scale)
    )
    dots = base.mark_point(filled=True, color=ACCENT, size=80, opacity=1)
    names = base.mark_text(align="left", dx=8, angle=335, color=INK, fontSize=12, limit=110).encode(text="task:N")
    distances = _matrix(tasks, vectors.distances, mirrored=True)
    return draw(
        "Task vectors",
        "Distances between the tasks' learned vectors in two dimensions; the axes have no meaning. Close tasks adapt "
        "the shared layers alike.",
        alt.layer(dots, names).properties(width=WIDTH + 40, height=WIDTH + 40),
        ("distance", tasks),
        *((task, [rounded(value, 2) for value in line]) for task, line in zip(tasks, distances.T, strict=True)),
    )


def _cosine_figure(title: str, tasks: Sequence[str], cosines: Pairs) -> Figure:
    caption = "Cosine of two tasks' gradients on the shared parameters. Blue: same direction; orange: opposed."
    return _pair_figure(title, caption, tasks, _matrix(tasks, cosines, mirrored=True), 2)


def _pair_figure(
    title: str, caption: str, tasks: Sequence[str], values: NDArray[np.float64], decimals: int, unit: str = ""
) -> Figure:
    texts = np.array([[rounded(value, decimals) for value in line] for line in values])
    without_diagonal = np.where(np.eye(len(tasks), dtype=bool), np.nan, values)
    cells = np.where(np.isnan(values), texts, np.char.add(texts, unit))
    columns = ((task, line.tolist()) for task, line in zip(tasks, cells.T, strict=True))
    return draw(title, caption, heat_map(tasks, tasks, without_diagonal, texts), ("task", tasks), *columns)


def _matrix(tasks: Sequence[str], pairs: Pairs, *, mirrored: bool = False) -> NDArray[np.float64]:
    """(tasks, tasks) values, NaN for an unknown pair; with `mirrored` a pair has one value in both orders."""
    values = np.array([[pairs.get(a, {}).get(b, np.nan) for b in tasks] for a in tasks])
    return np.where(np.isnan(values), values.T, values) if mirrored else values
