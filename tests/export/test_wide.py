"""Graphs of many columns, and adversarial rows that do not grow with the columns.

Columns that come as a matrix are computed as those that come by name, and are served the same.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest

from flows.retrain.compare import input_matrices
from mtl_core.data.encoder import Encoder
from mtl_core.export.adversarial import BLOCKS, MAX_CELLS_ALONE, adversarial_rows
from mtl_core.export.graph import build_graph
from mtl_core.export.matrices import MAX_SEPARATE, matrices_of
from mtl_core.export.parity import parity
from mtl_core.export.session import open_graph, run_graph
from mtl_core.export.signature import signature
from mtl_core.input_types import BooleanInput, InputType, NumberInput, StringInput, StringsInput, VectorInput
from mtl_core.model import Network
from serving.live import ServedModel
from serving.model import OnnxModel
from tests.serving.example_models import write
from tests.small import Small
from tests.wide import MANY, TASKS, wide

__all__ = ["wide"]


@pytest.fixture(scope="module")
def network(wide: Small) -> Network:
    return Network.seeded(wide.problem, wide.encoder, 0)


@pytest.fixture(scope="module")
def by_matrix(wide: Small, network: Network) -> onnx.ModelProto:
    return build_graph(network, wide.encoder)


@pytest.fixture(scope="module")
def by_name(wide: Small, network: Network) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """The graph with an input and a look-up for every column, and its signature."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtl_core.export.matrices.MAX_SEPARATE", 10_000)
        patch.setattr("mtl_core.features.categorical.MAX_LOOKUPS", 10_000)
        graph = build_graph(network, wide.encoder)
        return graph, signature(wide.problem, wide.encoder, wide.tasks, graph.SerializeToString())


@pytest.fixture(scope="module")
def rows(wide: Small) -> pa.Table:
    """Ordinary and adversarial rows."""
    adversarial = adversarial_rows(wide.raw_test, wide.encoder)
    ordinary = wide.raw_test.select(adversarial.column_names).cast(adversarial.schema)
    return pa.concat_tables([ordinary, adversarial])


def test_a_tensor_holds_all_numbers_another_all_texts_and_lists_come_alone(by_matrix: onnx.ModelProto) -> None:
    found = {end.name: (end.type, end.shape) for end in open_graph(by_matrix.SerializeToString()).get_inputs()}
    assert found == {
        "trunkline/numbers": ("tensor(double)", ["rows", 4 * MANY + 1]),
        "trunkline/strings": ("tensor(string)", ["rows", MANY]),
        "tags": ("tensor(string)", ["rows", "tags/length"]),
    }
    assert len(by_matrix.graph.node) < 2 * MANY  # of five times as many columns


def test_a_matrix_predicts_what_single_columns_predict(
    wide: Small, by_matrix: onnx.ModelProto, by_name: tuple[onnx.ModelProto, dict[str, Any]], rows: pa.Table
) -> None:
    """As a champion of an earlier version, which has no matrices, is compared with a candidate that has."""
    inputs, tasks = wide.encoder.inputs, list(TASKS)
    graph, described = by_name
    single = open_graph(graph.SerializeToString())
    assert {end.name for end in single.get_inputs()} == set(inputs)
    expected = run_graph(single, rows, inputs, tasks, matrices=input_matrices(described))
    found = run_graph(open_graph(by_matrix.SerializeToString()), rows, inputs, tasks)
    for task in tasks:
        np.testing.assert_array_equal(found[task], expected[task])


def test_graph_and_network_agree(wide: Small, network: Network, by_matrix: onnx.ModelProto, rows: pa.Table) -> None:
    assert parity(open_graph(by_matrix.SerializeToString()), network, wide.encoder, rows).difference < 1e-5


def test_the_service_answers_the_same_rows_with_the_same_predictions(
    wide: Small, by_matrix: onnx.ModelProto, by_name: tuple[onnx.ModelProto, dict[str, Any]], tmp_path: Path
) -> None:
    content = by_matrix.SerializeToString()
    described = signature(wide.problem, wide.encoder, wide.tasks, content)
    assert [matrix["name"] for matrix in described["matrices"]] == ["trunkline/numbers", "trunkline/strings"]
    values = wide.encoder.request_values(wide.raw_test.slice(0, 5))
    body = json.dumps([dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]).encode()
    answers = [
        json.loads(ServedModel(OnnxModel.load(write(tmp_path / name, graph, form))).respond(body))["predictions"]
        for name, graph, form in (
            ("matrix", content, described),
            ("name", by_name[0].SerializeToString(), by_name[1]),
        )
    ]
    assert len(answers[0]) == 5
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("kinds", "sizes"),
    [
        ({NumberInput(): MAX_SEPARATE, StringInput(): MAX_SEPARATE}, []),
        ({NumberInput(): MAX_SEPARATE, BooleanInput(): 1}, [MAX_SEPARATE + 1]),
        ({StringInput(): MAX_SEPARATE + 1, NumberInput(): 3}, [MAX_SEPARATE + 1]),
        ({StringsInput(): MAX_SEPARATE + 1, VectorInput(1): MAX_SEPARATE + 1}, []),
    ],
)
def test_few_columns_keep_their_names(kinds: dict[InputType, int], sizes: list[int]) -> None:
    every = [kind for kind, count in kinds.items() for _ in range(count)]
    found = matrices_of({f"c{index}": kind for index, kind in enumerate(every)})
    assert [len(matrix.columns) for matrix in found] == sizes


def cells(encoder: Encoder, rows: pa.Table) -> Iterator[tuple[str, set[str], set[str]]]:
    """Column, its adversarial values, and the values of the rows; as text, since NaN does not equal itself."""
    for feature in encoder.features:
        yield (
            feature.column,
            *(set(map(str, each.to_pylist())) for each in (feature.adversarial(), rows[feature.column])),
        )


def test_every_column_has_each_of_its_adversarial_values(wide: Small) -> None:
    rows = adversarial_rows(wide.raw_test, wide.encoder)
    for column, wanted, found in cells(wide.encoder, rows):
        assert wanted <= found, column


def test_adversarial_rows_do_not_grow_with_the_columns(wide: Small) -> None:
    """Beyond those columns each of whose values is also tried alone."""
    numbers = [feature for feature in wide.encoder.features if feature.column.startswith("number")]
    for count in (10, 1_000, 4_000):
        columns = {f"c{index}": wide.raw_test["number_1"] for index in range(count)}
        features = tuple(numbers[0].model_copy(update={"name": name, "column": name}) for name in columns)
        encoder = wide.encoder.model_copy(update={"features": features})
        rows = adversarial_rows(pa.table(columns), encoder)
        values = len(numbers[0].adversarial())
        assert rows.num_rows <= min(count * values, values + MAX_CELLS_ALONE // count) + BLOCKS * values
        assert all(wanted <= found for _, wanted, found in cells(encoder, rows))


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("number_3", lambda feature: {"high": 1.5 * feature.high}),
        ("text_68", lambda feature: {"vocabulary": feature.vocabulary[:-1]}),
        ("code_1", lambda feature: {"vocabulary": feature.vocabulary[::-1]}),
    ],
)
def test_a_value_of_one_column_that_only_one_side_reads_otherwise_is_seen(
    wide: Small, network: Network, by_matrix: onnx.ModelProto, column: str, change: Any
) -> None:
    every = wide.encoder.features
    features = [one if one.column != column else one.model_copy(update=change(one)) for one in every]
    other = wide.encoder.model_copy(update={"features": tuple(features)})
    rows = adversarial_rows(wide.raw_test, wide.encoder)
    found = parity(open_graph(by_matrix.SerializeToString()), network, other, rows)
    assert found.difference > 1e-3
