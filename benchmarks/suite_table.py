"""The tables of the kept results of out_of_the_box.py, as Markdown: docs/quality-and-speed.md shows exactly these.

    python benchmarks/suite_table.py

Difference: 100 ln(error of the network / error of the peer) in the task's own metric on test, mean over tasks; below 0
the network is better. The error of a metric of which more is better, up to 1, is 1 less it. Seconds are of the
processor for all tasks that the peer learned, one seed, median over the problems of the network's by the peer's.
"""

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "out_of_the_box.json"
VERDICTS = RESULTS.with_suffix(".verdicts.json")
OWN = "trunkline"
ORDER = ("better", "equal", "worse")

Rows = Sequence[dict[str, Any]]
Errors = dict[tuple[str, str, str], float]


def tables(rows: Rows, verdicts: Rows) -> Iterator[str]:
    """The lines of a table of the peers, and of one of the problems."""
    errors, seconds = _errors(rows), _seconds(rows)
    peers = [method for method in _each(rows, "method") if method != OWN]
    yield "| half | peer | better | equal | worse | tasks | difference, % | ratio of seconds |"
    yield "|---|---|---|---|---|---|---|---|"
    for half in _each(verdicts, "half"):
        for peer in peers:
            found = [row for row in verdicts if row["half"] == half and row["peer"] == peer]
            if not found:
                continue
            counts = [sum(row["verdict"] == each for row in found) for each in ORDER]
            difference = statistics.mean(_difference(errors, row["problem"], row["task"], peer) for row in found)
            ratio = statistics.median(_ratio(seconds, problem, peer) for problem in _each(found, "problem"))
            cells = (half, peer, *map(str, counts), str(len(found)), f"{difference:.1f}", f"{ratio:.2g}")
            yield f"| {' | '.join(cells)} |"
    yield ""
    yield f"| problem | half | tasks | {' | '.join(peers)} | seconds | LightGBM's |"
    yield "|---|---|---|" + "---|" * len(peers) + "---|---|"
    for problem in _each(verdicts, "problem"):
        own = [row for row in verdicts if row["problem"] == problem]
        cells = [_cell(errors, [row for row in own if row["peer"] == peer]) for peer in peers]
        spent = [sum(s for (p, _, m), s in seconds.items() if (p, m) == (problem, name)) for name in (OWN, "lightgbm")]
        tasks = len(_each(own, "task"))
        yield f"| {problem} | {own[0]['half']} | {tasks} | {' | '.join(cells)} | {spent[0]:.1f} | {spent[1]:.1f} |"
    yield ""


def _cell(errors: Errors, rows: Rows) -> str:
    """Mean difference, and the number of tasks better and worse."""
    if not rows:
        return "-"
    difference = statistics.mean(_difference(errors, row["problem"], row["task"], row["peer"]) for row in rows)
    better, _, worse = (sum(row["verdict"] == each for row in rows) for each in ORDER)
    return f"{difference:+.1f}" + (f" ▲{better}" if better else "") + (f" ▼{worse}" if worse else "")


def _difference(errors: Errors, problem: str, task: str, peer: str) -> float:
    return 100 * math.log(errors[problem, task, OWN] / errors[problem, task, peer])


def _ratio(seconds: dict[tuple[str, str, str], float], problem: str, peer: str) -> float:
    tasks = [task for found, task, method in seconds if (found, method) == (problem, peer)]
    own, other = (sum(seconds[problem, task, method] for task in tasks) for method in (OWN, peer))
    return own / max(other, 1e-9)


def _errors(rows: Rows) -> Errors:
    """Problem, task, method -> error in the task's own metric, the first of its rows; mean over seeds."""
    metrics: dict[tuple[str, str], str] = {}
    found: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        if metrics.setdefault((row["problem"], row["task"]), row["metric"]) == row["metric"]:
            error = 1 - row["value"] if row["higher_is_better"] else row["value"]
            found.setdefault((row["problem"], row["task"], row["method"]), []).append(error)
    return {key: statistics.mean(values) for key, values in found.items()}


def _seconds(rows: Rows) -> dict[tuple[str, str, str], float]:
    """Problem, task, method -> processor seconds of a seed."""
    found: dict[tuple[str, str, str], dict[int, float]] = {}
    for row in rows:
        found.setdefault((row["problem"], row["task"], row["method"]), {})[row["seed"]] = row["seconds"]
    return {key: statistics.mean(of_seeds.values()) for key, of_seeds in found.items()}


def _each(rows: Rows, key: str) -> list[Any]:
    return list(dict.fromkeys(row[key] for row in rows))


if __name__ == "__main__":
    print("\n".join(tables(*(json.loads(path.read_text(encoding="utf-8")) for path in (RESULTS, VERDICTS)))))
