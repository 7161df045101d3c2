"""A graph and its signature: predictions if they match, an error otherwise."""

import hashlib
import math
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from serving.errors import ModelError
from serving.model import OnnxModel
from tests.serving.example_models import SIGNATURE, TOKENS, Export, tokens, write

INPUTS: Any = SIGNATURE["inputs"]
LISTS, *OTHERS, POINT = TOKENS["inputs"]
HOURS, TOTAL, CODE, TAG = TOKENS["outputs"]


def tensors_of(carrier: list[str], distance: list[float], holiday: list[float]) -> dict[str, np.ndarray[Any, Any]]:
    return {
        "carrier": np.array(carrier, dtype=object),
        "distance": np.array(distance, dtype=np.float64),
        "is_holiday": np.array(holiday, dtype=np.float64),
    }


def test_the_predictions_are_those_of_the_graph(export: Export) -> None:
    model = OnnxModel.load(export(bias=0.5), version="flights:1")
    tensors = tensors_of(["AA", "UA", "", "XX"], [1.5, -2.0, math.nan, 0.0], [1.0, 0.0, math.nan, math.nan])
    predictions = model.predict(tensors)
    assert list(predictions) == ["cancelled", "delay_band", "arr_delay"]
    np.testing.assert_array_equal(predictions["arr_delay"], np.array([13.0, 0.5, 0.5, 0.5], dtype=np.float32))
    np.testing.assert_allclose(predictions["cancelled"], 1 / (1 + np.exp([-13.0, -0.5, -0.5, -0.5])), rtol=1e-6)
    assert predictions["delay_band"].shape == (4, 4)
    np.testing.assert_allclose(predictions["delay_band"].sum(axis=1), 1.0, rtol=1e-6)
    assert (
        repr(model) == "OnnxModel(name='flights', version='flights:1', tasks=['cancelled', 'delay_band', 'arr_delay'])"
    )


def test_threads_can_share_a_model(export: Export) -> None:
    model = OnnxModel.load(export())

    def predict(distance: int) -> float:
        return float(model.predict(tensors_of(["AA"] * 50, [float(distance)] * 50, [0.0] * 50))["arr_delay"][-1])

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(predict, range(200))) == [distance + 1.0 for distance in range(200)]


def test_wrong_tensors_are_a_model_error(export: Export) -> None:
    model = OnnxModel.load(export())
    with pytest.raises(ModelError, match="model flights failed on its input"):
        model.predict({"distance": np.zeros(1)})


@pytest.mark.parametrize(
    ("content", "digest", "message"),
    [
        (b"changed", None, r"SHA-256 must be [0-9a-f]{64} as .*, found"),
        (None, None, "run the export stage"),
        (b"", hashlib.sha256(b"").hexdigest(), "cannot be loaded .* export the model again"),
    ],
    ids=["changed", "missing", "not a graph"],
)
def test_a_damaged_graph_is_rejected(export: Export, content: bytes | None, digest: str | None, message: str) -> None:
    folder = export(change={"graph_sha256": digest} if digest else None)
    (folder / "model.onnx").unlink()
    if content is not None:
        (folder / "model.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=message):
        OnnxModel.load(folder)


NUMBER = {"kind": "regression", "form": "number", "unit": ""}
BANDS = {"name": "delay_band", "kind": "multiclass", "form": "class_probabilities", "unit": ""}
OUTPUTS = [
    {"name": "cancelled", **NUMBER},
    {**BANDS, "classes": ["a", "b", "c", "d"]},
    {"name": "arr_delay", **NUMBER},
]


@pytest.mark.parametrize(
    ("change", "options", "message"),
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
def test_a_graph_that_differs_from_its_signature_is_rejected(
    export: Export, change: dict[str, object], options: dict[str, int], message: str
) -> None:
    with pytest.raises(ModelError, match=re.escape(message)):
        OnnxModel.load(export(change=change, **options))


ROW = {"level": "row", "sequence": None}


@pytest.mark.parametrize(
    ("change", "pooled", "message"),
    [
        ({}, True, "output 'code' must have shape (2, 2) for 2 rows, found (2, 1)"),
        ({"outputs": [HOURS, TOTAL, CODE | ROW, TAG]}, False, "'code' is tensor(float) of rank 1 there and tensor"),
        ({"outputs": [HOURS, TOTAL, CODE, TAG | ROW]}, False, "'tag' is tensor(float) of rank 2 there and tensor"),
        ({"inputs": [LISTS, *OTHERS, {**POINT, "size": 3}]}, False, "failed on its input"),
        (
            {"inputs": [LISTS, *OTHERS, {"name": "point", "type": "number"}]},
            False,
            "'point' is tensor(double) of rank 1 there and tensor(double) of rank 2 in the graph",
        ),
        (
            {"inputs": [{"name": "words", "type": "string"}, *OTHERS, POINT], "outputs": [HOURS, TOTAL]},
            False,
            "'words' is tensor(string) of rank 1 there and tensor(string) of rank 2 in the graph",
        ),
    ],
)
def test_a_graph_of_lists_that_differs_from_its_signature_is_rejected(
    tmp_path: Path, change: dict[str, object], pooled: bool, message: str
) -> None:
    with pytest.raises(ModelError, match=re.escape(message)):
        OnnxModel.load(write(tmp_path, tokens(pooled=pooled), TOKENS | change))
