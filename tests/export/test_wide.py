"""Graphs of many columns, whose inputs are matrices, and their adversarial rows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest

from mtl_core.data.encoder import Encoder
from mtl_core.export.adversarial import MAX_BLOCKS, MAX_SINGLE_CELLS, adversarial_rows
from mtl_core.export.graph import build_graph
from mtl_core.export.matrices import MAX_SEPARATE, input_matrices, matrices_of
from mtl_core.export.parity import parity
from mtl_core.export.session import run_graph
from mtl_core.export.signature import signature
from mtl_core.graphs.runtime import open_graph
from mtl_core.input_types import BooleanInput, InputType, NumberInput, StringInput, StringsInput, VectorInput
from mtl_core.model import Network
from serving.live import ServedModel
from serving.model import OnnxModel
from tests.serving.example_models import write
from tests.small import Small
from tests.wide import COLUMNS_PER_KIND, TASKS, wide

__all__ = ["wide"]


@pytest.fixture(scope="module")
def network(wide: Small) -> Network:
    return Network.seeded(wide.problem, wide.encoder, 0)


@pytest.fixture(scope="module")
def by_matrix(wide: Small, network: Network) -> onnx.ModelProto:
    return build_graph(network, wide.encoder)


@pytest.fixture(scope="module")
def by_name(wide: Small, network: Network) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """The graph with a separate input for every column, and its signature."""
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


def test_numbers_are_one_matrix_texts_another_and_lists_are_separate(by_matrix: onnx.ModelProto) -> None:
    inputs = open_graph(by_matrix.SerializeToString()).get_inputs()
    assert {each.name: (each.type, each.shape) for each in inputs} == {
        "trunkline/numbers": ("tensor(double)", ["rows", 4 * COLUMNS_PER_KIND + 1]),
        "trunkline/strings": ("tensor(string)", ["rows", COLUMNS_PER_KIND]),
        "tags": ("tensor(string)", ["rows", "tags/length"]),
    }
    assert len(by_matrix.graph.node) < 2 * COLUMNS_PER_KIND  # five times as many columns


def test_matrices_and_separate_columns_give_the_same_predictions(
    wide: Small, by_matrix: onnx.ModelProto, by_name: tuple[onnx.ModelProto, dict[str, Any]], rows: pa.Table
) -> None:
    """A champion of an earlier version has no matrices, and is compared with a candidate that has them."""
    inputs, tasks = wide.encoder.inputs, list(TASKS)
    graph, document = by_name
    separate = open_graph(graph.SerializeToString())
    assert {each.name for each in separate.get_inputs()} == set(inputs)
    expected = run_graph(separate, rows, inputs, tasks, matrices=input_matrices(document))
    predictions = run_graph(open_graph(by_matrix.SerializeToString()), rows, inputs, tasks)
    for task in tasks:
        np.testing.assert_array_equal(predictions[task], expected[task])


def test_graph_and_network_agree(wide: Small, network: Network, by_matrix: onnx.ModelProto, rows: pa.Table) -> None:
    assert parity(open_graph(by_matrix.SerializeToString()), network, wide.encoder, rows).difference < 1e-5


def test_the_service_answers_alike_with_matrices_and_separate_columns(
    wide: Small, by_matrix: onnx.ModelProto, by_name: tuple[onnx.ModelProto, dict[str, Any]], tmp_path: Path
) -> None:
    content = by_matrix.SerializeToString()
    document = signature(wide.problem, wide.encoder, wide.tasks, content)
    assert [matrix["name"] for matrix in document["matrices"]] == ["trunkline/numbers", "trunkline/strings"]
    values = wide.encoder.request_values(wide.raw_test.slice(0, 5))
    body = json.dumps([dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]).encode()
    folders = (
        write(tmp_path / "matrix", content, document),
        write(tmp_path / "name", by_name[0].SerializeToString(), by_name[1]),
    )
    answers = [json.loads(ServedModel(OnnxModel.load(folder)).respond(body))["predictions"] for folder in folders]
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
def test_only_many_columns_of_a_type_are_a_matrix(kinds: dict[InputType, int], sizes: list[int]) -> None:
    types = [kind for kind, count in kinds.items() for _ in range(count)]
    matrices = matrices_of({f"c{index}": kind for index, kind in enumerate(types)})
    assert [len(matrix.columns) for matrix in matrices] == sizes


def cells(encoder: Encoder, rows: pa.Table) -> Iterator[tuple[str, set[str], set[str]]]:
    """(column, its adversarial values, its values in the rows), as text, since NaN does not equal itself."""
    for feature in encoder.features:
        adversarial, values = feature.adversarial().to_pylist(), rows[feature.column].to_pylist()
        yield feature.column, set(map(str, adversarial)), set(map(str, values))


def test_every_column_has_each_of_its_adversarial_values(wide: Small) -> None:
    rows = adversarial_rows(wide.raw_test, wide.encoder)
    for column, adversarial, values in cells(wide.encoder, rows):
        assert adversarial <= values, column


def test_adversarial_rows_do_not_grow_with_the_columns(wide: Small) -> None:
    """Except for the columns whose values also have rows of their own."""
    numbers = [feature for feature in wide.encoder.features if feature.column.startswith("number")]
    for count in (10, 1_000, 4_000):
        columns = {f"c{index}": wide.raw_test["number_1"] for index in range(count)}
        features = tuple(numbers[0].model_copy(update={"name": name, "column": name}) for name in columns)
        encoder = wide.encoder.model_copy(update={"features": features})
        rows = adversarial_rows(pa.table(columns), encoder)
        size = len(numbers[0].adversarial())
        assert rows.num_rows <= min(count * size, size + MAX_SINGLE_CELLS // count) + MAX_BLOCKS * size
        assert all(adversarial <= values for _, adversarial, values in cells(encoder, rows))


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("number_3", lambda feature: {"high": 1.5 * feature.high}),
        ("text_68", lambda feature: {"vocabulary": feature.vocabulary[:-1]}),
        ("code_1", lambda feature: {"vocabulary": feature.vocabulary[::-1]}),
    ],
)
def test_a_column_that_graph_and_network_encode_differently_is_detected(
    wide: Small, network: Network, by_matrix: onnx.ModelProto, column: str, change: Any
) -> None:
    features = {feature.column: feature for feature in wide.encoder.features}
    features[column] = features[column].model_copy(update=change(features[column]))
    encoder = wide.encoder.model_copy(update={"features": tuple(features.values())})
    rows = adversarial_rows(wide.raw_test, wide.encoder)
    assert parity(open_graph(by_matrix.SerializeToString()), network, encoder, rows).difference > 1e-3
