"""Graphs of problems with texts: tokens, decoded tags, and parity with the network for every text encoder."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import pyarrow as pa
import pytest
import torch
from numpy.testing import assert_allclose
from onnx import numpy_helper

from mtl_core.config import parse_problem
from mtl_core.data.encoder import Encoder
from mtl_core.export.added_task import REPRESENTATION, changed_outputs, representation_graph
from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.champion import open_champion
from mtl_core.export.graph import build_graph
from mtl_core.export.int8 import quantize_int8
from mtl_core.export.parity import parity
from mtl_core.export.representation import head_inputs
from mtl_core.export.session import graph_inputs, run_graph
from mtl_core.graphs.runtime import open_graph
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of
from mtl_core.text.tokenizer import tokenizer
from tests.export.champions import rows_of, taught_by_champion, write_champion
from tests.small import Small
from tests.tagging import ENCODERS, document

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and tracing them costs a third of these exports

TOKENS = {"slots": ("text", 1_000), "people": ("title", 6)}
"""Task -> the column of its text, and the maximum tokens of it."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A network and its graph."""

    encoder: Encoder
    network: Network
    graph: onnx.ModelProto


class Export(Protocol):
    """Text encoder -> the network that has it, and its graph, built once."""

    def __call__(self, kind: str) -> Exported: ...


@pytest.fixture(scope="module")
def exported(tagged: Small) -> Export:
    """With `conv` both texts and members; with the others one text, since their graphs take long to build."""

    @cache
    def build(kind: str) -> Exported:
        params: dict[str, Any] = document()
        params["model"] |= {"text": ENCODERS[kind], "members": 2 if kind == "conv" else 1}
        encoder = tagged.encoder
        if kind != "conv":
            del params["features"]["heading"], params["tasks"]["people"]
            features = tuple(feature for feature in encoder.features if feature.name in params["features"])
            tasks = tuple(codec for codec in encoder.tasks if codec.name in params["tasks"])
            encoder = encoder.model_copy(update={"features": features, "tasks": tasks})
        network = Network.seeded(parse_problem(params), encoder, 0).eval()
        return Exported(encoder=encoder, network=network, graph=build_graph(network, encoder))

    return build


def with_texts(rows: pa.Table, texts: pa.Array) -> pa.Table:
    """The rows with these texts in both columns."""
    for column, _ in TOKENS.values():
        rows = rows.set_column(rows.column_names.index(column), column, texts)
    return rows


@pytest.mark.parametrize("kind", ENCODERS)
def test_graph_and_network_predict_the_same_on_ordinary_and_adversarial_rows(
    tagged: Small, exported: Export, kind: str
) -> None:
    of_kind = exported(kind)
    session = open_graph(of_kind.graph.SerializeToString())
    empty = with_texts(tagged.raw_test.slice(0, 1), pa.array([""]))
    for rows in (tagged.raw_test, empty, adversarial_rows(tagged.raw_test, of_kind.encoder)):
        assert parity(session, of_kind.network, of_kind.encoder, rows).difference <= 1e-5


def test_tokens_are_an_output_and_positions_without_a_token_are_a_certain_o(tagged: Small, exported: Export) -> None:
    session = open_graph(exported("conv").graph.SerializeToString())
    names = {"trunkline/tokens/text", "trunkline/tokens/title"}
    assert {output.name for output in session.get_outputs()} == {"intent", "urgent", "slots", "people"} | names
    texts = pa.array(["", None, "\u2403 a", "e\u0301 \U0001f469\u200d\U0001f680\0", "a b c d e f g h i"], pa.string())
    rows = with_texts(tagged.raw_test.slice(0, len(texts)), texts)
    for task, (column, max_tokens) in TOKENS.items():
        tokens, predictions = session.run(
            [f"trunkline/tokens/{column}", task], graph_inputs(rows, tagged.encoder.inputs)
        )
        expected = tokenizer(max_tokens)(texts)
        assert tokens.tolist() == expected.padded("").tolist()
        assert predictions.shape == (*tokens.shape, 2)
        for of_row, length in zip(predictions, expected.lengths, strict=True):
            assert of_row[length - 1 :].tolist() == [[0.0, 1.0]] * (len(of_row) - length + 1)
            assert (of_row[: length - 1, 1] < 1).all()


def test_int8_keeps_recurrent_layers_in_float_and_predicts_nearly_the_same(tagged: Small, exported: Export) -> None:
    of_lstm = exported("lstm")
    quantized = quantize_int8(of_lstm.graph)
    kinds, kinds_in_int8 = ([node.op_type for node in graph.graph.node] for graph in (of_lstm.graph, quantized))
    assert kinds_in_int8.count("LSTM") == kinds.count("LSTM") > 0
    assert "MatMulInteger" in kinds_in_int8
    inputs = graph_inputs(tagged.raw_test, of_lstm.encoder.inputs)
    (expected,), (predictions,) = (
        open_graph(graph.SerializeToString()).run(["slots"], inputs) for graph in (of_lstm.graph, quantized)
    )
    assert predictions.shape == expected.shape
    same_tags = predictions[..., 0] == expected[..., 0]
    assert same_tags.mean() > 0.95
    assert abs(predictions - expected)[same_tags].max() < 0.05


def test_soft_targets_of_a_champion_are_its_tags_for_the_items_of_the_training_rows(
    tagged: Small, exported: Export, tmp_path: Path
) -> None:
    of_conv = exported("conv")
    graph = of_conv.graph.SerializeToString(deterministic=True)
    problem = taught_by_champion(tagged.problem, *TOKENS)
    folder = write_champion(tmp_path, tagged, of_conv.network, graph)
    champion = open_champion(folder, problem, tagged.encoder, tagged.train, rows_of(tagged, problem))
    assert champion.untaught == {}
    predictions, expected = (
        champion.predict(list(TOKENS), lambda done, rows: None),
        predictions_of(of_conv.network, tagged.train),
    )
    for task, values in predictions.items():
        assert len(values) == len(tagged.train.flat_labels(task))
        assert_allclose(values, expected[task], atol=1e-5)


def test_another_task_can_read_the_texts_of_rows_and_outputs_of_tokens_are_compared(
    tagged: Small, exported: Export
) -> None:
    """As `mtl add-task` does, on an ensemble."""
    conv = exported("conv")
    tensors = head_inputs(conv.graph.graph, range(2))  # of the tasks of level row
    rows, content = tagged.raw_test, conv.graph.SerializeToString()
    found = run_graph(
        open_graph(representation_graph(conv.graph, tensors)), rows, conv.encoder.inputs, [REPRESENTATION]
    )[REPRESENTATION]
    outputs = []
    with torch.inference_mode():
        for row in range(3):
            batch = conv.encoder.batch(rows.slice(row, 1))
            represented = conv.network.represent({name: torch.from_numpy(block) for name, block in batch.items()})
            outputs.append(torch.cat([values.mean(dim=1) for values in represented[:2]], dim=1).numpy())
    expected = np.concatenate(outputs)  # (rows, width), the trunk's output once per task
    close = np.abs(found[:3, :, None] - expected[:, None, :]).max(axis=0) < 1e-5
    assert close.any(axis=0).all()
    assert close.any(axis=1).all()

    sequences = {"slots": "text", "trunkline/tokens/text": "text", "people": "title", "trunkline/tokens/title": "title"}
    options: dict[str, Any] = {"sequences": sequences, "matrices": [], "rows": 16}
    same = [open_graph(content) for _ in range(2)]
    assert changed_outputs(*same, rows, conv.encoder.inputs, **options) == []
    other = onnx.load_from_string(content)
    bias = next(value for value in other.graph.initializer if "heads.2.0.hidden" in value.name)
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(1), bias.name))
    changed = changed_outputs(same[0], open_graph(other.SerializeToString()), rows, conv.encoder.inputs, **options)
    assert changed == ["slots"]
