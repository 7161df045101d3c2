"""Table that out_of_the_box.py prints: a line per task, and the counts of better, equal and worse."""

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from out_of_the_box_runs import METHODS, TRUNKLINE
from out_of_the_box_verdicts import LIMIT, MethodResult, error_ratio, verdict_of
from rich.console import Console
from rich.table import Table

MARKS = {"better": "▲", "equal": " ", "worse": "▼"}
ORDER = tuple(MARKS)
Counts = dict[str, Counter[str]]


@dataclass(frozen=True)
class TaskResult:
    """All methods on one task. `seconds`: method -> processor seconds of a seed, for this task."""

    problem: str
    half: str
    task: str
    measured: Mapping[str, MethodResult]
    seconds: Mapping[str, float]

    @property
    def verdicts(self) -> dict[str, str]:
        """Peer -> verdict on the shared network."""
        network = self.measured[TRUNKLINE]
        return {name: verdict_of(network, peer) for name, peer in self.measured.items() if name != TRUNKLINE}

    @property
    def rows(self) -> list[dict[str, str]]:
        """Rows of the file of verdicts."""
        of_task = {"problem": self.problem, "half": self.half, "task": self.task}
        verdicts = self.verdicts.items() if TRUNKLINE in self.measured else ()
        return [of_task | {"peer": peer, "verdict": verdict} for peer, verdict in verdicts]

    @property
    def ratio(self) -> float:
        """The shared network's error over the best peer's; 0 without peers."""
        peers = [peer for name, peer in self.measured.items() if name != TRUNKLINE]
        return error_ratio(self.measured[TRUNKLINE], peers) if peers else 0.0


def show(results: Sequence[TaskResult], console: Console) -> None:
    """Tables, then one line of JSON."""
    results = [task for task in results if TRUNKLINE in task.measured]
    verdicts = [task.verdicts for task in results]
    methods = [name for name in METHODS if any(name in task.measured for task in results)]
    console.print(_tasks(results, verdicts, methods))
    halves = {task.half for task in results}
    for half in sorted(halves) + (["both"] if len(halves) > 1 else []):
        of_half = [
            (task, of_task) for task, of_task in zip(results, verdicts, strict=True) if half in (task.half, "both")
        ]
        console.print(_totals(half, [task for task, _ in of_half], [of_task for _, of_task in of_half], methods))
    if outliers := [f"{task.problem}: {task.task} x {task.ratio:.2f}" for task in results if task.ratio > LIMIT]:
        console.print(f"error above {LIMIT} times the best peer's: " + ", ".join(outliers))
    counts = _counts(verdicts)
    document: dict[str, Any] = {name: [counts[name][verdict] for verdict in ORDER] for name in counts}
    print(json.dumps(document | {"seconds": _seconds(results)}))


def _tasks(results: Sequence[TaskResult], verdicts: Sequence[Mapping[str, str]], methods: Sequence[str]) -> Table:
    table = Table(
        "problem", "task", "metric", *methods, "seconds: network", "lightgbm", title="▲ the network is better"
    )
    for task, of_task in zip(results, verdicts, strict=True):
        network = task.measured[TRUNKLINE]
        cells = []
        for name in methods:
            values = task.measured[name].values if name in task.measured else []
            spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
            mark = f" {MARKS[of_task[name]]}" if name in of_task else ""
            cells.append(f"{statistics.mean(values):.4g}{spread}{mark}" if len(values) else "-")
        seconds = [f"{task.seconds[name]:.1f}" if name in task.seconds else "-" for name in (TRUNKLINE, "lightgbm")]
        table.add_row(task.problem, task.task, network.metric.name, *cells, *seconds)
    return table


def _totals(
    half: str, results: Sequence[TaskResult], verdicts: Sequence[Mapping[str, str]], methods: Sequence[str]
) -> Table:
    counts = _counts(verdicts)
    table = Table("peer", *ORDER, "tasks", "network / peer, seconds", title=f"{half}: {len(results)} tasks")
    for name in methods:
        if name != TRUNKLINE:
            numbers = [counts[name][verdict] for verdict in ORDER]
            ratio = statistics.median(_ratios(results, name))
            table.add_row(name, *map(str, numbers), str(sum(numbers)), f"{ratio:.2f}")
    return table


def _counts(verdicts: Sequence[Mapping[str, str]]) -> Counts:
    counts: Counts = {}
    for of_task in verdicts:
        for name, verdict in of_task.items():
            counts.setdefault(name, Counter())[verdict] += 1
    return {name: counts[name] for name in METHODS if name in counts}


def _ratios(results: Sequence[TaskResult], peer: str) -> list[float]:
    """Per problem, the network's processor seconds divided by the peer's, both summed over the peer's tasks.

    The network also trains the other tasks in this time, so the ratio is pessimistic for peers with few tasks.
    """
    sums: dict[str, list[float]] = {}
    for task in results:
        if peer in task.seconds and TRUNKLINE in task.seconds:
            of_problem = sums.setdefault(task.problem, [0.0, 0.0])
            of_problem[0] += task.seconds[TRUNKLINE]
            of_problem[1] += task.seconds[peer]
    return [network / max(other, 1e-9) for network, other in sums.values()]


def _seconds(results: Sequence[TaskResult]) -> dict[str, float]:
    """Method -> processor seconds of all its tasks, one seed; and the median ratio to LightGBM over the problems."""
    names = [name for name in METHODS if any(name in task.seconds for task in results)]
    totals = {name: round(sum(task.seconds.get(name, 0.0) for task in results), 1) for name in names}
    ratios = _ratios(results, "lightgbm")
    return totals | ({"median_ratio_to_lightgbm": round(statistics.median(ratios), 2)} if ratios else {})
