"""Words and tables of a replay, for the report and the terminal."""

import statistics

from mtl_core.report.metric_names import metric_title
from mtl_core.report.wording import UNDEFINED, interval, interval_decimal_places, plural, rounded, signed
from mtl_core.studies.replay.record import Change, Replay, ReplayedCadence
from mtl_core.studies.replay.statistics import mean_gain


def cadence_name(months: int) -> str:
    """A cadence in words."""
    return "every month" if months == 1 else f"every {months} months"


def metric_text(study: Replay, task: str) -> str:
    """A task's metric, its unit, and the direction that is better."""
    of_task = study.tasks[task]
    unit = f", {of_task.unit}" if of_task.unit else ""
    return f"{metric_title(of_task.metric)}{unit} {'↑' if of_task.higher_is_better else '↓'}"


def task_title(study: Replay, task: str) -> str:
    """Name of a task with its metric."""
    return f"{task}: {metric_text(study, task)}"


def gain_text(study: Replay, task: str, cadence: ReplayedCadence | None) -> str:
    """Mean score over the months of a cadence, or without one of the first model; with the gain over the latter."""
    scores = study.never if cadence is None else cadence.scores
    defined = [value for value in scores[task] if value is not None]
    if not defined:
        return UNDEFINED
    gain = None if cadence is None else mean_gain(study, task, scores, study.never)
    decimals = _decimals(study, task)
    mean = rounded(statistics.fmean(defined), decimals)
    if len(defined) < len(scores[task]):  # other columns may be means over other months
        mean += f" in {len(defined)} of {plural(len(scores[task]), 'month')}"
    if gain is None:
        return mean
    bounds = f", {interval(gain.low, gain.high, decimals)}" if gain.half_width is not None else ""
    return f"{mean} ({signed(gain.mean, decimals)}{bounds})"


def cost_cells(study: Replay) -> list[tuple[str, ...]]:
    """Head and rows of the table of costs."""
    head = ("cadence", "retrains", "promoted", "kept", "refused", "worse on the next month", "processor minutes")
    rows = [
        (
            cadence_name(cadence.months),
            str(len(cadence.retrains)),
            str(cadence.count("promoted")),
            str(cadence.count("kept") + cadence.count("unchanged")),
            str(cadence.count("refused")),
            f"{len(cadence.bad_promotions)} of {len(cadence.compared_promotions)}",
            rounded(cadence.processor_seconds / 60, 1),
        )
        for cadence in study.cadences
    ]
    return [head, *rows]


def bad_promotion_lines(study: Replay) -> list[str]:
    """Sentence per promotion that was significantly worse on the next month, and one on how many chance explains."""
    lines = [
        f"{cadence_name(cadence.months)}, {retrain.month}: promoted, and worse on that month in "
        + "; ".join(_change_text(task, retrain.next_month[task]) for task in retrain.worse)
        for cadence in study.cadences
        for retrain in cadence.bad_promotions
    ]
    compared = sum(
        sum(change.high is not None for change in retrain.next_month.values())
        for cadence in study.cadences
        for retrain in cadence.retrains
        if retrain.outcome == "promoted"
    )
    if compared:
        lines.append(
            f"{plural(compared, 'comparison')} of a promoted model with the champion before it: where both are equally "
            f"good, one in 40 is significantly worse by chance, here {compared / 40:.1f}"
        )
    return lines


def _change_text(task: str, change: Change) -> str:
    decimals = interval_decimal_places(change.low, change.high)
    bounds = interval(change.low, change.high, decimals)
    return f"{task} ({signed(change.difference, decimals)}, {bounds})"


def _decimals(study: Replay, task: str) -> int:
    gains = [mean_gain(study, task, cadence.scores, study.never) for cadence in study.cadences]
    widths = [gain for gain in gains if gain is not None and gain.half_width]
    return min((interval_decimal_places(gain.low, gain.high) for gain in widths), default=4)
