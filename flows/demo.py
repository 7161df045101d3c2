"""Questions to the champion about real rows, over HTTP, for `mtl demo`."""

from pathlib import Path

import httpx
import pyarrow.parquet as pq
from rich.console import Console

from flows.console.demo import prediction_table, print_paths
from flows.environment import store_home
from flows.layout import Layout
from mtl_core.config import load_problem
from serving.process import running
from serving.signature import read_signature
from serving.store import Store

__all__ = ["run_demo"]


def run_demo(folder: Path, count: int) -> None:
    """Serve the champion on a free port, predict `count` rows of the test split, print the table, stop the service."""
    problem, layout, store = load_problem(folder), Layout(folder), Store(store_home(folder))
    table = pq.read_table(layout.encoded / "test.parquet")
    rows = table.take(_evenly_spaced(table.num_rows, count)).to_pylist()
    console = Console()
    with running(store.home, problem.name) as url:
        champion = store.champion(problem.name)
        assert champion is not None  # running refuses to start without one
        inputs = [column.name for column in read_signature(store.path(champion) / layout.signature.name).inputs]
        body = [{name: row[name] for name in inputs} for row in rows]
        answer = httpx.post(f"{url}/predict", json=body, timeout=30.0, trust_env=False).raise_for_status().json()
        console.print(f"POST {url}/predict: {len(body)} rows, answered by {answer['model']}", highlight=False)
    console.print(prediction_table(problem, inputs, rows, answer["predictions"]))
    print_paths(layout, problem.name, store.path(champion))


def _evenly_spaced(total: int, count: int) -> list[int]:
    """Row numbers at equal distances."""
    count = min(count, total)
    return [index * total // count for index in range(count)]
