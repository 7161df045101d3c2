"""Results of a task on the test split: metrics, figures, and a warning of a possible leak."""

from typing import Any

from mtl_core.checks import CheckOutcome
from mtl_core.leaks import most_related
from mtl_core.report.metric_names import definition_of, metric_title, unit_of
from mtl_core.report.outputs import task_report
from mtl_core.report.run import Run
from mtl_core.report.wording import UNDEFINED, interval, interval_decimal_places, join_names, number, rounded
from mtl_core.tasks import Metric, Objective
from mtl_core.tasks.bands import band_labels

_BEST_IS_ONE = {
    *("accuracy", "auc", "balanced_accuracy", "f1", "label_ranking_average_precision", "macro_auc", "macro_f1"),
    *("micro_f1", "r2", "weighted_kappa"),
}
_SUSPICIOUS, _MAX_BASELINE, _MIN_ROWS = 0.999, 0.99, 30
"""Minimum of a suspicious metric, maximum of its baseline, minimum number of labelled test rows."""
_MIN_STRENGTH = 0.5
"""Minimum strength of the relation between the target and a feature that the warning names."""


def task_result(run: Run, task: Objective) -> dict[str, Any]:
    """Results of a task, as variables of the templates. `metric` is the metric that the task declares."""
    output, rows = run.outputs[task.name], run.scored_rows(task)
    report = task_report(output, task.reference_classes)
    metrics = [_metric_result(run, task, metric) for metric in task.metrics]
    return {
        "name": task.name,
        "kind": output["kind"],
        "target": _target(task),
        "metric": next(result for result in metrics if result["name"] == task.metric.name),
        "metrics": metrics,
        "baseline": report.baseline(task.baseline(run.splits["train"].flat_labels(task.name).numpy())),
        "comparison": _comparison(run, f"{task.name}.{task.metric.name} over baseline"),
        "leak": possible_leak(run, task, len(rows.labels)),
        "summary": report.summary(rows) if len(rows.labels) else [],
        "figures": report.figures(rows) if len(rows.labels) else [],
        "examples": report.examples(rows) if len(rows.labels) else {},
        "rows": len(rows.labels),
        "dropped": rows.dropped,
    }


def _metric_result(run: Run, task: Objective, metric: Metric) -> dict[str, Any]:
    """Values on the test split, unless named otherwise; `bar` has positions in percent, from worse to better."""
    values = run.evaluation[task.name][metric.name]
    value, low, high, baseline = (values[key] for key in ("value", "low", "high", "baseline"))
    decimals, is_undefined = interval_decimal_places(low, high), low is None or high is None
    return {
        "name": metric.name,
        "title": metric_title(metric.name),
        "definition": definition_of(metric),
        "unit": unit_of(metric, run.outputs[task.name]["unit"]),
        "higher_is_better": metric.higher_is_better,
        "test": rounded(value, decimals),
        "interval": UNDEFINED if is_undefined else interval(low, high, decimals),
        "validation": rounded(run.metrics["validation"][task.name][metric.name], decimals),
        "baseline": rounded(baseline, decimals),
        "bar": _bar(metric, baseline=baseline, value=value, low=low, high=high),
    }


def _bar(metric: Metric, **values: float | None) -> dict[str, float] | None:
    """None if a value is undefined."""
    oriented = {name: metric.oriented(value) for name, value in values.items() if value is not None}
    if len(oriented) < len(values):
        return None
    worst, best = min(oriented.values()), max(oriented.values())
    margin = (best - worst) * 0.1 or 1.0
    bar = {name: round(100 * (v - worst + margin) / (best - worst + 2 * margin), 2) for name, v in oriented.items()}
    return bar | dict(zip(("low", "high"), sorted((bar["low"], bar["high"])), strict=True))


def _target(task: Objective) -> str:
    """Target columns, with the condition of a positive label or the classes of a band."""
    options: dict[str, Any] = task.options.model_dump()
    target = join_names(task.options.targets) or "no target"
    if options.get("at_least") is not None:
        return f"{target} ≥ {number(options['at_least'])}"
    if options.get("positive") is not None:
        return f"{target} = {options['positive']}"
    if edges := options.get("edges"):
        first, *others = options["classes"]
        bands = (f" < {number(edge)} ≤ {name}" for edge, name in zip(edges, others, strict=True))
        return f"{target}: {first}{''.join(bands)}"
    return target


def _comparison(run: Run, name: str) -> tuple[CheckOutcome, str] | None:
    for check in run.checks["checks"]:
        if check["name"] == name:
            if check["outcome"] == "passed":
                return check["outcome"], "better than the baseline"
            is_worse = check["high"] is not None and check["high"] < 0
            return check["outcome"], f"{'worse' if is_worse else 'not significantly better'} than the baseline"
    return None


def possible_leak(run: Run, task: Objective, rows: int) -> str:
    """Warning of a suspiciously good metric on that many rows, with the features most related to the target, or ""."""
    if rows < _MIN_ROWS or not task.options.targets:
        return ""
    for metric in task.metrics:
        value, baseline = (run.evaluation[task.name][metric.name][key] or 0 for key in ("value", "baseline"))
        if metric.name in _BEST_IS_ONE and value >= _SUSPICIOUS and baseline < _MAX_BASELINE:
            return f"Possible leak: {metric_title(metric.name)} {value:.3f}.{_related_features(run, task)}"
    return ""


def _related_features(run: Run, task: Objective) -> str:
    features, target = list(run.encoder.inputs), task.options.targets[0]
    table = run.raw_rows("test", [*features, *task.options.targets])
    labels = band_labels(task.options, table)
    if labels is not None:
        table = table.set_column(table.column_names.index(target), target, labels)
    related = most_related(table, features, target)
    names = [f"{name} ({relation.description})" for name, relation in related if relation.strength >= _MIN_STRENGTH]
    return f" Features most related to {target}: {', '.join(names)}." if names else ""
