"""The service reads whatever the export writes: a task of every kind, from its declaration to its JSON."""

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
from mtl_core.export.session import open_graph, run_graph
from mtl_core.export.signature import signature
from mtl_core.features.iso import suite_pattern
from mtl_core.model import Network
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
def answered(
    every_kind: Small,
    network_of_every_kind: Network,
    graph_of_every_kind: onnx.ModelProto,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[tuple[Row, dict[str, Any]]]:
    """Per row of the test split what the service answers, and what the graph says."""
    encoder, content = every_kind.encoder, graph_of_every_kind.SerializeToString()
    described = signature(every_kind.problem, encoder, network_of_every_kind.objectives, content)
    folder = write(tmp_path_factory.mktemp("kinds"), content, described)
    served = ServedModel(OnnxModel.load(folder))
    rows = every_kind.raw_test.slice(0, 20).select(list(encoder.inputs))
    by_graph = run_graph(open_graph(content), rows, encoder.inputs, list(KINDS))
    answers = json.loads(served.respond(json.dumps(rows.to_pylist()).encode()))["predictions"]
    return [(answer, {name: by_graph[name][place] for name in KINDS}) for place, answer in enumerate(answers)]


def test_every_kind_is_answered_in_its_form(answered: list[tuple[Row, dict[str, Any]]]) -> None:
    assert len(answered) == 20
    for answer, said in answered:
        assert list(answer) == list(KINDS)
        for name in ("late", "minutes", "visits"):
            assert answer[name] == said[name]
        for name, classes in (("band", ["low", "mid", "high"]), ("grade", ["a", "b", "c", "d"])):
            assert answer[name]["probabilities"] == dict(zip(classes, said[name].tolist(), strict=True))
            assert answer[name]["class"] == classes[said[name].argmax()]
        flags = dict(zip(["rare", "big"], said["flags"].tolist(), strict=True))
        assert answer["flags"] == {
            "labels": [label for label, least in (("rare", 0.4), ("big", 0.6)) if flags[label] >= least],
            "probabilities": flags,
        }
        assert answer["soon"] == {"decision": said["soon"] >= 0.3, "probability": said["soon"]}
        assert answer["span"] == dict(zip(["0.1", "0.25", "0.5", "0.9"], said["span"].tolist(), strict=True))
        assert answer["single"] == {"0.5": said["single"][0]}
        assert answer["group"] == {"cluster": said["group"].argmax(), "probabilities": said["group"].tolist()}

        # What the kinds promise of their numbers.
        assert list(answer["span"].values()) == sorted(answer["span"].values())
        assert answer["visits"] > 0
        for probabilities in (answer["grade"]["probabilities"].values(), answer["group"]["probabilities"]):
            assert math.fsum(probabilities) == pytest.approx(1, abs=1e-5)


def test_the_service_reads_every_input_type() -> None:
    """A type that it does not know is refused when a model is promoted, after all stages have run."""
    kinds = [
        *(input_types.StringInput(), input_types.NumberInput(), input_types.BooleanInput()),
        *(input_types.DatetimeInput(zoned=False), input_types.DatetimeInput(zoned=True)),
        *(input_types.StringsInput(), input_types.VectorInput(2)),
    ]
    declared = {value for value in vars(input_types).values() if isinstance(value, type)}
    concrete = {value for value in declared if issubclass(value, input_types.InputType)} - {input_types.InputType}
    assert {type(kind) for kind in kinds} == concrete
    read = [msgspec.convert({"name": "x", **kind.signature()}, InputField) for kind in kinds]
    assert [one.is_sequence for one in read] == [kind.is_sequence for kind in kinds]
    assert [one.tensor_type == "tensor(string)" for one in read] == [kind.is_string for kind in kinds]


@pytest.mark.parametrize("zoned", [False, True])
def test_the_service_reads_the_timestamps_that_training_reads(zoned: bool) -> None:
    @given(st.from_regex(suite_pattern(zoned=zoned), fullmatch=True, alphabet=st.characters(codec="ascii")))
    @patient
    def law(text: str) -> None:
        (trained,) = input_types.as_seconds(pa.array([text]), zoned=zoned)
        assert seconds_since_epoch(text, zoned=zoned) == pytest.approx(trained, rel=1e-12, abs=1e-6)

    law()
