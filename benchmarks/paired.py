"""Table that compares two variants of training the same tasks with the same seeds."""

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from scipy.stats import t as student


def paired(
    rows: Sequence[dict[str, Any]], first: str, second: str, metrics: dict[str, tuple[str, bool]]
) -> Iterator[str]:
    """Lines of a comparison: per task both means over seeds, and the difference, above 0 if the second is better.

    The interval is the paired 95% t interval over seeds. `metrics`: task -> metric, and True if higher is better.
    """
    for task, (metric, higher) in metrics.items():
        of_task = [row for row in rows if row["task"] == task]
        gains = [(row[second] - row[first]) * (1 if higher else -1) for row in of_task]
        half = student.ppf(0.975, len(gains) - 1) * statistics.stdev(gains) / math.sqrt(len(gains))
        mean = statistics.mean(gains)
        decimals = max(0, min(5, 1 - math.floor(math.log10(half)))) if half > 0 else 4
        means = (f"{statistics.mean(row[key] for row in of_task):.{decimals}f}" for key in (first, second))
        mark = " ▲" if mean > half else " ▼" if mean < -half else ""
        interval = f"{mean - half:.{decimals}f} to {mean + half:.{decimals}f}"
        yield f"| `{task}` | {metric} | {' | '.join(means)} | {mean:+.{decimals}f} ({interval}){mark} |"
