"""Predictions of the champion for rows of the test split, over HTTP, for `mtl demo`."""

from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from flows.console.demo import prediction_table, print_paths, refusal_text
from flows.console.terminal import open_console
from flows.environment import store_home
from flows.layout import Layout
from mtl_core.config import Problem, load_problem
from mtl_core.data.encoder import Encoder
from mtl_core.errors import DataError, ToolError
from mtl_core.files import damage_as_data_error
from serving.champion import read_champion
from serving.lifeline import start_lifeline
from serving.process import running_service
from serving.signature import read_signature
from serving.store import Store

TIMEOUT = 30.0  # seconds


def run_demo(folder: Path, count: int) -> None:
    """Serve the champion on a free port, predict `count` rows of the test split, print the table, stop the service."""
    problem, layout, store = load_problem(folder), Layout(folder), Store(store_home(folder))
    champion = read_champion(store.home, problem.name).champion
    table = read_rows(problem, layout.encoded / "test.parquet", count)
    columns = Encoder.load(layout.encoder).request_values(table)
    console = open_console()
    start_lifeline(layout.lifelines)
    with running_service(store.home, problem.name) as url:
        inputs = [column.name for column in read_signature(store.path(champion) / layout.signature.name).inputs]
        if missing := [name for name in inputs if name not in columns]:
            raise DataError(
                f"champion {champion}: needs columns that the problem no longer has: {', '.join(missing)}; "
                "`mtl retrain` trains a model of the present params.yaml"
            )
        rows = [dict(zip(inputs, row, strict=True)) for row in zip(*(columns[name] for name in inputs), strict=True)]
        answer = _predict(f"{url}/predict", champion, rows)
        console.out(f"POST {url}/predict: {len(rows)} rows, answered by {answer['model']}")
    labels = table.select(list(problem.targets)).to_pylist()
    labelled_rows = [row | targets for row, targets in zip(rows, labels, strict=True)]
    console.print(prediction_table(problem, inputs, labelled_rows, answer["predictions"]))
    print_paths(layout, problem.name, store.path(champion))


def read_rows(problem: Problem, path: Path, count: int) -> pa.Table:
    """Read `count` evenly spaced rows of the test split; raises DataError if it is missing or of another problem."""
    if not path.exists():
        raise DataError(f"{path}: the test split must exist, found no file; run `mtl retrain`")
    with damage_as_data_error(path):
        table = pq.read_table(path)
    if missing := [target for target in problem.targets if target not in table.column_names]:
        raise DataError(f"{path}: must have every target, found no column {missing[0]!r}; run `mtl retrain`")
    count = min(count, table.num_rows)
    return table.take([index * table.num_rows // count for index in range(count)])


def _predict(url: str, champion: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The body of the service's answer; raises ToolError without an answer, DataError for refused rows."""
    try:
        response = httpx.post(url, json=rows, timeout=TIMEOUT, trust_env=False)
    except httpx.HTTPError as error:
        raise ToolError(f"{url}: must answer within {TIMEOUT:g} s, found {error!r}; try again") from None
    answer: dict[str, Any] = response.json()
    if response.status_code != httpx.codes.OK:
        raise DataError(refusal_text(champion, answer))
    return answer
