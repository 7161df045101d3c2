"""Metrics in words that need no knowledge of the code.

To add a metric: nothing has to be done, and a line in `_METRICS` gives it a sentence of its own.
"""

import math
from collections.abc import Callable

from mtl_core.report.wording import number, percent, with_unit
from mtl_core.tasks import Metric, Objective

__all__ = ["explained", "metric_title", "unit_of"]

Sentence = Callable[[float, float, str], str]
"""(value, the baseline's value, unit) -> sentence."""


def unit_of(metric: Metric, task_unit: str) -> str:
    """The metric's unit, for people."""
    return task_unit if metric.unit == "target" else metric.unit


def metric_title(name: str) -> str:
    """The field's name of a metric: its own, with the capitals that the field writes."""
    return " ".join(_WRITTEN.get(word, word) for word in name.replace("_", " ").split())


def explained(task: Objective, value: float | None, baseline: float | None, unit: str) -> str:
    """Meaning of the task's own metric on the test split, next to the baseline's."""
    metric = task.metric
    if value is None or baseline is None:
        return f"{metric_title(metric.name)} is undefined on the test split."
    if metric.name in _METRICS:
        return _METRICS[metric.name](value, baseline, unit)
    better = "higher" if metric.higher_is_better else "lower"
    return (
        f"{metric_title(metric.name)} is {with_unit(number(value), unit)}, where {better} is better; the baseline "
        f"reaches {number(baseline)}."
    )


_WRITTEN = {
    "auc": "AUC",
    "brier": "Brier score",
    "ece": "expected calibration error",
    "f1": "F1",
    "mae": "mean absolute error",
    "nmi": "normalised mutual information",
    "pinball": "pinball loss",
    "poisson": "Poisson",
    "r2": "R²",
    "rmse": "root mean squared error",
}
"""Words that are not written as they stand."""

_METRICS: dict[str, Sentence] = {
    "accuracy": lambda v, t, u: (
        f"The class it predicts is right in {percent(v)} of all rows; the baseline's in {percent(t)}."
    ),
    "auc": lambda v, t, u: (
        f"Shown a row that is a yes and one that is a no, it gives the yes the higher probability in {percent(v)} of "
        f"all cases; the baseline in {percent(t)}."
    ),
    "balanced_accuracy": lambda v, t, u: (
        f"Its decision is right for {percent(v)} of the rows, on average over yes and no; the baseline's for "
        f"{percent(t)}."
    ),
    "average_precision": lambda v, t, u: f"Average precision {number(v, 3)} (random: {number(t, 3)}).",
    "brier": lambda v, t, u: (
        f"The squared distance of probability and outcome is {number(v, 3)} on average; the baseline's is "
        f"{number(t, 3)}."
    ),
    "coverage_error": lambda v, t, u: (
        f"The share of rows between its outermost quantiles is {v * 100:.1f} percentage points off what their levels "
        f"promise; the baseline's is {t * 100:.1f} off."
    ),
    "ece": lambda v, t, u: (
        f"Predicted probabilities and observed frequencies are {v * 100:.1f} percentage points apart on average; the "
        f"baseline's are {t * 100:.1f}."
    ),
    "f1": lambda v, t, u: f"F1 of its decision is {number(v, 3)}; the baseline's is {number(t, 3)}.",
    "interval_score": lambda v, t, u: (
        f"The width between its outermost quantiles, with a fine for what happened outside, is "
        f"{with_unit(number(v, 3), u)} on average; the baseline's is {with_unit(number(t, 3), u)}."
    ),
    "label_ranking_average_precision": lambda v, t, u: (
        f"Going down a row's labels from the likeliest to each that applies, {percent(v)} of the labels seen apply on "
        f"average; in the baseline's order, {percent(t)}."
    ),
    "log_loss": lambda v, t, u: (
        f"What came true had been given a probability of {percent(math.exp(-v))} (geometric mean); the baseline "
        f"gives it {percent(math.exp(-t))}."
    ),
    "macro_auc": lambda v, t, u: (
        f"Shown a row to which a label applies and one to which it does not, it gives the first the higher probability "
        f"in {percent(v)} of all cases, on average over the labels; the baseline in {percent(t)}."
    ),
    "macro_f1": lambda v, t, u: f"Averaged over the classes, F1 is {number(v, 3)}; the baseline's is {number(t, 3)}.",
    "mae": lambda v, t, u: (
        f"A prediction is {with_unit(number(v, 3), u)} off on average; the baseline is "
        f"{with_unit(number(t, 3), u)} off."
    ),
    "micro_f1": lambda v, t, u: (
        f"Over all labels of all rows at once, F1 is {number(v, 3)}; the baseline's is {number(t, 3)}."
    ),
    "nmi": lambda v, t, u: (
        f"What clusters and known classes tell of each other is {number(v, 3)}, where 1 is one and the same partition "
        f"and 0 nothing; the baseline's is {number(t, 3)}."
    ),
    "pinball": lambda v, t, u: (
        f"Weighed by their levels, its quantiles are {with_unit(number(v, 3), u)} off what happened on average; the "
        f"baseline's are {with_unit(number(t, 3), u)} off."
    ),
    "poisson_deviance": lambda v, t, u: (
        f"The Poisson deviance of a row is {number(v, 3)} on average, where 0 is a count that was predicted exactly; "
        f"the baseline's is {number(t, 3)}."
    ),
    "precision": lambda v, t, u: (
        f"Of what it decides is a yes {percent(v)} are; by the baseline's decision {percent(t)}."
    ),
    "r2": lambda v, t, u: f"It explains {percent(v)} of the variance; the baseline {percent(t)}.",
    "ranked_probability_score": lambda v, t, u: (
        f"Asked between every two classes whether the truth lies above, the squared distance of its probability and "
        f"the outcome is {number(v, 3)} on average; the baseline's is {number(t, 3)}."
    ),
    "recall": lambda v, t, u: f"Its decision finds {percent(v)} of all yes; the baseline's {percent(t)}.",
    "rmse": lambda v, t, u: (
        f"The root of the mean squared error is {with_unit(number(v, 3), u)}; the baseline's is "
        f"{with_unit(number(t, 3), u)}."
    ),
    "silhouette": lambda v, t, u: (
        f"Silhouette {number(v, 3)} (0: ambiguous, 1: well separated); the baseline, which tells no rows apart, "
        f"{number(t, 3)}."
    ),
    "weighted_kappa": lambda v, t, u: (
        f"Its agreement with the truth is {number(v, 3)}, where 1 is perfect, 0 is chance, and a miss counts by the "
        f"square of its steps; the baseline's is {number(t, 3)}."
    ),
}
