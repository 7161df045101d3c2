"""The tables of the kept results on early stopping, as Markdown: docs/early-stopping.md shows exactly these.

    python benchmarks/stopping_table.py

The gain of a policy over `joint` is the mean over a problem's tasks of 100 ln(error under joint / error), where the
error of a metric of which more is better is 1 less the metric; mean and standard deviation over seeds. Tasks better and
worse than under `joint` are those beyond chance, by a paired t interval of 95% over the seeds. Behind: the largest
relative loss of a task on validation against its own best epoch, in percent, mean over problems and seeds. Seconds are
those of the processor by those of `joint`.
"""

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import t as student

RESULTS = Path(__file__).parent / "results" / "early_stopping.json"
BASELINE = "joint"

Row = dict[str, Any]
Rows = Sequence[Row]


def tables(rows: Rows) -> Iterator[str]:
    """Lines of a table of the policies, of one of the problems, and of one of the tasks that get worse."""
    policies, problems = _each(rows, "policy"), _each(rows, "problem")
    of_problem = {problem: [row for row in rows if row["problem"] == problem] for problem in problems}
    names = ("policy", "tasks better", "tasks worse", "gain on test, %", "on validation, %", "behind, %", "seconds")
    yield f"| {' | '.join(names)} |"
    yield "|---|---|---|---|---|---|---|"
    for policy in policies:
        verdicts = [_verdict(own, task, policy) for own in of_problem.values() for task in _each(own, "task")]
        test, validation = (
            statistics.mean(statistics.mean(_gains(own, policy, split)) for own in of_problem.values())
            for split in ("test", "validation")
        )
        behind = statistics.mean(_behind(own, policy) for own in of_problem.values())
        ratios = [_seconds(own, policy) / _seconds(own, BASELINE) for own in of_problem.values()]
        cells = [
            *(f"{verdicts.count(found)} of {len(verdicts)}" for found in (1, -1)),
            *(f"{test:.2f}", f"{validation:.2f}", f"{behind:.2f}", f"{statistics.geometric_mean(ratios):.2f}"),
        ]
        yield f"| `{policy}` | {' | '.join(cells)} |"
    yield ""
    others = [policy for policy in policies if policy != BASELINE]
    yield f"| problem | tasks | seeds | joint: epochs | {' | '.join(f'`{policy}`' for policy in others)} |"
    yield "|---|---|---|---|" + "---|" * len(others)
    for problem, own in of_problem.items():
        epochs = statistics.mean(row["epochs"] for row in own if row["policy"] == BASELINE)
        sizes = f"{len(_each(own, 'task'))} | {len(_each(own, 'seed'))} | {epochs:.0f}"
        cells = [_spread(_gains(own, policy, "test")) for policy in others]
        yield f"| {problem} | {sizes} | {' | '.join(cells)} |"
    yield ""
    yield "| policy | tasks worse, gain on test, % |"
    yield "|---|---|"
    for policy in others:
        if worse := [
            f"`{problem}.{task}` {statistics.mean(_differences(own, task, policy, 'test')):.1f}"
            for problem, own in of_problem.items()
            for task in _each(own, "task")
            if _verdict(own, task, policy) < 0
        ]:
            yield f"| `{policy}` | {', '.join(worse)} |"
    yield ""


def _gains(rows: Rows, policy: str, split: str) -> list[float]:
    """Per seed the mean gain over the tasks, in percent."""
    by_task = [_differences(rows, task, policy, split) for task in _each(rows, "task")]
    return [statistics.mean(of_seed) for of_seed in zip(*by_task, strict=True)]


def _differences(rows: Rows, task: str, policy: str, split: str) -> list[float]:
    """Per seed the gain of one task, in percent."""
    own = [row for row in rows if row["task"] == task]
    errors = {(row["policy"], row["seed"]): _error(row, split) for row in own}
    return [100 * math.log(errors[BASELINE, seed] / errors[policy, seed]) for seed in _each(own, "seed")]


def _verdict(rows: Rows, task: str, policy: str) -> int:
    """1 for better than under `joint` beyond chance, -1 for worse, 0 for neither."""
    found = _differences(rows, task, policy, "test")
    if len(found) < 2 or not any(found):
        return 0
    half = student.ppf(0.975, len(found) - 1) * statistics.stdev(found) / math.sqrt(len(found))
    mean = statistics.mean(found)
    return 1 if mean > half else -1 if mean < -half else 0


def _behind(rows: Rows, policy: str) -> float:
    own = [row for row in rows if row["policy"] == policy]
    worst = [
        max(100 * math.log(_error(row, "validation") / _error(row, "best")) for row in own if row["seed"] == seed)
        for seed in _each(own, "seed")
    ]
    return statistics.mean(worst)


def _error(row: Row, split: str) -> float:
    value = float(row[split])
    return max(1 - value if row["higher_is_better"] else value, 1e-12)


def _seconds(rows: Rows, policy: str) -> float:
    return statistics.mean(row["seconds"] for row in rows if row["policy"] == policy)


def _spread(values: list[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation}"


def _each(rows: Rows, key: str) -> list[Any]:
    return list(dict.fromkeys(row[key] for row in rows))


if __name__ == "__main__":
    print("\n".join(tables(json.loads(RESULTS.read_text(encoding="utf-8")))))
