"""Small hand-written graphs with known predictions, and their signatures."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from serving.store import Store

CLASSES = ["early", "on time", "late", "very late"]

ROW = {"carrier": "AA", "distance": 1.5, "is_holiday": None}
"""A row of a request; its `arr_delay` is 2.5 + bias."""

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
        helper.make_tensor("_scale", TensorProto.FLOAT, [1, classes], [float(index) for index in range(classes)]),
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
    return _bytes(helper.make_graph(nodes, "flights", inputs, outputs, constants))


def shifted(name: str, by: Sequence[float], column: str = "x", dtype: int = TensorProto.FLOAT) -> bytes:
    """A graph whose output is column + by: (rows,) if `by` is empty, otherwise (rows, len(by))."""
    value, node = helper.make_tensor_value_info, helper.make_node
    nodes = [
        node("Cast", [column], ["_x"], to=dtype),
        node("Unsqueeze", ["_x", "_axis"], ["_column"]),
        node("Add", ["_column", "_by"], [name]) if by else node("Identity", ["_x"], [name]),
    ]
    constants = [
        helper.make_tensor("_axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("_by", dtype, [1, len(by)], by),
    ]
    inputs = [value(column, TensorProto.DOUBLE, ["rows"])]
    outputs = [value(name, dtype, ["rows", "width"] if by else ["rows"])]
    return _bytes(helper.make_graph(nodes, "shifted", inputs, outputs, constants))


TAGS = ["other", "a", "b"]

TOKENS: dict[str, Any] = {
    "format": 2,
    "name": "tokens",
    "version_of_trunkline": "0.1.0",
    "inputs": [
        {"name": "words", "type": "strings"},
        {"name": "leaves", "type": "datetime"},
        {"name": "lands", "type": "zoned_datetime"},
        {"name": "place", "type": "vector", "size": 2},
    ],
    "outputs": [
        {"name": "hours", "kind": "regression", "form": "number", "unit": "hours"},
        {"name": "total", "kind": "regression", "form": "number", "unit": ""},
        {"name": "code", "kind": "k", "form": "number", "unit": "", "level": "token", "sequence": "words"},
        {
            "name": "tag",
            "kind": "k",
            "form": "class_probabilities",
            "unit": "",
            "level": "token",
            "sequence": "words",
            "classes": TAGS,
        },
    ],
}


def tokens(*, pooled: bool = False) -> bytes:
    """Hours = lands - leaves; total = sum of the codes and of the place; tag = softmax(code * [0, 1, 2]).

    The code of an item: 0 for "" and padding, 1 for a, 2 for b, NaN for nan, 5 for others. pooled: with one code per
    row instead of one per item.
    """
    value, node = helper.make_tensor_value_info, helper.make_node
    nodes = [
        node("Sub", ["lands", "leaves"], ["_seconds"]),
        node("Div", ["_seconds", "_hour"], ["_hours"]),
        node("Cast", ["_hours"], ["hours"], to=TensorProto.FLOAT),
        node(
            "LabelEncoder",
            ["words"],
            ["_codes"],
            domain="ai.onnx.ml",
            keys_strings=["", "a", "b", "nan"],
            values_floats=[0.0, 1.0, 2.0, float("nan")],
            default_float=5.0,
        ),
        node("ReduceMax" if pooled else "ReduceSum", ["_codes", "_axis"], ["_pooled"], keepdims=1),
        node("Identity", ["_pooled" if pooled else "_codes"], ["code"]),
        node("ReduceSum", ["_codes", "_axis"], ["_sum"], keepdims=0),
        node("ReduceSum", ["place", "_axis"], ["_place"], keepdims=0),
        node("Cast", ["_place"], ["_place_32"], to=TensorProto.FLOAT),
        node("Add", ["_sum", "_place_32"], ["total"]),
        node("Unsqueeze", ["_codes", "_last"], ["_column"]),
        node("Mul", ["_column", "_scale"], ["_logits"]),
        node("Softmax", ["_logits"], ["tag"], axis=-1),
    ]
    constants = [
        helper.make_tensor("_hour", TensorProto.DOUBLE, [], [3600.0]),
        helper.make_tensor("_axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("_last", TensorProto.INT64, [1], [-1]),
        helper.make_tensor("_scale", TensorProto.FLOAT, [3], [0.0, 1.0, 2.0]),
    ]
    inputs = [
        value("words", TensorProto.STRING, ["rows", "longest"]),
        value("leaves", TensorProto.DOUBLE, ["rows"]),
        value("lands", TensorProto.DOUBLE, ["rows"]),
        value("place", TensorProto.DOUBLE, ["rows", 2]),
    ]
    outputs = [
        value("hours", TensorProto.FLOAT, ["rows"]),
        value("total", TensorProto.FLOAT, ["rows"]),
        value("code", TensorProto.FLOAT, ["rows", "items"]),
        value("tag", TensorProto.FLOAT, ["rows", "longest", "classes"]),
    ]
    return _bytes(helper.make_graph(nodes, "tokens", inputs, outputs, constants))


FAILED = {"name": "cancelled.auc", "passed": False, "outcome": "failed", "words": "cancelled.auc: FAILED; found 0.5"}
"""An entry of checks.json."""


def write(folder: Path, content: bytes, signature: dict[str, Any], *, passed: bool = True) -> Path:
    """Write model.onnx, signature.json with the graph's hash, and checks.json."""
    folder.mkdir(exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    signature = {"graph_sha256": hashlib.sha256(content).hexdigest(), **signature}
    (folder / "signature.json").write_text(json.dumps(signature))
    (folder / "checks.json").write_text(json.dumps({"passed": passed, "checks": [] if passed else [FAILED]}))
    return folder


def save(store: Store, model: Path) -> str:
    """Save the folder of `write`; returns the tag."""
    return store.save(model=model, checks=model / "checks.json")


def promote(store: Store, model: Path) -> str:
    """Save it and make it the champion; returns the tag."""
    tag = save(store, model)
    store.promote(tag)
    return tag


def _bytes(graph: onnx.GraphProto) -> bytes:
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 4)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def with_nulls(value: Any) -> Any:
    """The same JSON value with null for every text and number."""
    match value:
        case dict():
            return {key: with_nulls(item) for key, item in value.items()}
        case list():
            return [with_nulls(item) for item in value]
        case _:
            return None
