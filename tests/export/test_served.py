"""The service answers with the predictions of every kind of task, and reads every input type."""

import json
import math
from typing import Any

import msgspec
import onnx
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core import input_types
from mtl_core.export.session import run_graph
from mtl_core.export.signature import signature
from mtl_core.features.iso import suite_pattern
from mtl_core.graphs.runtime import open_graph
from mtl_core.model import Network
from mtl_core.timestamps import as_seconds
from serving.inputs import InputField
from serving.iso_datetime import seconds_since_epoch
from serving.live import ServedModel
from serving.model import OnnxModel
from tests.every_kind import KINDS
from tests.serving.example_models import write
from tests.small import Small
from tests.strategies import patient

Row = dict[str, Any]


@pytest.fixture(scope="module")
def answers(
    every_kind: Small,
    network_of_every_kind: Network,
    graph_of_every_kind: onnx.ModelProto,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[tuple[Row, dict[str, Any]]]:
    """(answer of the service, predictions of the graph) per row of the test split."""
    encoder, content = every_kind.encoder, graph_of_every_kind.SerializeToString()
    document = signature(every_kind.problem, encoder, network_of_every_kind.objectives, content)
    served = ServedModel(OnnxModel.load(write(tmp_path_factory.mktemp("kinds"), content, document)))
    rows = every_kind.raw_test.slice(0, 20).select(list(encoder.inputs))
    by_graph = run_graph(open_graph(content), rows, encoder.inputs, list(KINDS))
    by_service = json.loads(served.respond(json.dumps(rows.to_pylist()).encode()))["predictions"]
    return [(answer, {name: by_graph[name][row] for name in KINDS}) for row, answer in enumerate(by_service)]


def test_every_kind_of_task_is_answered(answers: list[tuple[Row, dict[str, Any]]]) -> None:
    assert len(answers) == 20
    for answer, predictions in answers:
        assert list(answer) == list(KINDS)
        for name in ("late", "minutes", "visits"):
            assert answer[name] == predictions[name]
        for name, classes in (("band", ["low", "mid", "high"]), ("grade", ["a", "b", "c", "d"])):
            assert answer[name]["probabilities"] == dict(zip(classes, predictions[name].tolist(), strict=True))
            assert answer[name]["class"] == classes[predictions[name].argmax()]
        flags = dict(zip(["rare", "big"], predictions["flags"].tolist(), strict=True))
        assert answer["flags"] == {
            "labels": [label for label, threshold in (("rare", 0.4), ("big", 0.6)) if flags[label] >= threshold],
            "probabilities": flags,
        }
        assert answer["soon"] == {"decision": predictions["soon"] >= 0.3, "probability": predictions["soon"]}
        assert answer["span"] == dict(zip(["0.1", "0.25", "0.5", "0.9"], predictions["span"].tolist(), strict=True))
        assert answer["single"] == {"0.5": predictions["single"][0]}
        group = predictions["group"]
        assert answer["group"] == {"cluster": group.argmax(), "probabilities": group.tolist()}

        # Properties of the predictions.
        assert list(answer["span"].values()) == sorted(answer["span"].values())
        assert answer["visits"] > 0
        for probabilities in (answer["grade"]["probabilities"].values(), answer["group"]["probabilities"]):
            assert math.fsum(probabilities) == pytest.approx(1, abs=1e-5)


def test_the_service_reads_every_input_type() -> None:
    """Otherwise a model would be refused when it is promoted, after all stages have run."""
    types = [
        *(input_types.StringInput(), input_types.NumberInput(), input_types.BooleanInput()),
        *(input_types.DatetimeInput(zoned=False), input_types.DatetimeInput(zoned=True)),
        *(input_types.StringsInput(), input_types.VectorInput(2)),
    ]
    classes = {value for value in vars(input_types).values() if isinstance(value, type)}
    concrete = {value for value in classes if issubclass(value, input_types.InputType)} - {input_types.InputType}
    assert {type(input_type) for input_type in types} == concrete
    for input_type in types:
        served = msgspec.convert({"name": "x", **input_type.signature()}, InputField)
        assert served.is_sequence == input_type.is_sequence
        assert (served.tensor_type == "tensor(string)") == input_type.is_string


@pytest.mark.parametrize("zoned", [False, True])
def test_the_service_reads_the_timestamps_that_training_reads(zoned: bool) -> None:
    @given(st.from_regex(suite_pattern(zoned=zoned), fullmatch=True, alphabet=st.characters(codec="ascii")))
    @patient
    def check(text: str) -> None:
        (seconds,) = as_seconds(pa.array([text]), zoned=zoned)
        assert seconds_since_epoch(text, zoned=zoned) == pytest.approx(seconds, rel=1e-12, abs=1e-6)

    check()
