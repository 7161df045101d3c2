"""The table of calibrations and tuned thresholds. Pure functions."""

from collections.abc import Sequence

from mtl_core.report.wording import NOTHING, number
from mtl_core.training import TrainingResult
from mtl_core.training.history import TaskCalibration, TunedThresholds

__all__ = ["calibration_rows"]

METHODS = {
    "identity": "none",
    "temperature": "temperature scaling",
    "temperature_and_bias": "temperature and bias",
    "vector": "vector scaling",
}


def calibration_rows(outcome: TrainingResult) -> list[tuple[str, ...]]:
    """Per task: method, temperature, log loss and ECE on validation before and after, tuned threshold."""
    thresholds = {tuned.task: _threshold(tuned) for tuned in outcome.thresholds}
    return [
        (
            found.task,
            _method(found),
            _span(found.temperatures),
            *(number(value, 4) for value in (found.log_loss_before, found.log_loss_after)),
            *(number(value, 3) for value in (found.ece_before, found.ece_after)),
            thresholds.get(found.task, NOTHING),
        )
        for found in outcome.calibrations
    ]


def _method(found: TaskCalibration) -> str:
    return METHODS[found.method] + (f": {found.reason}" if found.reason else "")


def _threshold(tuned: TunedThresholds) -> str:
    """The thresholds; where validation has too few rows to tune any, that they are the default."""
    untuned = tuned.untuned == len(tuned.thresholds)
    return _span(tuned.thresholds) + (", not tuned: too few rows" if untuned else "")


def _span(values: Sequence[float]) -> str:
    """A single number, or the minimum and the maximum of several."""
    if not values:
        return NOTHING
    low, high = (number(value, 3) for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
