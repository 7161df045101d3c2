"""Refusals and churn on replayed flights, with and without the champion as the teacher of every task.

    python benchmarks/churn.py [--months 4 12] [--seeds 3]   # resumes
    python benchmarks/churn.py --quick                       # two months, a seed, a few epochs; writes no results

The months of 2013 arrive one by one. With each, a challenger is trained on all months but the newest two, validated on
the last but one, and compared with its champion on the newest. It is refused if a task is significantly worse
(gates.worse_than_champion: 0), else it is the next champion. Each arm has its own champions: `labels` learns from
labels alone, `champion` also from the champion (weight 0.5). Both paths are those of `mtl retrain`: the exported graph
predicts, and teaches.

Results: benchmarks/results/churn.json, a list of {month, seed, arm, task, metric, higher_is_better, challenger,
champion, worse, refused, unit, churn, seconds}. `challenger` and `champion` are the task's own metric on the newest
month, `refused` is about the model. `churn` is the share of rows whose class differs between both, or the mean absolute
difference of their numbers in `unit`; `seconds` are processor seconds of the training. The first month has no
champion. Provenance: churn.provenance.json. benchmarks/churn_table.py prints the table again.
"""

import argparse
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from churn_table import RESULTS, table
from measurement import Row, merge_records, merge_rows
from numpy.typing import NDArray
from problems import ROOT
from rich.console import Console

from flows.environment import prepare_environment
from flows.pipeline.pin import fetch
from flows.provenance import provenance_of
from mtl_core.config import Problem, load_problem
from mtl_core.config.distillation import ChampionTeacher
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.evaluation import compare
from mtl_core.export.champion import open_champion, training_rows
from mtl_core.export.graph import build_graph
from mtl_core.export.session import run_graph
from mtl_core.export.signature import signature
from mtl_core.files import pending_folder, write_bytes, write_text
from mtl_core.graphs.runtime import open_graph
from mtl_core.studies.splits import Splits
from mtl_core.tasks import Objective
from mtl_core.teacher_files import TeacherRecord, write_teacher
from mtl_core.training import train
from mtl_core.validation.results import write_quarantine

__all__: list[str] = []

PROVENANCE = RESULTS.with_suffix(".provenance.json")
WORK = ROOT / ".trunkline" / "benchmarks" / "churn"
ARMS = ("labels", "champion")
FIRST, LAST = 4, 12
"""The newest months of the first and of the last challenger."""


@dataclass(frozen=True, kw_only=True)
class Month:
    """The flights up to a month, prepared in a folder."""

    number: int
    folder: Path
    problem: Problem

    @classmethod
    def prepare(cls, number: int, problem: Problem, folder: Path) -> "Month":
        split = problem.split.model_copy(
            update={"validation": f"2013-{number - 1:02}-01", "test": f"2013-{number:02}-01"}
        )
        data = problem.data.model_copy(update={"path": "data"})
        month = cls(number=number, folder=folder, problem=problem.model_copy(update={"split": split, "data": data}))
        if not month.encoded.exists():
            (folder / "data").mkdir(parents=True, exist_ok=True)
            for part in range(1, number + 1):
                shutil.copyfile(ROOT / "data" / "flights" / _part(part), folder / "data" / _part(part))
            write_quarantine(month.quarantine, ())
            prepare(folder, month.problem, month.quarantine, month.encoded)
        return month

    @property
    def encoded(self) -> Path:
        return self.folder / "encoded"

    @property
    def quarantine(self) -> Path:
        return self.folder / "quarantine.parquet"


def _part(month: int) -> str:
    return f"2013-{month:02}.parquet"


def challenge(month: Month, arm: str, seed: int, champion: Path | None, out: Path) -> None:
    """Train a challenger and write its model, predictions of the newest month, and rows of results into `out`."""
    encoder = Encoder.load(month.encoded / "encoder.json")
    splits = Splits.open(month.encoded, encoder)
    teachers = {task: ChampionTeacher() for task in month.problem.tasks} if arm == "champion" and champion else {}
    training = month.problem.training.model_copy(update={"seed": seed, "threads": 1, "teachers": teachers})
    problem = month.problem.model_copy(update={"training": training})
    with pending_folder(out) as temporary:
        start, teacher = time.process_time(), None
        if teachers and champion:
            write_teacher(temporary / "teacher", TeacherRecord(champion=champion.parent.name), champion / "model")
            rows = partial(training_rows, month.folder, month.problem, month.quarantine)
            teacher = open_champion(temporary / "teacher", problem, encoder, splits.train, rows)
            assert not teacher.untaught
        network, _ = train(problem, encoder, splits.train, splits.validation, temporary / "resume", None, teacher)
        seconds = time.process_time() - start
        shutil.rmtree(temporary / "resume")
        graph = build_graph(network, encoder).SerializeToString(deterministic=True)
        write_bytes(temporary / "model" / "model.onnx", graph)
        entry = signature(problem, encoder, network.objectives, graph)
        write_text(temporary / "model" / "signature.json", json.dumps(entry))
        rows_of_month = results(month, network.objectives, encoder, graph, champion)
        named = [
            {"month": month.number, "seed": seed, "arm": arm, **row, "seconds": round(seconds, 1)}
            for row in rows_of_month
        ]
        write_text(temporary / "rows.json", json.dumps(named))


def results(
    month: Month, tasks: tuple[Objective, ...], encoder: Encoder, graph: bytes, champion: Path | None
) -> list[Row]:
    """Rows of the results without their keys: the challenger against the champion on the newest month."""
    raw = pq.read_table(month.encoded / "test.parquet")
    labels: dict[str, NDArray[Any]] = {name: np.asarray(x) for name, x in encoder.labels(raw, exact=True).items()}
    names = [task.name for task in tasks]

    def predict(model: bytes) -> dict[str, NDArray[Any]]:
        return run_graph(open_graph(model), raw, encoder.inputs, names)

    challenger = predict(graph)
    reference = predict((champion / "model" / "model.onnx").read_bytes()) if champion else challenger
    differences = compare(tasks, labels, reference, challenger)
    worse = {difference.task: champion is not None and not difference.high >= 0 for difference in differences}
    rows = []
    for task, difference in zip(tasks, differences, strict=True):
        unit, churn = churn_of(task, reference[task.name], challenger[task.name])
        rows.append(
            {
                "task": task.name,
                "metric": difference.metric,
                "higher_is_better": task.metric.higher_is_better,
                "challenger": difference.candidate,
                "champion": difference.reference if champion else None,
                "worse": worse[task.name],
                "refused": any(worse.values()),
                "unit": unit,
                "churn": churn if champion else None,
            }
        )
    return rows


def churn_of(task: Objective, before: NDArray[Any], after: NDArray[Any]) -> tuple[str, float]:
    """Unit and amount of the change: share of rows whose class differs, or the mean absolute change of numbers."""
    output = task.output_format()
    if output["unit"] != "probability":
        return output["unit"], float(np.abs(after.astype(np.float64) - before).mean())
    classes = [p >= 0.5 if p.ndim == 1 else p.argmax(axis=1) for p in (before, after)]
    return "rows", float((classes[0] != classes[1]).mean())


def replay(problem: Problem, months: range, seeds: range, work: Path, console: Console) -> Iterator[list[Row]]:
    """The rows of every month: its challengers, each against the last one of its arm and seed that was not refused."""
    champions: dict[tuple[str, int], Path] = {}
    for number in months:
        month = Month.prepare(number, problem, work / f"month-{number:02}")
        rows: list[Row] = []
        for seed in seeds:
            for arm in ARMS:
                out = month.folder / f"{arm}-{seed}"
                if not out.exists():
                    challenge(month, arm, seed, champions.get((arm, seed)), out)
                of_run = json.loads((out / "rows.json").read_text(encoding="utf-8"))
                refused = of_run[0]["refused"]
                worse = ", ".join(row["task"] for row in of_run if row["worse"])
                outcome = f"refused, worse in {worse}" if refused else "promoted"
                console.print(f"2013-{number:02} seed {seed} {arm}: {outcome}, {of_run[0]['seconds']:.0f} s")
                if not refused:
                    champions[arm, seed] = out
                rows += of_run
        yield rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, nargs=2, default=[FIRST, LAST], help="first and last newest month")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    prepare_environment(ROOT)
    fetch(ROOT)
    problem, work = load_problem(ROOT), WORK / "full"
    months, seeds = range(arguments.months[0], arguments.months[1] + 1), range(arguments.seeds)
    if arguments.quick:
        months, seeds, work = range(FIRST, FIRST + 2), range(1), WORK / "quick"
        shutil.rmtree(work, ignore_errors=True)
        training = problem.training.model_copy(update={"epochs": 3, "steps_per_epoch": 100})
        problem = problem.model_copy(update={"training": training})
    rows: list[Row] = []
    for of_month in replay(problem, months, seeds, work, Console()):
        rows += of_month
        if not arguments.quick:
            keys = ("month", "seed", "arm", "task")
            merge_rows(RESULTS, of_month, keys, lambda row: (row["month"], row["seed"], ARMS.index(row["arm"])))
    if not arguments.quick:
        command = f"python benchmarks/churn.py --months {months[0]} {months[-1]} --seeds {len(seeds)}"
        merge_records(PROVENANCE, {"flights": provenance_of(command, seeds, ROOT, problem).model_dump()})
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
