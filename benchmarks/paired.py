"""Paired comparisons over seeds: 95% t intervals, and the table of two variants of training the same tasks."""

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from scipy.stats import t as student

MARKS = {1: " ▲", 0: "", -1: " ▼"}
"""Sign of a significant difference -> its mark in a table."""


def half_width(gains: Sequence[float]) -> float:
    """Half the width of the 95% t interval of the mean, for two gains or more."""
    return float(student.ppf(0.975, len(gains) - 1)) * statistics.stdev(gains) / math.sqrt(len(gains))


def significant_sign(gains: Sequence[float]) -> int:
    """1 or -1 if the interval of the mean is above or below 0, else 0; also 0 for fewer than two gains."""
    if len(gains) < 2 or not any(gains):
        return 0
    mean, width = statistics.mean(gains), half_width(gains)
    return 1 if mean > width else -1 if mean < -width else 0


def paired(
    rows: Sequence[dict[str, Any]], first: str, second: str, metrics: dict[str, tuple[str, bool]]
) -> Iterator[str]:
    """Lines of a comparison: per task both means over seeds, and the difference, above 0 if the second is better.

    `metrics`: task -> metric, and True if higher is better.
    """
    for task, (metric, higher) in metrics.items():
        of_task = [row for row in rows if row["task"] == task]
        gains = [(row[second] - row[first]) * (1 if higher else -1) for row in of_task]
        mean, width = statistics.mean(gains), half_width(gains)
        decimals = max(0, min(5, 1 - math.floor(math.log10(width)))) if width > 0 else 4
        means = (f"{statistics.mean(row[key] for row in of_task):.{decimals}f}" for key in (first, second))
        interval = f"{mean - width:.{decimals}f} to {mean + width:.{decimals}f}"
        mark = MARKS[significant_sign(gains)]
        yield f"| `{task}` | {metric} | {' | '.join(means)} | {mean:+.{decimals}f} ({interval}){mark} |"
