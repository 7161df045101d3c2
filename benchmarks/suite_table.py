"""Tables of the results of out_of_the_box.py as Markdown, as shown in docs/quality-and-speed.md.

    python benchmarks/suite_table.py

Difference: 100 ln(error of the network / error of the peer) in the task's own metric on test, mean over tasks; below 0
the network is better. The error of a metric with maximum 1 is 1 minus the metric. The ratio of seconds is the median
over the problems of the network's processor seconds divided by the peer's, for the tasks of the peer and one seed.
"""

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from measurement import distinct, error_of

RESULTS = Path(__file__).parent / "results" / "out_of_the_box.json"
VERDICTS = RESULTS.with_suffix(".verdicts.json")
TRUNKLINE = "trunkline"
ORDER = ("better", "equal", "worse")

Rows = Sequence[dict[str, Any]]
Errors = dict[tuple[str, str, str], float]


def tables(rows: Rows, verdicts: Rows) -> Iterator[str]:
    """Lines of the tables of peers and of problems."""
    errors, seconds = _errors(rows), _seconds(rows)
    peers = [method for method in distinct(rows, "method") if method != TRUNKLINE]
    yield "| half | peer | better | equal | worse | tasks | difference, % | ratio of seconds |"
    yield "|---|---|---|---|---|---|---|---|"
    for half in distinct(verdicts, "half"):
        for peer in peers:
            of_peer = [row for row in verdicts if row["half"] == half and row["peer"] == peer]
            if not of_peer:
                continue
            counts = [sum(row["verdict"] == verdict for row in of_peer) for verdict in ORDER]
            difference = statistics.mean(_difference(errors, row["problem"], row["task"], peer) for row in of_peer)
            ratio = statistics.median(_ratio(seconds, problem, peer) for problem in distinct(of_peer, "problem"))
            cells = (half, peer, *map(str, counts), str(len(of_peer)), f"{difference:.1f}", f"{ratio:.2g}")
            yield f"| {' | '.join(cells)} |"
    yield ""
    yield f"| problem | half | tasks | {' | '.join(peers)} | seconds | LightGBM's |"
    yield "|---|---|---|" + "---|" * len(peers) + "---|---|"
    for problem in distinct(verdicts, "problem"):
        of_problem = [row for row in verdicts if row["problem"] == problem]
        cells = [_cell(errors, [row for row in of_problem if row["peer"] == peer]) for peer in peers]
        durations = [
            sum(s for (p, _, m), s in seconds.items() if (p, m) == (problem, name)) for name in (TRUNKLINE, "lightgbm")
        ]
        tasks = len(distinct(of_problem, "task"))
        network, trees = durations
        yield f"| {problem} | {of_problem[0]['half']} | {tasks} | {' | '.join(cells)} | {network:.1f} | {trees:.1f} |"
    yield ""


def _cell(errors: Errors, rows: Rows) -> str:
    """Mean difference, and the number of tasks better and worse."""
    if not rows:
        return "-"
    difference = statistics.mean(_difference(errors, row["problem"], row["task"], row["peer"]) for row in rows)
    better, _, worse = (sum(row["verdict"] == verdict for row in rows) for verdict in ORDER)
    return f"{difference:+.1f}" + (f" ▲{better}" if better else "") + (f" ▼{worse}" if worse else "")


def _difference(errors: Errors, problem: str, task: str, peer: str) -> float:
    return 100 * math.log(errors[problem, task, TRUNKLINE] / errors[problem, task, peer])


def _ratio(seconds: dict[tuple[str, str, str], float], problem: str, peer: str) -> float:
    tasks = [task for name, task, method in seconds if (name, method) == (problem, peer)]
    network, of_peer = (sum(seconds[problem, task, method] for task in tasks) for method in (TRUNKLINE, peer))
    return network / max(of_peer, 1e-9)


def _errors(rows: Rows) -> Errors:
    """Problem, task, method -> error in the task's own metric, the first of its rows; mean over seeds."""
    metrics: dict[tuple[str, str], str] = {}
    errors: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        if metrics.setdefault((row["problem"], row["task"]), row["metric"]) == row["metric"]:
            error = error_of(row["value"], row["higher_is_better"])
            errors.setdefault((row["problem"], row["task"], row["method"]), []).append(error)
    return {key: statistics.mean(values) for key, values in errors.items()}


def _seconds(rows: Rows) -> dict[tuple[str, str, str], float]:
    """Problem, task, method -> processor seconds of a seed."""
    seconds: dict[tuple[str, str, str], dict[int, float]] = {}
    for row in rows:
        seconds.setdefault((row["problem"], row["task"], row["method"]), {})[row["seed"]] = row["seconds"]
    return {key: statistics.mean(of_seeds.values()) for key, of_seeds in seconds.items()}


if __name__ == "__main__":
    print("\n".join(tables(*(json.loads(path.read_text(encoding="utf-8")) for path in (RESULTS, VERDICTS)))))
