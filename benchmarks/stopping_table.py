"""The tables of the kept results on early stopping, as Markdown: docs/early-stopping.md shows exactly these.

    python benchmarks/stopping_table.py

A cell is the mean and the standard deviation over seeds of the task's own metric on test. ▲ and ▼: better and worse
than `joint` by more than chance explains, by a paired t interval of 95% over the seeds. `gain over joint`: the mean
over tasks of the relative change against `joint`, in percent (the delta_m of Maninis 2019, "Attentive Single-Tasking
of Multiple Tasks", CVPR, eq. 5), oriented so that more is better.
"""

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import t as student

__all__ = ["RESULTS", "summary", "tables"]

RESULTS = Path(__file__).parent / "results" / "early_stopping.json"
BASELINE = "joint"
LOWER = ("log_loss", "mae", "ranked_probability_score", "rmse")
"""Metrics of which less is better."""

Rows = Sequence[dict[str, Any]]


def tables(rows: Rows) -> Iterator[str]:
    """The lines of a table per problem."""
    for problem in _each(rows, "problem"):
        own = [row for row in rows if row["problem"] == problem]
        policies, seeds = _each(own, "policy"), _each(own, "seed")
        yield f"### {problem}, {len(seeds)} seeds"
        yield ""
        yield f"| task | metric | {' | '.join(f'`{policy}`' for policy in policies)} |"
        yield "|---|---|" + "---|" * len(policies)
        for task in _each(own, "task"):
            mine = [row for row in own if row["task"] == task]
            cells = [_cell(mine, policy) for policy in policies]
            yield f"| `{task}` | {mine[0]['metric']} | {' | '.join(cells)} |"
        for name, of in (("gain over joint, %", _gains), ("epochs", _epochs), ("seconds", _seconds)):
            cells = [_spread(of(own, policy)) for policy in policies]
            yield f"| {name} | | {' | '.join(cells)} |"
        yield ""


def summary(rows: Rows) -> Iterator[str]:
    """The lines of a table of all problems: what each policy is worth beside `joint`, and what it costs."""
    problems = {name: [row for row in rows if row["problem"] == name] for name in _each(rows, "problem")}
    tasks = [[row for row in own if row["task"] == task] for own in problems.values() for task in _each(own, "task")]
    yield f"| policy | tasks ▲ | tasks ▼ | {' | '.join(f'gain {name}, %' for name in problems)} | epochs by joint's |"
    yield "|---|---|---|" + "---|" * len(problems) + "---|"
    for policy in _each(rows, "policy"):
        marks = [_beyond_chance(_differences(mine, policy)).strip() for mine in tasks]
        gains = (_spread(_gains(own, policy)) for own in problems.values())
        ratios = (
            statistics.mean(_epochs(own, policy)) / statistics.mean(_epochs(own, BASELINE)) for own in problems.values()
        )
        counts = f"{marks.count('▲')} of {len(tasks)} | {marks.count('▼')} of {len(tasks)}"
        yield f"| `{policy}` | {counts} | {' | '.join(gains)} | {', '.join(f'{ratio:.1f}' for ratio in ratios)} |"
    yield ""


def _cell(rows: Rows, policy: str) -> str:
    values = [row["value"] for row in rows if row["policy"] == policy]
    return _spread(values) + _beyond_chance(_differences(rows, policy))


def _differences(rows: Rows, policy: str) -> list[float]:
    """Of one task, per seed: the policy against `joint`, oriented so that above 0 is better."""
    values = {(row["policy"], row["seed"]): row["value"] for row in rows}
    sign = -1 if rows[0]["metric"] in LOWER else 1
    seeds = _each(rows, "seed")
    return [sign * (values[policy, seed] - values[BASELINE, seed]) for seed in seeds]


def _beyond_chance(differences: list[float]) -> str:
    if len(differences) < 2 or not any(differences):
        return ""
    half = student.ppf(0.975, len(differences) - 1) * statistics.stdev(differences) / math.sqrt(len(differences))
    mean = statistics.mean(differences)
    return " ▲" if mean > half else " ▼" if mean < -half else ""


def _gains(rows: Rows, policy: str) -> list[float]:
    """Per seed the mean over tasks of the relative gain over `joint`, in percent."""
    by_task = []
    for task in _each(rows, "task"):
        mine = [row for row in rows if row["task"] == task]
        base = [row["value"] for row in mine if row["policy"] == BASELINE]
        by_task.append([100 * d / abs(b) for d, b in zip(_differences(mine, policy), base, strict=True)])
    return [statistics.mean(of_seed) for of_seed in zip(*by_task, strict=True)]


def _epochs(rows: Rows, policy: str) -> list[float]:
    """Per seed the epochs of the training; of several networks the mean."""
    return _per_seed(rows, policy, "epochs", statistics.mean)


def _seconds(rows: Rows, policy: str) -> list[float]:
    """Per seed the seconds of all trainings: a network per task has one each, tasks of a shared one have the same."""
    return _per_seed(rows, policy, "seconds", sum if policy == "single_task" else max)


def _per_seed(rows: Rows, policy: str, key: str, whole: Any) -> list[float]:
    seeds = _each(rows, "seed")
    return [whole([row[key] for row in rows if row["policy"] == policy and row["seed"] == seed]) for seed in seeds]


def _spread(values: list[float]) -> str:
    """Mean and standard deviation, with two digits of the latter."""
    mean, deviation = statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
    places = max(0, min(6, 1 - math.floor(math.log10(deviation)))) if deviation > 0 else 0 if mean == int(mean) else 4
    return f"{mean:.{places}f} ± {deviation:.{places}f}" if deviation > 0 else f"{mean:.{places}f}"


def _each(rows: Rows, key: str) -> list[Any]:
    return list(dict.fromkeys(row[key] for row in rows))


if __name__ == "__main__":
    kept = json.loads(RESULTS.read_text(encoding="utf-8"))
    print("\n".join([*summary(kept), *tables(kept)]))
