"""The exported graph predicts as the network, with the user's names and units."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest

from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.graph import build_graph
from mtl_core.export.parity import parity
from mtl_core.export.session import graph_inputs, run_graph
from mtl_core.export.signature import signature
from mtl_core.graphs.runtime import open_graph
from mtl_core.model import Network
from tests.small import Small, document, prepared, table


def predictions_of(graph: bytes, rows: pa.Table, small: Small) -> dict[str, Any]:
    return run_graph(open_graph(graph), rows, small.encoder.inputs, [task.name for task in small.tasks])


def test_golden_signature(small: Small, graph: bytes) -> None:
    document = signature(small.problem, small.encoder, small.tasks, graph)
    assert len(document.pop("graph_sha256")) == 64
    assert document == json.loads(Path(__file__).with_name("golden_signature.json").read_text())


def test_inputs_are_raw_columns_and_outputs_are_tasks(graph: bytes) -> None:
    model = onnx.load_from_string(graph)
    types = {i.name: onnx.TensorProto.DataType.Name(i.type.tensor_type.elem_type) for i in model.graph.input}
    assert types == {"colour": "STRING", "size": "DOUBLE", "weight": "DOUBLE"}
    assert [output.name for output in model.graph.output] == ["late", "band", "minutes", "rare"]
    assert {node.name.split("/")[0] for node in model.graph.node} == {"trunkline"}


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_any_number_of_rows(small: Small, graph: bytes, rows: int) -> None:
    predictions = predictions_of(graph, small.raw_test.slice(0, rows), small)
    shapes = {name: values.shape for name, values in predictions.items()}
    assert shapes == {"late": (rows,), "band": (rows, 3), "minutes": (rows,), "rare": (rows,)}


def test_predictions_are_in_the_users_units(small: Small, graph: bytes) -> None:
    predictions = predictions_of(graph, small.raw_test, small)
    assert ((predictions["late"] > 0) & (predictions["late"] < 1)).all()
    np.testing.assert_allclose(predictions["band"].sum(axis=1), 1, rtol=1e-5)
    codec = small.encoder.tasks[2].model_dump()
    assert abs(predictions["minutes"].mean() - codec["mean"]) < codec["scale"]


def test_the_graph_contains_no_file_paths(graph: bytes) -> None:
    assert b".py" not in graph
    assert str(Path(__file__).parents[2]).encode() not in graph


def test_the_same_network_gives_the_same_bytes(small: Small, network: Network, graph: bytes) -> None:
    assert build_graph(network, small.encoder).SerializeToString(deterministic=True) == graph


NUMBERS = {"size": {"kind": "numeric"}, "weight": {"kind": "numeric", "transform": "log1p"}}


@pytest.mark.parametrize(
    "features",
    [
        {"colour": {"kind": "categorical"}},  # no floats
        NUMBERS,  # no ids
        {"colour": {"kind": "categorical"}, "shade": {"kind": "categorical", "column": "colour", "min_count": 150}},
        {"colour": {"kind": "text"}},
        {"whole": {"kind": "categorical"}, "same": {"kind": "numeric", "column": "whole"}, "flag": {"kind": "numeric"}},
    ],
    ids=["ids-only", "numbers-only", "one-column-twice", "a-text", "integers-and-booleans"],
)
def test_any_mix_of_blocks_exports(tmp_path: Path, features: dict[str, Any]) -> None:
    rows = table()
    rows = rows.append_column("whole", pa.array(np.arange(rows.num_rows) % 7, mask=np.arange(rows.num_rows) % 11 == 0))
    rows = rows.append_column("flag", pa.array(np.arange(rows.num_rows) % 2 == 0))
    tasks = {"minutes": {"kind": "regression", "target": "minutes"}}
    small = prepared(tmp_path, document() | {"features": features, "tasks": tasks}, rows)
    network = Network.seeded(small.problem, small.encoder, 0)
    session = open_graph(build_graph(network, small.encoder).SerializeToString())
    for tested in (small.raw_test, adversarial_rows(small.raw_test, small.encoder)):
        assert parity(session, network, small.encoder, tested).difference < 1e-5


def test_names_of_the_user_do_not_collide_with_internal_names(tmp_path: Path) -> None:
    """Torch gives these names to values inside; a task or a column may have any of them."""
    names = ["cat", "input", "output", "linear", "rows", "embedding", "heads", "tasks"]
    declared = document() | {
        "tasks": {name: {"kind": "regression", "target": "minutes"} for name in names},
        "features": {f"{name}.": {"kind": "numeric", "column": "size"} for name in names}
        | {"colour": {"kind": "categorical"}},
    }
    small = prepared(tmp_path, declared, table())
    network = Network.seeded(small.problem, small.encoder, 0)
    session = open_graph(build_graph(network, small.encoder).SerializeToString())
    assert [output.name for output in session.get_outputs()] == names
    assert parity(session, network, small.encoder, small.raw_test).difference < 1e-5


def test_graph_inputs_encode_missing_values(small: Small) -> None:
    rows = pa.table({"colour": [None, "red"], "size": [None, 1.5], "weight": [1, 2]})
    inputs = graph_inputs(rows, small.encoder.inputs)
    assert list(inputs["colour"]) == ["", "red"]
    assert math.isnan(inputs["size"][0])
    assert inputs["weight"].dtype == np.float64
