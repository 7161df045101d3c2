"""Two ways to train the same tasks with the same seeds: a table of what the second brings."""

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from scipy.stats import t as student


def paired(
    rows: Sequence[dict[str, Any]], first: str, second: str, metrics: dict[str, tuple[str, bool]]
) -> Iterator[str]:
    """Lines of a comparison: per task both means over seeds, and by how much the second is better.

    The difference has the t interval of 95% of the differences seed by seed. `metrics`: task -> its metric, and whether
    more of it is better.
    """
    for task, (metric, higher) in metrics.items():
        own = [row for row in rows if row["task"] == task]
        gains = [(row[second] - row[first]) * (1 if higher else -1) for row in own]
        half = student.ppf(0.975, len(gains) - 1) * statistics.stdev(gains) / math.sqrt(len(gains))
        mean = statistics.mean(gains)
        places = max(0, min(5, 1 - math.floor(math.log10(half)))) if half > 0 else 4
        means = (f"{statistics.mean(row[key] for row in own):.{places}f}" for key in (first, second))
        mark = " ▲" if mean > half else " ▼" if mean < -half else ""
        interval = f"{mean - half:.{places}f} to {mean + half:.{places}f}"
        yield f"| `{task}` | {metric} | {' | '.join(means)} | {mean:+.{places}f} ({interval}){mark} |"
