"""Tables of the results of comparison.py as Markdown, as shown in docs/comparing.md.

    python benchmarks/comparison_table.py

Means over seeds of each task's own metric on test. The difference is shared minus single-task, oriented so that above 0
sharing is better, with the 95% interval of the paired bootstrap over rows and seeds.
"""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "sharing.json"


def tables(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Lines of the tables: number of tasks that gain and lose, tasks per problem, and costs."""
    yield "| shared network against | significantly better | significantly worse | no difference |"
    yield "|---|---|---|---|"
    for key, name in (("over_single", "single-task"), ("over_boosted", "boosted")):
        gains = [task[key] for study in results.values() for task in study["tasks"].values()]
        better, worse = (sum(gain["low"] > 0 for gain in gains), sum(gain["high"] < 0 for gain in gains))
        yield f"| {name} | {better} of {len(gains)} | {worse} | {len(gains) - better - worse} |"
    yield ""
    for problem, study in results.items():
        yield f"### {problem}, {len(study['provenance']['seeds'])} seeds, shared under `{study['shared']}`"
        yield ""
        yield "| task | metric | shared | single-task | boosted | shared - single-task | verdict | shared - boosted |"
        yield "|---|---|---|---|---|---|---|---|"
        for name, task in study["tasks"].items():
            gain = task["over_single"]
            digits = _decimals(gain)
            arms = (study["shared"], "single_task", "boosted")
            means = (_number(task["arms"][arm]["mean"], digits) if arm in task["arms"] else "-" for arm in arms)
            cells = f"{_gain(gain)} | {task['verdict']} | {_gain(task['over_boosted'])}"
            yield f"| `{name}` | {task['metric']} | {' | '.join(means)} | {cells} |"
        yield ""
    yield "### Costs: shared / all single-task networks / trees"
    yield ""
    yield "| problem | parameters | training, processor seconds | 1 row, ms | 1,000 rows, ms |"
    yield "|---|---|---|---|---|"
    for problem, study in results.items():
        costs = [study["cost"][arm] for arm in (study["shared"], "single_task", "boosted") if arm in study["cost"]]
        parameters = " / ".join("-" if cost["parameters"] is None else f"{cost['parameters']:,}" for cost in costs)
        seconds = " / ".join(f"{cost['seconds']:.0f}" for cost in costs)
        one_row, many_rows = (
            " / ".join("-" if cost[key] is None else f"{cost[key]:.{decimals}f}" for cost in costs)
            for key, decimals in (("ms_1", 2), ("ms_1000", 1))
        )
        yield f"| {problem} | {parameters} | {seconds} | {one_row} | {many_rows} |"


def _gain(gain: Mapping[str, float]) -> str:
    """The difference and its interval."""
    difference, low, high = (f"{gain[key]:+.{_decimals(gain)}f}" for key in ("difference", "low", "high"))
    return f"{difference} ({low} to {high})"


def _decimals(gain: Mapping[str, float]) -> int:
    """Decimals that show two digits of the interval's width."""
    width = gain["high"] - gain["low"]
    return max(0, min(5, 1 - math.floor(math.log10(width)))) if width > 0 else 4


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"


if __name__ == "__main__":
    print("\n".join(tables(json.loads(RESULTS.read_text(encoding="utf-8")))))
