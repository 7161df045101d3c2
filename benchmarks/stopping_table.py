"""Tables of the results of early_stopping.py as Markdown, as shown in docs/early-stopping.md.

    python benchmarks/stopping_table.py

The gain of a policy over `joint` is the mean over a problem's tasks of 100 ln(error under joint / error), where the
error of a metric for which higher is better is 1 minus the metric; mean and standard deviation over seeds. Tasks are
better or worse than under `joint` if a paired 95% t interval over the seeds excludes 0. Behind: the largest relative
loss of a task on validation against its own best epoch, in percent, mean over problems and seeds. Seconds are processor
seconds relative to `joint`.
"""

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from measurement import Row, distinct, error_of
from paired import significant_sign

RESULTS = Path(__file__).parent / "results" / "early_stopping.json"
BASELINE = "joint"

Rows = Sequence[Row]


def tables(rows: Rows) -> Iterator[str]:
    """Lines of the tables of policies, of problems, and of tasks that get worse."""
    policies, problems = distinct(rows, "policy"), distinct(rows, "problem")
    of_problem = {problem: [row for row in rows if row["problem"] == problem] for problem in problems}
    names = ("policy", "tasks better", "tasks worse", "gain on test, %", "on validation, %", "behind, %", "seconds")
    yield f"| {' | '.join(names)} |"
    yield "|---|---|---|---|---|---|---|"
    for policy in policies:
        verdicts = [
            _verdict(of_one, task, policy) for of_one in of_problem.values() for task in distinct(of_one, "task")
        ]
        test, validation = (
            statistics.mean(statistics.mean(_gains(of_one, policy, split)) for of_one in of_problem.values())
            for split in ("test", "validation")
        )
        behind = statistics.mean(_behind(of_one, policy) for of_one in of_problem.values())
        ratios = [_seconds(of_one, policy) / _seconds(of_one, BASELINE) for of_one in of_problem.values()]
        cells = [
            *(f"{verdicts.count(verdict)} of {len(verdicts)}" for verdict in (1, -1)),
            *(f"{test:.2f}", f"{validation:.2f}", f"{behind:.2f}", f"{statistics.geometric_mean(ratios):.2f}"),
        ]
        yield f"| `{policy}` | {' | '.join(cells)} |"
    yield ""
    others = [policy for policy in policies if policy != BASELINE]
    yield f"| problem | tasks | seeds | joint: epochs | {' | '.join(f'`{policy}`' for policy in others)} |"
    yield "|---|---|---|---|" + "---|" * len(others)
    for problem, of_one in of_problem.items():
        epochs = statistics.mean(row["epochs"] for row in of_one if row["policy"] == BASELINE)
        sizes = f"{len(distinct(of_one, 'task'))} | {len(distinct(of_one, 'seed'))} | {epochs:.0f}"
        cells = [_spread(_gains(of_one, policy, "test")) for policy in others]
        yield f"| {problem} | {sizes} | {' | '.join(cells)} |"
    yield ""
    yield "| policy | tasks worse, gain on test, % |"
    yield "|---|---|"
    for policy in others:
        if worse := [
            f"`{problem}.{task}` {statistics.mean(_differences(of_one, task, policy, 'test')):.1f}"
            for problem, of_one in of_problem.items()
            for task in distinct(of_one, "task")
            if _verdict(of_one, task, policy) < 0
        ]:
            yield f"| `{policy}` | {', '.join(worse)} |"
    yield ""


def _gains(rows: Rows, policy: str, split: str) -> list[float]:
    """Per seed the mean gain over the tasks, in percent."""
    by_task = [_differences(rows, task, policy, split) for task in distinct(rows, "task")]
    return [statistics.mean(of_seed) for of_seed in zip(*by_task, strict=True)]


def _differences(rows: Rows, task: str, policy: str, split: str) -> list[float]:
    """Per seed the gain of one task, in percent."""
    of_task = [row for row in rows if row["task"] == task]
    errors = {(row["policy"], row["seed"]): _error(row, split) for row in of_task}
    return [100 * math.log(errors[BASELINE, seed] / errors[policy, seed]) for seed in distinct(of_task, "seed")]


def _verdict(rows: Rows, task: str, policy: str) -> int:
    """1 if significantly better than under `joint`, -1 if worse, 0 otherwise."""
    return significant_sign(_differences(rows, task, policy, "test"))


def _behind(rows: Rows, policy: str) -> float:
    of_policy = [row for row in rows if row["policy"] == policy]
    worst = [
        max(100 * math.log(_error(row, "validation") / _error(row, "best")) for row in of_policy if row["seed"] == seed)
        for seed in distinct(of_policy, "seed")
    ]
    return statistics.mean(worst)


def _error(row: Row, split: str) -> float:
    return max(error_of(float(row[split]), row["higher_is_better"]), 1e-12)


def _seconds(rows: Rows, policy: str) -> float:
    return statistics.mean(row["seconds"] for row in rows if row["policy"] == policy)


def _spread(values: list[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation}"


if __name__ == "__main__":
    print("\n".join(tables(json.loads(RESULTS.read_text(encoding="utf-8")))))
