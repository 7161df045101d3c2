"""Numbers and metrics in words that need no knowledge of the code."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from mtl_core.tasks import FittedTask, Metric

__all__ = ["NOTHING", "explained", "metric_title", "number", "percent", "places", "rounded", "unit_of", "with_unit"]

NOTHING = "\N{EN DASH}"
"""Stands where a number is undefined."""

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 4) -> str:
    """That many significant digits; 12,345 or a power of ten beyond what reads well."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    if abs(value) >= 1e9 or abs(value) < 1e-4:
        mantissa, exponent = f"{value:.1e}".split("e")
        return _minus(f"{mantissa} \N{MULTIPLICATION SIGN} 10{str(int(exponent)).translate(_SUPERSCRIPT)}")
    return _minus(f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.{digits}g}")


def percent(share: float | None) -> str:
    """One decimal; what is not all and not nothing never reads as 100% or 0%."""
    if share is None or not math.isfinite(share):
        return NOTHING
    if 0 < share < 0.001:
        return "< 0.1%"
    if 0.999 < share < 1:
        return "> 99.9%"
    return _minus(f"{share * 100:.1f}".removesuffix(".0") + "%")


def places(scale: float) -> int:
    """Decimals that show two digits of a scale: a standard error, the width of an interval."""
    return max(0, min(6, 1 - math.floor(math.log10(scale)))) if math.isfinite(scale) and scale > 0 else 4


def rounded(value: float | None, decimals: int) -> str:
    """With a fixed number of decimals."""
    return NOTHING if value is None or not math.isfinite(value) else _minus(f"{value:,.{decimals}f}")


def with_unit(text: str, unit: str) -> str:
    """The number, then its unit if it has one."""
    return f"{text} {unit}" if unit and text != NOTHING else text


def unit_of(metric: Metric, task_unit: str) -> str:
    """The metric's unit, for people."""
    return task_unit if metric.unit == "target" else metric.unit


def metric_title(name: str) -> str:
    """The field's name of a metric; its own where we know no better."""
    return _METRICS[name].title if name in _METRICS else name.replace("_", " ")


def explained(task: FittedTask, value: float | None, trivial: float | None, unit: str) -> str:
    """What the task's own metric on the test split means, beside the trivial predictor."""
    metric = task.metric
    if value is None or trivial is None:
        return f"{metric_title(metric.name)} is undefined on the test split."
    if metric.name in _METRICS:
        return _METRICS[metric.name].sentence(value, trivial, unit)
    better = "higher" if metric.higher_is_better else "lower"
    return (
        f"{metric_title(metric.name)} is {with_unit(number(value), unit)}, where {better} is better; the trivial "
        f"predictor reaches {number(trivial)}."
    )


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True, kw_only=True)
class _Wording:
    title: str
    sentence: Callable[[float, float, str], str]
    """(value, the trivial predictor's value, unit) -> sentence."""


_METRICS = {
    "auc": _Wording(
        title="AUC",
        sentence=lambda v, t, u: (
            f"Shown a row that is a yes and one that is a no, it gives the yes the higher "
            f"probability in {percent(v)} of all cases; the trivial predictor in {percent(t)}."
        ),
    ),
    "log_loss": _Wording(
        title="log loss",
        sentence=lambda v, t, u: (
            f"What came true had been given a probability of {percent(math.exp(-v))} (geometric "
            f"mean); the trivial predictor gives it {percent(math.exp(-t))}."
        ),
    ),
    "average_precision": _Wording(
        title="average precision",
        sentence=lambda v, t, u: (
            f"Going down its ranking, {percent(v)} of the rows seen are a yes on average; in any order, {percent(t)}."
        ),
    ),
    "brier": _Wording(
        title="Brier score",
        sentence=lambda v, t, u: (
            f"The squared distance of probability and outcome is {number(v, 3)} on average; the "
            f"trivial predictor's is {number(t, 3)}."
        ),
    ),
    "accuracy": _Wording(
        title="accuracy",
        sentence=lambda v, t, u: (
            f"The class it finds likeliest is right in {percent(v)} of all rows; always naming "
            f"the commonest in {percent(t)}."
        ),
    ),
    "macro_f1": _Wording(
        title="macro F1",
        sentence=lambda v, t, u: (
            f"Averaged over the classes, F1 is {number(v, 3)}; the trivial predictor's is {number(t, 3)}."
        ),
    ),
    "mae": _Wording(
        title="mean absolute error",
        sentence=lambda v, t, u: (
            f"A prediction is {with_unit(number(v, 3), u)} off on average; the trivial predictor is "
            f"{with_unit(number(t, 3), u)} off."
        ),
    ),
    "rmse": _Wording(
        title="root mean squared error",
        sentence=lambda v, t, u: (
            f"The root of the mean squared error is {with_unit(number(v, 3), u)}; the trivial "
            f"predictor's is {with_unit(number(t, 3), u)}."
        ),
    ),
    "r2": _Wording(
        title="R²",
        sentence=lambda v, t, u: f"It explains {percent(v)} of the variance; the trivial predictor {percent(t)}.",
    ),
}
