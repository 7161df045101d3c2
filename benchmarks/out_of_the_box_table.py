"""Table that out_of_the_box.py prints: a line per task, and the counts of better, equal and worse."""

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from out_of_the_box_runs import METHODS, OWN
from out_of_the_box_verdicts import LIMIT, Measured, error_ratio, judge
from rich.console import Console
from rich.table import Table

MARKS = {"better": "▲", "equal": " ", "worse": "▼"}
ORDER = tuple(MARKS)
Counts = dict[str, Counter[str]]


@dataclass(frozen=True)
class TaskFound:
    """All methods on one task. `seconds`: method -> processor seconds of a seed, for this task."""

    problem: str
    half: str
    task: str
    measured: Mapping[str, Measured]
    seconds: Mapping[str, float]

    @property
    def verdicts(self) -> dict[str, str]:
        """Peer -> verdict on the shared network."""
        own = self.measured[OWN]
        return {name: judge(own, peer) for name, peer in self.measured.items() if name != OWN}

    @property
    def rows(self) -> list[dict[str, str]]:
        """The verdicts as they are kept."""
        of_task = {"problem": self.problem, "half": self.half, "task": self.task}
        found = self.verdicts.items() if OWN in self.measured else ()
        return [of_task | {"peer": peer, "verdict": verdict} for peer, verdict in found]

    @property
    def ratio(self) -> float:
        """The shared network's error over the best peer's; 0 without peers."""
        peers = [peer for name, peer in self.measured.items() if name != OWN]
        return error_ratio(self.measured[OWN], peers) if peers else 0.0


def show(found: Sequence[TaskFound], console: Console) -> None:
    """Tables, then one line of JSON."""
    found = [task for task in found if OWN in task.measured]
    verdicts = [task.verdicts for task in found]
    methods = [name for name in METHODS if any(name in task.measured for task in found)]
    console.print(_tasks(found, verdicts, methods))
    halves = {task.half for task in found}
    for half in sorted(halves) + (["both"] if len(halves) > 1 else []):
        of_half = [
            (task, of_task) for task, of_task in zip(found, verdicts, strict=True) if half in (task.half, "both")
        ]
        console.print(_totals(half, [task for task, _ in of_half], [of_task for _, of_task in of_half], methods))
    if far := [f"{task.problem}: {task.task} x {task.ratio:.2f}" for task in found if task.ratio > LIMIT]:
        console.print(f"error above {LIMIT} times the best peer's: " + ", ".join(far))
    counts = _counts(verdicts)
    document: dict[str, Any] = {name: [counts[name][each] for each in ORDER] for name in counts}
    print(json.dumps(document | {"seconds": _seconds(found)}))


def _tasks(found: Sequence[TaskFound], verdicts: Sequence[Mapping[str, str]], methods: Sequence[str]) -> Table:
    shown = Table("problem", "task", "metric", *methods, "seconds: own", "lightgbm", title="▲ the network is better")
    for task, of_task in zip(found, verdicts, strict=True):
        own = task.measured[OWN]
        cells = []
        for name in methods:
            values = task.measured[name].values if name in task.measured else []
            spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
            mark = f" {MARKS[of_task[name]]}" if name in of_task else ""
            cells.append(f"{statistics.mean(values):.4g}{spread}{mark}" if len(values) else "-")
        seconds = [f"{task.seconds[name]:.1f}" if name in task.seconds else "-" for name in (OWN, "lightgbm")]
        shown.add_row(task.problem, task.task, own.metric.name, *cells, *seconds)
    return shown


def _totals(
    half: str, found: Sequence[TaskFound], verdicts: Sequence[Mapping[str, str]], methods: Sequence[str]
) -> Table:
    counts = _counts(verdicts)
    shown = Table("peer", *ORDER, "tasks", "network / peer, seconds", title=f"{half}: {len(found)} tasks")
    for name in methods:
        if name != OWN:
            numbers = [counts[name][each] for each in ORDER]
            ratio = statistics.median(_ratios(found, name))
            shown.add_row(name, *map(str, numbers), str(sum(numbers)), f"{ratio:.2f}")
    return shown


def _counts(verdicts: Sequence[Mapping[str, str]]) -> Counts:
    counts: Counts = {}
    for of_task in verdicts:
        for name, verdict in of_task.items():
            counts.setdefault(name, Counter())[verdict] += 1
    return {name: counts[name] for name in METHODS if name in counts}


def _ratios(found: Sequence[TaskFound], peer: str) -> list[float]:
    """Per problem, the network's processor seconds over the peer's, both over the tasks that the peer learned.

    The network learned the others in the same seconds: with a peer of few tasks the ratio says too little of it.
    """
    sums: dict[str, list[float]] = {}
    for task in found:
        if peer in task.seconds and OWN in task.seconds:
            of_problem = sums.setdefault(task.problem, [0.0, 0.0])
            of_problem[0] += task.seconds[OWN]
            of_problem[1] += task.seconds[peer]
    return [own / max(other, 1e-9) for own, other in sums.values()]


def _seconds(found: Sequence[TaskFound]) -> dict[str, float]:
    """Method -> processor seconds of all its tasks, one seed; and the median ratio to LightGBM over the problems."""
    names = [name for name in METHODS if any(name in task.seconds for task in found)]
    totals = {name: round(sum(task.seconds.get(name, 0.0) for task in found), 1) for name in names}
    ratios = _ratios(found, "lightgbm")
    return totals | ({"median_ratio_to_lightgbm": round(statistics.median(ratios), 2)} if ratios else {})
