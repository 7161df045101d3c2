"""Texts: the service against the graph alone, a sentence over HTTP, a long text, and the memory of training.

    python benchmarks/text.py [--folder examples/snips] [--rounds 5]
    python benchmarks/text.py --memory [--rows 10000 1000000]

The first form needs a problem with one text feature whose model is the champion, as after `mtl retrain`. `bulk` is the
rate of the service's work on 2,000 texts, from the body of the request to that of the response, as a share of the rate
of the graph alone on the same batches. `memory` trains one epoch on generated texts, each row count in its own process.
The last line is one JSON object: {"bulk", "graph_ms", "http_p50_ms", "long_text": {"seconds", "mib"}}, or {"memory":
{rows: MiB}, "ratio"}.
"""

import argparse
import http.client
import json
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from measurement import alternate, processor_seconds
from process_cost import cost_in_new_process

from flows.environment import store_home
from flows.layout import Layout
from mtl_core.config import load_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.training import train
from mtl_core.validation.results import write_quarantine
from serving.live import ServedModel
from serving.process import running_service

BULK_ROWS, REQUESTS, SHORT_ROWS, LONG_CHARACTERS = 2_000, 500, 255, 100_000
WORDS, LABELS = 20_000, 20

PARAMS = """
name: texts
data: {path: data}
split: {by: hash, column: key, validation: 0.1, test: 0.1}
features: {text: {kind: text}}
tasks:
  topic: {kind: multiclass, target: topic}
  names: {kind: tagging, target: names}
training: {epochs: 1, steps_per_epoch: 20, batch_size: 64, balancing: {method: mean}}
"""


def service(folder: Path, rounds: int) -> dict[str, object]:
    """The service's work, its graph alone, and a sentence over HTTP."""
    problem, layout = load_problem(folder), Layout(folder)
    served = ServedModel.champion(store_home(folder), problem.name)
    (column,) = problem.feature_columns
    texts = pq.read_table(layout.encoded / "test.parquet", columns=[column])[column].to_pylist()
    rows = [{column: texts[index % len(texts)]} for index in range(BULK_ROWS)]
    body, batches = as_body(rows), list(served.decoder.decode(as_body(rows)))

    def graph() -> None:
        for batch in batches:
            served.model.predict(batch.tensors)

    calls = {"service": lambda: served.respond(body), "graph": graph}
    seconds = alternate({name: lambda call=call: processor_seconds(call) for name, call in calls.items()}, rounds)
    bulk = statistics.median(a / b for a, b in zip(seconds["graph"], seconds["service"], strict=True))
    print(
        f"{BULK_ROWS:,} texts in {len(batches)} batches: {BULK_ROWS / min(seconds['service']):,.0f} texts/s; {bulk:.2f}"
    )
    sentence = as_body(rows[:1])
    graph_ms = 1e3 * processor_seconds(lambda: served.respond(sentence), REQUESTS)
    with running_service(store_home(folder), problem.name) as url:
        http_ms = 1e3 * p50(url, sentence)
    cost = cost_in_new_process(long_text, folder)
    long = {"seconds": round(cost.wall, 2), "mib": round(cost.peak - cost.before)}
    print(f"one text: {graph_ms:.2f} ms in the process, {http_ms:.2f} ms over HTTP (p50 of {REQUESTS} requests)")
    print(f"{SHORT_ROWS} texts and one of {LONG_CHARACTERS:,} characters: {long['seconds']} s, {long['mib']} MiB more")
    return {"bulk": round(bulk, 2), "graph_ms": round(graph_ms, 2), "http_p50_ms": round(http_ms, 2), "long_text": long}


def long_text(folder: Path) -> None:
    """A request of short texts and a very long one."""
    problem = load_problem(folder)
    (column,) = problem.feature_columns
    texts = ["play some music"] * SHORT_ROWS + ["word " * (LONG_CHARACTERS // 5)]
    ServedModel.champion(store_home(folder), problem.name).respond(as_body([{column: text} for text in texts]))


def p50(url: str, body: bytes) -> float:
    """Median seconds of a request over one connection."""
    address = urlsplit(url)
    assert address.hostname
    connection, times = http.client.HTTPConnection(address.hostname, address.port), []
    for _ in range(REQUESTS):
        start = time.perf_counter()
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert response.status == 200, response.read()
        response.read()
        times.append(time.perf_counter() - start)
    connection.close()
    return statistics.median(times)


def as_body(rows: list[dict[str, str]]) -> bytes:
    """The body of a request."""
    return json.dumps(rows).encode()


def memory(row_counts: list[int]) -> dict[str, object]:
    """Anonymous peak of a training on generated texts, which grows with the vocabulary only."""
    peaks = {}
    for rows in row_counts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_texts(folder, rows)
            prepared = cost_in_new_process(prepare_texts, folder)
            trained = cost_in_new_process(train_texts, folder)
            peaks[rows] = round(trained.anonymous)
            print(
                f"{rows:>10,} texts: prepare {prepared.wall:.1f} s, {prepared.anonymous:,.0f} MiB; "
                f"train {trained.wall:.1f} s, {trained.anonymous:,.0f} MiB"
            )
    return {"memory": peaks, "ratio": round(max(peaks.values()) / min(peaks.values()), 2)}


def write_texts(folder: Path, rows: int) -> None:
    """A problem with generated texts of 3 to 20 words, a topic and labelled words."""
    (folder / "data").mkdir()
    (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
    for start in range(0, rows, 100_000):
        pq.write_table(generated_texts(start, min(start + 100_000, rows)), folder / "data" / f"{start:09}.parquet")


def generated_texts(start: int, stop: int) -> pa.Table:
    """Rows `start` to `stop`; every tenth word of the vocabulary has one of LABELS labels."""
    generator, rows = np.random.default_rng([0, start]), stop - start
    lengths = generator.integers(3, 21, rows)
    words = np.floor(WORDS ** generator.random(int(lengths.sum()))).astype(int)
    texts, names = [], []
    for of_text in np.split(words, np.cumsum(lengths)[:-1]):
        tokens = [f"w{word}" for word in of_text]
        ends = np.cumsum([len(token) + 1 for token in tokens]) - 1
        texts.append(" ".join(tokens))
        names.append(
            [
                {"start": int(end) - len(token), "end": int(end), "label": f"label {word // 10 % LABELS}"}
                for token, end, word in zip(tokens, ends, of_text, strict=True)
                if word % 10 == 0
            ]
        )
    topics = [f"topic {text.count('w1')}" for text in texts]
    return pa.table({"key": np.arange(start, stop), "text": texts, "topic": topics, "names": names})


def prepare_texts(folder: Path) -> None:
    """The stage `prepare`, with no quarantined row."""
    write_quarantine(folder / "quarantine.parquet", ())
    prepare(folder, load_problem(folder), folder / "quarantine.parquet", folder / "encoded")


def train_texts(folder: Path) -> None:
    """The stage `train`."""
    torch.set_num_threads(1)
    encoder = Encoder.load(folder / "encoded" / "encoder.json")
    train_split, validation = (
        EncodedSplit.open(folder / "encoded" / name, encoder) for name in ("train", "validation")
    )
    train(load_problem(folder), encoder, train_split, validation, folder / "resume")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("examples/snips"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    arguments = parser.parse_args()
    print(json.dumps(memory(arguments.rows) if arguments.memory else service(arguments.folder, arguments.rounds)))


if __name__ == "__main__":
    main()
