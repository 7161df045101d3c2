"""The exported graph says what the network says, under the user's names, in the user's units."""

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
from mtl_core.export.session import graph_inputs, open_graph, run_graph
from mtl_core.export.signature import signature
from mtl_core.model import Network
from tests.small import Small, document, prepared, table


def _run(graph: bytes, rows: pa.Table, small: Small) -> dict[str, Any]:
    return run_graph(open_graph(graph), rows, small.encoder.inputs, [task.name for task in small.tasks])


def test_golden_signature(small: Small, graph: bytes) -> None:
    found = signature(small.problem, small.encoder, small.tasks, graph)
    assert len(found.pop("graph_sha256")) == 64
    assert found == json.loads(Path(__file__).with_name("golden_signature.json").read_text())


def test_inputs_are_raw_columns_and_outputs_are_tasks(graph: bytes) -> None:
    model = onnx.load_from_string(graph)
    kinds = {i.name: onnx.TensorProto.DataType.Name(i.type.tensor_type.elem_type) for i in model.graph.input}
    assert kinds == {"colour": "STRING", "size": "DOUBLE", "weight": "DOUBLE"}
    assert [output.name for output in model.graph.output] == ["late", "band", "minutes", "rare"]
    assert {node.name.split("/")[0] for node in model.graph.node} == {"trunkline"}


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_any_number_of_rows(small: Small, graph: bytes, rows: int) -> None:
    predictions = _run(graph, small.raw_test.slice(0, rows), small)
    assert {name: values.shape for name, values in predictions.items()} == {
        "late": (rows,),
        "band": (rows, 3),
        "minutes": (rows,),
        "rare": (rows,),
    }


def test_graph_and_network_agree_on_usual_and_adversarial_rows(small: Small, network: Network, graph: bytes) -> None:
    session = open_graph(graph)
    usual = parity(session, network, small.encoder, small.raw_test)
    adversarial = parity(session, network, small.encoder, adversarial_rows(small.raw_test, small.encoder))
    assert usual.difference < 1e-5
    assert adversarial.difference < 1e-5
    assert adversarial.rows == 8 + 11 + 11


def test_parity_sees_another_network(small: Small, graph: bytes) -> None:
    other = Network.seeded(small.problem, small.encoder, 1)
    assert parity(open_graph(graph), other, small.encoder, small.raw_test).difference > 1e-3


def test_parity_sees_nan(small: Small, network: Network, graph: bytes) -> None:
    broken = Network.seeded(small.problem, small.encoder, 0)
    broken.heads[2].last.bias.data.fill_(math.nan)
    found = parity(open_graph(graph), broken, small.encoder, small.raw_test)
    assert math.isnan(found.difference)
    assert found.task == "minutes"


def test_predictions_are_in_the_users_units(small: Small, graph: bytes) -> None:
    predictions = _run(graph, small.raw_test, small)
    assert ((predictions["late"] > 0) & (predictions["late"] < 1)).all()
    np.testing.assert_allclose(predictions["band"].sum(axis=1), 1, rtol=1e-5)
    fitted = small.encoder.tasks[2].model_dump()
    assert abs(predictions["minutes"].mean() - fitted["mean"]) < fitted["scale"]


def test_the_bytes_hold_no_path_of_the_machine_that_made_them(graph: bytes) -> None:
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
        {"whole": {"kind": "categorical"}, "same": {"kind": "numeric", "column": "whole"}, "flag": {"kind": "numeric"}},
    ],
    ids=["text-only", "numbers-only", "one-column-twice", "integers-and-booleans"],
)
def test_any_mix_of_blocks_exports(tmp_path: Path, features: dict[str, Any]) -> None:
    rows = table()
    rows = rows.append_column("whole", pa.array(np.arange(rows.num_rows) % 7, mask=np.arange(rows.num_rows) % 11 == 0))
    rows = rows.append_column("flag", pa.array(np.arange(rows.num_rows) % 2 == 0))
    tasks = {"minutes": {"kind": "regression", "target": "minutes"}}
    found = prepared(tmp_path, document() | {"features": features, "tasks": tasks}, rows)
    network = Network.seeded(found.problem, found.encoder, 0)
    session = open_graph(build_graph(network, found.encoder).SerializeToString())
    assert parity(session, network, found.encoder, found.raw_test).difference < 1e-5
    adversarial = adversarial_rows(found.raw_test, found.encoder)
    assert parity(session, network, found.encoder, adversarial).difference < 1e-5


def test_no_users_name_collides_with_an_internal_one(tmp_path: Path) -> None:
    """These are what torch calls values inside; any of them may be a task or a column."""
    names = ["cat", "input", "output", "linear", "rows", "embedding", "heads", "tasks"]
    declared = document() | {
        "tasks": {name: {"kind": "regression", "target": "minutes"} for name in names},
        "features": {f"{name}.": {"kind": "numeric", "column": "size"} for name in names}
        | {"colour": {"kind": "categorical"}},
    }
    found = prepared(tmp_path, declared, table())
    network = Network.seeded(found.problem, found.encoder, 0)
    session = open_graph(build_graph(network, found.encoder).SerializeToString())
    assert [output.name for output in session.get_outputs()] == names
    assert parity(session, network, found.encoder, found.raw_test).difference < 1e-5


def test_graph_inputs_spell_missing_as_the_graph_does(small: Small) -> None:
    rows = pa.table({"colour": [None, "red"], "size": [None, 1.5], "weight": [1, 2]})
    inputs = graph_inputs(rows, small.encoder.inputs)
    assert list(inputs["colour"]) == ["", "red"]
    assert math.isnan(inputs["size"][0])
    assert inputs["weight"].dtype == np.float64
