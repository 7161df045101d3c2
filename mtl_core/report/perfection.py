"""Nearly perfect results on the test split, and the features most related to the target."""

from mtl_core.leaks import most_related
from mtl_core.report.metric_words import metric_title
from mtl_core.report.run import Run
from mtl_core.tasks import Objective
from mtl_core.tasks.bands import band_labels

__all__ = ["perfection"]

PERFECT = 0.999
BEST_IS_ONE = frozenset(
    {
        *("accuracy", "auc", "balanced_accuracy", "f1", "label_ranking_average_precision", "macro_auc", "macro_f1"),
        *("micro_f1", "r2", "weighted_kappa"),
    }
)
"""Metrics that are 1 for a perfect prediction."""
MAX_BASELINE, MIN_ROWS = 0.99, 30
"""With a better baseline, or fewer labelled test rows, a perfect metric is no surprise."""
MIN_STRENGTH = 0.5
"""Minimum strength of the relation of a feature that is named."""


def perfection(run: Run, task: Objective, rows: int) -> str:
    """A question where one of the task's metrics is nearly perfect on so many labelled test rows; "" where none is."""
    if rows < MIN_ROWS or not task.options.targets:
        return ""
    for metric in (metric for metric in task.metrics if metric.name in BEST_IS_ONE):
        measured = run.evaluation[task.name][metric.name]
        value, baseline = measured["value"], measured["trivial"]
        if value is not None and value >= PERFECT and not (baseline or 0) >= MAX_BASELINE:
            return f"{metric_title(metric.name)} {value:.3f}: which feature gives it away?{_related(run, task)}"
    return ""


def _related(run: Run, task: Objective) -> str:
    features, target = list(run.encoder.inputs), task.options.targets[0]
    table = run.test_rows([*features, *task.options.targets])
    labels = band_labels(task.options, table)
    if labels is not None:
        table = table.set_column(table.column_names.index(target), target, labels)
    found = [(name, one) for name, one in most_related(table, features, target) if one.strength >= MIN_STRENGTH]
    if not found:
        return ""
    return f" Most related to {target}: {', '.join(f'{name} ({one.words})' for name, one in found)}."
