"""Tables of the results of quality.py as Markdown, as shown in docs/quality-and-speed.md.

    python benchmarks/quality_table.py

A cell is the mean and the standard deviation over seeds of the task's own metric on test. ▲ and ▼: significantly
better and worse than the declared network, by a paired 95% t interval over the common seeds.
"""

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from configurations import DECLARED, TREES
from measurement import distinct
from paired import MARKS, significant_sign

RESULTS = Path(__file__).parent / "results" / "quality.json"
LOWER = ("mae", "log_loss")
"""Metrics for which lower is better."""
Rows = Sequence[dict[str, Any]]


def tables(rows: Rows) -> Iterator[str]:
    """Lines of a table per problem."""
    for problem in distinct(rows, "problem"):
        of_problem = [row for row in rows if row["problem"] == problem]
        tasks = dict.fromkeys((row["task"], row["metric"]) for row in of_problem)
        yield f"### {problem}"
        yield ""
        heads = " | ".join(f"`{task}` {metric}" for task, metric in tasks)
        yield f"| configuration | seeds | {heads} | epochs | seconds |"
        yield "|---|---|" + "---|" * len(tasks) + "---|---|"
        base = [row for row in of_problem if row["configuration"] == DECLARED]
        for name in distinct(of_problem, "configuration"):
            of_configuration = [row for row in of_problem if row["configuration"] == name]
            seeds = len({row["seed"] for row in of_configuration})
            cells = [
                _cell([r for r in of_configuration if r["task"] == task], [r for r in base if r["task"] == task])
                for task, _ in tasks
            ]
            epochs = "-" if name == TREES else f"{statistics.mean(row['epochs'] for row in of_configuration):.0f}"
            seconds = statistics.mean(row["seconds"] for row in of_configuration)
            yield f"| {name} | {seeds} | {' | '.join(cells)} | {epochs} | {seconds:.0f} |"
        yield ""


def _cell(rows: Rows, base: Rows) -> str:
    if not rows:
        return "-"
    values = [row["test"] for row in rows]
    digits = 4 if max(values) < 2 else 2
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}{_mark(rows, base)}"


def _mark(rows: Rows, base: Rows) -> str:
    """▲ or ▼ if the paired difference from the declared network is significant."""
    declared = {row["seed"]: row["test"] for row in base}
    sign = -1 if rows[0]["metric"] in LOWER else 1
    gains = [sign * (row["test"] - declared[row["seed"]]) for row in rows if row["seed"] in declared]
    return MARKS[significant_sign(gains)]


def main() -> None:
    """Print the tables."""
    print("\n".join(tables(json.loads(RESULTS.read_text(encoding="utf-8")))))


if __name__ == "__main__":
    main()
