"""A graph and its signature: together they answer, and apart they are refused."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from serving.errors import ModelError
from serving.model import OnnxModel
from tests.serving.example_models import SIGNATURE, TOKENS, tokens, write

INPUTS: Any = SIGNATURE["inputs"]
LISTS, *OTHERS, PLACE = TOKENS["inputs"]
HOURS, TOTAL, CODE, TAG = TOKENS["outputs"]


def columns(carrier: list[str], distance: list[float], holiday: list[float]) -> dict[str, np.ndarray[Any, Any]]:
    return {
        "carrier": np.array(carrier, dtype=object),
        "distance": np.array(distance, dtype=np.float64),
        "is_holiday": np.array(holiday, dtype=np.float64),
    }


def test_the_answers_are_the_graphs(export: Callable[..., Path]) -> None:
    model = OnnxModel.load(export(bias=0.5), version="flights:1")
    answers = model.predict(columns(["AA", "UA", "", "XX"], [1.5, -2.0, math.nan, 0.0], [1.0, 0.0, math.nan, math.nan]))
    assert list(answers) == ["cancelled", "delay_band", "arr_delay"]
    np.testing.assert_array_equal(answers["arr_delay"], np.array([13.0, 0.5, 0.5, 0.5], dtype=np.float32))
    np.testing.assert_allclose(answers["cancelled"], 1 / (1 + np.exp([-13.0, -0.5, -0.5, -0.5])), rtol=1e-6)
    assert answers["delay_band"].shape == (4, 4)
    np.testing.assert_allclose(answers["delay_band"].sum(axis=1), 1.0, rtol=1e-6)
    assert (
        repr(model) == "OnnxModel(name='flights', version='flights:1', tasks=['cancelled', 'delay_band', 'arr_delay'])"
    )


def test_many_threads_get_what_one_gets(export: Callable[..., Path]) -> None:
    model = OnnxModel.load(export())

    def ask(distance: int) -> float:
        return float(model.predict(columns(["AA"] * 50, [float(distance)] * 50, [0.0] * 50))["arr_delay"][-1])

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(200))) == [distance + 1.0 for distance in range(200)]


def test_columns_that_do_not_fit_are_an_error_of_our_own(export: Callable[..., Path]) -> None:
    model = OnnxModel.load(export())
    with pytest.raises(ModelError, match="model flights failed on its input"):
        model.predict({"distance": np.zeros(1)})


def test_a_graph_that_was_changed_is_refused(export: Callable[..., Path]) -> None:
    folder = export()
    graph = folder / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"\0")
    with pytest.raises(ModelError, match=r"SHA-256 must be [0-9a-f]{64} as signature\.json says, found .*export"):
        OnnxModel.load(folder)


def test_a_missing_graph_is_refused(export: Callable[..., Path]) -> None:
    folder = export()
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelError, match="run the export stage"):
        OnnxModel.load(folder)


def test_bytes_that_are_no_graph_are_refused(export: Callable[..., Path]) -> None:
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    folder = export(change={"graph_sha256": nothing})
    (folder / "model.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match=r"cannot be loaded .* export the model again"):
        OnnxModel.load(folder)


NUMBER = {"kind": "regression", "form": "number", "unit": ""}
BANDS = {"name": "delay_band", "kind": "multiclass", "form": "class_probabilities", "unit": ""}
OUTPUTS = [
    {"name": "cancelled", **NUMBER},
    {**BANDS, "classes": ["a", "b", "c", "d"]},
    {"name": "arr_delay", **NUMBER},
]


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"inputs": INPUTS[:2]}, {}, "'is_holiday' is missing there and tensor(double) of rank 1 in the graph"),
        ({"inputs": [*INPUTS, {"name": "hour", "type": "number"}]}, {}, "'hour' is tensor(double) of rank 1 there and"),
        ({"inputs": [{"name": "carrier", "type": "number"}, *INPUTS[1:]]}, {}, "'carrier' is tensor(double)"),
        ({}, {"distance_type": TensorProto.FLOAT}, "'distance' is tensor(double) of rank 1 there and tensor(float)"),
        ({"outputs": OUTPUTS[1:]}, {}, "'cancelled' is missing there"),
        (
            {"outputs": [*OUTPUTS, {"name": "air_time", **NUMBER}]},
            {},
            "'air_time' is tensor(float) of rank 1 there and",
        ),
        ({"outputs": [OUTPUTS[0], {"name": "delay_band", **NUMBER}, OUTPUTS[2]]}, {}, "'delay_band' is tensor(float)"),
        ({}, {"classes": 3}, "output 'delay_band' must have shape (2, 4) for 2 rows, found (2, 3)"),
    ],
)
def test_a_graph_that_is_not_what_its_signature_says_is_refused(
    export: Callable[..., Path], change: dict[str, object], options: dict[str, int], words: str
) -> None:
    with pytest.raises(ModelError) as caught:
        OnnxModel.load(export(change=change, **options))
    assert words in str(caught.value)


ROW = {"level": "row", "sequence": None}


@pytest.mark.parametrize(
    ("change", "pooled", "words"),
    [
        ({}, True, "output 'code' must have shape (2, 2) for 2 rows, found (2, 1)"),
        ({"outputs": [HOURS, TOTAL, CODE | ROW, TAG]}, False, "'code' is tensor(float) of rank 1 there and tensor"),
        ({"outputs": [HOURS, TOTAL, CODE, TAG | ROW]}, False, "'tag' is tensor(float) of rank 2 there and tensor"),
        ({"inputs": [LISTS, *OTHERS, {**PLACE, "size": 3}]}, False, "failed on its input"),
        (
            {"inputs": [LISTS, *OTHERS, {"name": "place", "type": "number"}]},
            False,
            "'place' is tensor(double) of rank 1 there and tensor(double) of rank 2 in the graph",
        ),
        (
            {"inputs": [{"name": "words", "type": "string"}, *OTHERS, PLACE], "outputs": [HOURS, TOTAL]},
            False,
            "'words' is tensor(string) of rank 1 there and tensor(string) of rank 2 in the graph",
        ),
    ],
)
def test_a_graph_of_lists_that_is_not_what_its_signature_says_is_refused(
    tmp_path: Path, change: dict[str, object], pooled: bool, words: str
) -> None:
    with pytest.raises(ModelError) as caught:
        OnnxModel.load(write(tmp_path, tokens(pooled=pooled), TOKENS | change))
    assert words in str(caught.value)
