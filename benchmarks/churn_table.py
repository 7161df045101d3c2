"""Tables of the results of churn.py as Markdown.

    python benchmarks/churn_table.py

Refused: challengers that were significantly worse than their champion in a task, of all challengers with a champion.
Churn and the metric on the newest month: mean over the months, then mean and standard deviation over the seeds, with a
paired 95% t interval of the change by the teacher; ▲ and ▼: significantly better and worse.
"""

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from measurement import Row, distinct
from paired import MARKS, half_width, significant_sign

RESULTS = Path(__file__).parent / "results" / "churn.json"
WITHOUT, WITH = "labels", "champion"


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Lines of the tables of refusals, and of churn and quality per task."""
    compared = [row for row in rows if row["champion"] is not None]
    yield "| teacher | challengers | refused | tasks worse | processor seconds of a training |"
    yield "|---|---|---|---|---|"
    for arm in (WITHOUT, WITH):
        of_arm = [row for row in compared if row["arm"] == arm]
        runs = {(row["month"], row["seed"]): row for row in of_arm}.values()
        refused, worse = sum(run["refused"] for run in runs), sum(row["worse"] for row in of_arm)
        seconds = statistics.mean(run["seconds"] for run in runs)
        yield f"| {'none' if arm == WITHOUT else 'champion'} | {len(runs)} | {refused} | {worse} | {seconds:.0f} |"
    yield ""
    yield "| task | | no teacher | champion | change (95% interval) |"
    yield "|---|---|---|---|---|"
    for task in distinct(compared, "task"):
        of_task = [row for row in compared if row["task"] == task]
        unit = of_task[0]["unit"]
        label = "class flips, share of rows" if unit == "rows" else f"mean absolute change, {unit}"
        yield _line(of_task, task, label, "churn", higher_is_better=False)
        yield _line(of_task, task, of_task[0]["metric"], "challenger", of_task[0]["higher_is_better"])


def _line(rows: Sequence[Row], task: str, label: str, key: str, higher_is_better: bool) -> str:
    without, with_teacher = (_by_seed(rows, arm, key) for arm in (WITHOUT, WITH))
    changes = [b - a for a, b in zip(without, with_teacher, strict=True)]
    interval = ""
    if len(changes) > 1:
        mean, width = statistics.mean(changes), half_width(changes)
        sign = significant_sign(changes) * (1 if higher_is_better else -1)
        interval = f" ({mean - width:+.4f} to {mean + width:+.4f}){MARKS[sign]}"
    change = f"{statistics.mean(changes):+.4f}{interval}"
    return f"| `{task}` | {label} | {_spread(without)} | {_spread(with_teacher)} | {change} |"


def _by_seed(rows: Sequence[Row], arm: str, key: str) -> list[float]:
    of_arm = [row for row in rows if row["arm"] == arm]
    return [statistics.mean(row[key] for row in of_arm if row["seed"] == seed) for seed in distinct(rows, "seed")]


def _spread(values: Sequence[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{deviation}"


if __name__ == "__main__":
    print("\n".join(table(json.loads(RESULTS.read_text(encoding="utf-8")))))
