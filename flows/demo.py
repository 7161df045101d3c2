"""Questions to the champion about real rows, over HTTP, for `mtl demo`."""

from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from flows.console.demo import prediction_table, print_paths, refusal
from flows.console.terminal import open_console
from flows.environment import store_home
from flows.layout import Layout
from mtl_core.config import Problem, load_problem
from mtl_core.data.encoder import Encoder
from mtl_core.errors import DataError, ToolError
from mtl_core.files import intact
from serving.champion import read_champion
from serving.lifeline import start_lifeline
from serving.process import running_service
from serving.signature import read_signature
from serving.store import Store

SECONDS = 30.0


def run_demo(folder: Path, count: int) -> None:
    """Serve the champion on a free port, predict `count` rows of the test split, print the table, stop the service."""
    problem, layout, store = load_problem(folder), Layout(folder), Store(store_home(folder))
    read_champion(store.home, problem.name)
    table = read_rows(problem, layout.encoded / "test.parquet", count)
    sent = Encoder.load(layout.encoder).request_values(table)
    console = open_console()
    start_lifeline(layout.lifelines)
    with running_service(store.home, problem.name) as url:
        champion = store.champion(problem.name)
        assert champion is not None  # running_service refuses to start without one
        inputs = [column.name for column in read_signature(store.path(champion) / layout.signature.name).inputs]
        if lost := [name for name in inputs if name not in sent]:
            raise DataError(
                f"champion {champion}: needs columns that the problem no longer has: {', '.join(lost)}; "
                "`mtl retrain` makes a model of what is declared now"
            )
        body = [dict(zip(inputs, row, strict=True)) for row in zip(*(sent[name] for name in inputs), strict=True)]
        try:
            response = httpx.post(f"{url}/predict", json=body, timeout=SECONDS, trust_env=False)
        except httpx.HTTPError as error:
            raise ToolError(f"{url}/predict: must answer within {SECONDS:g} s, found {error!r}; try again") from None
        answer = response.json()
        if response.status_code != httpx.codes.OK:
            raise DataError(refusal(champion, answer))
        console.print(
            f"POST {url}/predict: {len(body)} rows, answered by {answer['model']}", highlight=False, soft_wrap=True
        )
    labels = table.select(list(problem.targets)).to_pylist()  # of the inputs, what was sent: it is always Python's own
    shown = [asked | known for asked, known in zip(body, labels, strict=True)]
    console.print(prediction_table(problem, inputs, shown, answer["predictions"]))
    print_paths(layout, problem.name, store.path(champion))


def read_rows(problem: Problem, path: Path, count: int) -> pa.Table:
    """Read that many rows of the test split, at equal distances; DataError where they are not of this problem."""
    if not path.exists():
        raise DataError(f"{path}: the test split must exist, found no file; run `mtl retrain`")
    with intact(path):
        table = pq.read_table(path)
    if new := [target for target in problem.targets if target not in table.column_names]:
        raise DataError(f"{path}: must have every target, found no column {new[0]!r}; run `mtl retrain`")
    return table.take(_evenly_spaced(table.num_rows, count))


def _evenly_spaced(total: int, count: int) -> list[int]:
    """Row numbers at equal distances."""
    count = min(count, total)
    return [index * total // count for index in range(count)]
