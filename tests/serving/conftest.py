"""A small graph with every type of input and both forms of output, made by hand so that its answers are known."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import onnx
import pytest
from onnx import TensorProto, helper

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLASSES = ["early", "on time", "late", "very late"]

SIGNATURE = {
    "format": 1,
    "name": "flights",
    "version_of_trunkline": "0.1.0",
    "inputs": [
        {"name": "carrier", "type": "string"},
        {"name": "distance", "type": "number"},
        {"name": "is_holiday", "type": "boolean"},
    ],
    "outputs": [
        {"name": "cancelled", "kind": "binary", "form": "number", "unit": "probability"},
        {
            "name": "delay_band",
            "kind": "multiclass",
            "form": "class_probabilities",
            "unit": "probability",
            "classes": CLASSES,
        },
        {"name": "arr_delay", "kind": "regression", "form": "number", "unit": "minutes"},
    ],
}


def graph(*, bias: float = 0.0, distance_type: int = TensorProto.DOUBLE, classes: int = 4) -> bytes:
    """arr_delay = distance (0 where missing) + 10 for a holiday + 1 for AA, 2 for UA, 0 for others + bias.

    cancelled = sigmoid(arr_delay); delay_band = softmax(arr_delay * [0, 1, 2, 3]).
    """
    value, node = helper.make_tensor_value_info, helper.make_node
    nodes = [
        node(
            "LabelEncoder",
            ["carrier"],
            ["_carrier"],
            domain="ai.onnx.ml",
            keys_strings=["AA", "UA"],
            values_floats=[1.0, 2.0],
            default_float=0.0,
        ),
        node("Cast", ["distance"], ["_distance"], to=TensorProto.FLOAT),
        node("Cast", ["is_holiday"], ["_holiday"], to=TensorProto.FLOAT),
        node("IsNaN", ["_distance"], ["_no_distance"]),
        node("IsNaN", ["_holiday"], ["_no_holiday"]),
        node("Where", ["_no_distance", "_zero", "_distance"], ["_d"]),
        node("Where", ["_no_holiday", "_zero", "_holiday"], ["_h"]),
        node("Mul", ["_h", "_ten"], ["_h10"]),
        node("Sum", ["_d", "_h10", "_carrier", "_bias"], ["arr_delay"]),
        node("Sigmoid", ["arr_delay"], ["cancelled"]),
        node("Unsqueeze", ["arr_delay", "_axis"], ["_column"]),
        node("Mul", ["_column", "_scale"], ["_logits"]),
        node("Softmax", ["_logits"], ["delay_band"], axis=1),
    ]
    constants = [
        helper.make_tensor("_zero", TensorProto.FLOAT, [], [0.0]),
        helper.make_tensor("_ten", TensorProto.FLOAT, [], [10.0]),
        helper.make_tensor("_bias", TensorProto.FLOAT, [1], [bias]),
        helper.make_tensor("_axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("_scale", TensorProto.FLOAT, [1, classes], [float(place) for place in range(classes)]),
    ]
    inputs = [
        value("carrier", TensorProto.STRING, ["rows"]),
        value("distance", distance_type, ["rows"]),
        value("is_holiday", TensorProto.DOUBLE, ["rows"]),
    ]
    outputs = [
        value("cancelled", TensorProto.FLOAT, ["rows"]),
        value("delay_band", TensorProto.FLOAT, ["rows", "classes"]),
        value("arr_delay", TensorProto.FLOAT, ["rows"]),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "flights", inputs, outputs, constants),
        opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 4)],
        ir_version=10,
    )
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder with model.onnx and signature.json (keys changed by `change`), and checks.json above it."""

    def write(
        *, folder: str = "model", passed: bool = True, change: dict[str, object] | None = None, **options: int
    ) -> Path:
        target = tmp_path / folder
        target.mkdir(exist_ok=True)
        content = graph(**options)
        (target / "model.onnx").write_bytes(content)
        signature = {**SIGNATURE, "graph_sha256": hashlib.sha256(content).hexdigest(), **(change or {})}
        (target / "signature.json").write_text(json.dumps(signature))
        (target / "checks.json").write_text(json.dumps({"passed": passed, "checks": []}))
        return target

    return write
