"""A small problem with texts, lists and numbers, from its data to its graph."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.graph import build_graph
from mtl_core.export.parity import parity
from mtl_core.export.session import run_graph
from mtl_core.graphs.runtime import Session, open_graph
from mtl_core.model import Network
from tests import small
from tests.small import Small, prepared
from tests.text.strings import random_texts

ROWS = 300
FEATURES: dict[str, dict[str, Any]] = {
    "colour": {"kind": "categorical"},
    "size": {"kind": "numeric"},
    "tags": {"kind": "multicategorical", "min_count": 1},
    "note": {"kind": "text", "max_tokens": 12},
    "title": {"kind": "text", "min_count": 1},
    "head": {"kind": "text", "column": "note", "max_tokens": 12, "min_count": 5},
}


def table() -> pa.Table:
    """The small table with difficult texts, some null or long, and lists."""
    notes: list[str | None] = [*random_texts(ROWS - 3, seed=5), None, "", "! " * 2_000]
    return (
        small.table(ROWS)
        .append_column("note", pa.array(notes))
        .append_column("title", pa.array([f"Title {row % 7}, of {row % 3}" for row in range(ROWS)]).dictionary_encode())
        .append_column("tags", pa.array([["a", "b", "c"][: row % 4] for row in range(ROWS)]))
    )


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Small:
    document = small.document() | {"features": FEATURES}
    document["model"]["text"] = {"kind": "conv", "width": 6, "embedding": 8}
    return prepared(tmp_path_factory.mktemp("texts"), document, table())


@pytest.fixture(scope="module")
def network(texts: Small) -> Network:
    return Network.seeded(texts.problem, texts.encoder, 0)


@pytest.fixture(scope="module")
def session(texts: Small, network: Network) -> Session:
    return open_graph(build_graph(network, texts.encoder).SerializeToString())


def replaced(rows: pa.Table, **columns: Any) -> pa.Table:
    for name, values in columns.items():
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(values, rows.schema.field(name).type))
    return rows


def test_graph_and_network_agree(texts: Small, network: Network, session: Session) -> None:
    raw = texts.raw_test
    few = replaced(raw.slice(0, 3), note=["", None, " "], title=[None, "\x00", ""])
    for rows in (raw, raw.slice(0, 1), few, adversarial_rows(raw, texts.encoder)):
        assert parity(session, network, texts.encoder, rows).difference < 1e-5


def test_stored_splits_are_the_codes_of_their_texts(texts: Small) -> None:
    blocks = [f"text.{name}" for name in ("note", "title", "head")]
    assert [name for name, block in texts.encoder.blocks.items() if block.cells > 1] == blocks
    encoded = texts.encoder.encode(texts.raw_test)
    assert encoded["text.note"].lengths.max() <= 13
    assert texts.train.cells is not None
    assert texts.train.cells.max() <= 13 * 16


def test_rows_of_a_call_are_limited_by_characters(texts: Small, session: Session) -> None:
    """A long text that is cut to few tokens is tokenised whole, and would pad all rows of its call."""
    rows = pa.concat_tables([texts.raw_test] * 20).combine_chunks()
    notes = rows["note"].to_pylist()
    notes[500] = "! " * 50_000
    rows = replaced(rows, note=notes)
    calls: list[int] = []

    class Counted:
        def run(self, names: list[str], arrays: dict[str, Any]) -> list[Any]:
            calls.append(len(arrays["note"]) * max(map(len, arrays["note"].tolist())))
            return session.run(names, arrays)  # type: ignore[no-any-return]

    tasks = [task.name for task in texts.tasks]
    predictions = run_graph(Counted(), rows, texts.encoder.inputs, tasks)  # type: ignore[arg-type]
    assert max(calls) <= 1 << 18
    alone = run_graph(session, rows.slice(500, 1), texts.encoder.inputs, tasks)
    for task, values in predictions.items():
        assert len(values) == len(rows)
        np.testing.assert_allclose(values[500], alone[task][0], rtol=1e-5, atol=1e-6)
