"""Results on the test split that are too good to be true, and the features that may give the target away."""

from mtl_core.data.doubts import band_labels
from mtl_core.leaks import most_related
from mtl_core.report.metric_words import metric_title
from mtl_core.report.run import Run
from mtl_core.tasks import Objective

__all__ = ["perfection"]

PERFECT = 0.999
OF_ONE = frozenset(
    {
        *("accuracy", "auc", "label_ranking_average_precision", "macro_auc", "macro_f1", "micro_f1", "r2"),
        "weighted_kappa",
    }
)
"""Metrics that are 1 for a perfect prediction."""
EASY, MIN_ROWS = 0.99, 30
"""A baseline as good as that, or so few labelled test rows, make nothing of a perfect metric."""
LEAST = 0.5
"""Strength of the relation of a feature that is named."""


def perfection(run: Run, task: Objective, rows: int) -> str:
    """A question where one of the task's metrics is nearly perfect on so many labelled test rows; "" where none is."""
    if rows < MIN_ROWS or not task.options.targets:
        return ""
    for metric in (metric for metric in task.metrics if metric.name in OF_ONE):
        measured = run.evaluation[task.name][metric.name]
        value, baseline = measured["value"], measured["trivial"]
        if value is not None and value >= PERFECT and not (baseline or 0) >= EASY:
            return f"{metric_title(metric.name)} {value:.3f}: which feature gives it away?{_related(run, task)}"
    return ""


def _related(run: Run, task: Objective) -> str:
    features, target = run.problem.feature_columns, task.options.targets[0]
    table = run.test_rows([*features, *task.options.targets])
    labels = band_labels(task.options, table)
    if labels is not None:
        table = table.set_column(table.column_names.index(target), target, labels)
    found = [(name, one) for name, one in most_related(table, features, target) if one.strength >= LEAST]
    if not found:
        return ""
    return f" Most related to {target}: {', '.join(f'{name} ({one.words})' for name, one in found)}."
