"""Small hand-written graphs with known predictions, and their signatures."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnx.parser
from onnx import TensorProto, helper

from serving.store import Store

Export = Callable[..., Path]
"""The fixture `export`: writes a model's folder."""

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
    scale = ", ".join(str(float(index)) for index in range(classes))
    distance = TensorProto.DataType.Name(distance_type).lower()
    return parse(f"""
        flights (string[rows] carrier, {distance}[rows] distance, double[rows] is_holiday)
            => (float[rows] cancelled, float[rows, classes] delay_band, float[rows] arr_delay)
            <float zero = {{0.0}}, float ten = {{10.0}}, float[1] bias = {{{bias}}}, int64[1] axis = {{1}},
             float[1, {classes}] scale = {{{scale}}}>
        {{
            code = ai.onnx.ml.LabelEncoder
                <keys_strings = ["AA", "UA"], values_floats = [1.0, 2.0], default_float = 0.0> (carrier)
            distance32 = Cast <to = 1> (distance)
            no_distance = IsNaN (distance32)
            distance_or_0 = Where (no_distance, zero, distance32)
            holiday32 = Cast <to = 1> (is_holiday)
            no_holiday = IsNaN (holiday32)
            holiday_or_0 = Where (no_holiday, zero, holiday32)
            delay_of_holiday = Mul (holiday_or_0, ten)
            arr_delay = Sum (distance_or_0, delay_of_holiday, code, bias)
            cancelled = Sigmoid (arr_delay)
            column = Unsqueeze (arr_delay, axis)
            logits = Mul (column, scale)
            delay_band = Softmax <axis = 1> (logits)
        }}
    """)


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
        {"name": "point", "type": "vector", "size": 2},
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
    """Graph with hours = lands - leaves; total = sum of the codes and of the point; tag = softmax(code * [0, 1, 2]).

    The code of an item: 0 for "" and padding, 1 for a, 2 for b, NaN for nan, 5 for others. pooled: with one code per
    row instead of one per item.
    """
    return parse(f"""
        tokens (string[rows, longest] words, double[rows] leaves, double[rows] lands, double[rows, 2] point)
            => (float[rows] hours, float[rows] total, float[rows, items] code, float[rows, longest, classes] tag)
            <double hour = {{3600.0}}, int64[1] axis = {{1}}, int64[1] last = {{-1}},
             float[3] scale = {{0.0, 1.0, 2.0}}>
        {{
            seconds = Sub (lands, leaves)
            hours64 = Div (seconds, hour)
            hours = Cast <to = 1> (hours64)
            codes = ai.onnx.ml.LabelEncoder
                <keys_strings = ["", "a", "b", "nan"], values_floats = [0.0, 1.0, 2.0, nan], default_float = 5.0>
                (words)
            pooled = ReduceMax <keepdims = 1> (codes, axis)
            code = Identity ({"pooled" if pooled else "codes"})
            sum = ReduceSum <keepdims = 0> (codes, axis)
            point_sum = ReduceSum <keepdims = 0> (point, axis)
            point32 = Cast <to = 1> (point_sum)
            total = Add (sum, point32)
            column = Unsqueeze (codes, last)
            logits = Mul (column, scale)
            tag = Softmax <axis = -1> (logits)
        }}
    """)


FAILED = {"name": "cancelled.auc", "passed": False, "outcome": "failed", "message": "cancelled.auc: FAILED; found 0.5"}
"""An entry of checks.json."""


def write(folder: Path, content: bytes, signature: dict[str, Any], *, passed: bool = True) -> Path:
    """Write model.onnx, signature.json with the graph's hash, and checks.json."""
    folder.mkdir(exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    signature = {"graph_sha256": hashlib.sha256(content).hexdigest(), **signature}
    (folder / "signature.json").write_text(json.dumps(signature))
    write_checks(folder, passed=passed, checks=[] if passed else [FAILED])
    return folder


def write_checks(folder: Path, **content: Any) -> None:
    """Write checks.json of the folder's model.onnx and signature.json."""
    files = {"graph_sha256": "model.onnx", "signature_sha256": "signature.json"}
    digests = {key: hashlib.sha256((folder / name).read_bytes()).hexdigest() for key, name in files.items()}
    (folder / "checks.json").write_text(json.dumps(digests | content))


def save(store: Store, model: Path) -> str:
    """Save the folder of `write`; returns the tag."""
    return store.save(model=model, checks=model / "checks.json")


def promote(store: Store, model: Path) -> str:
    """Save it and make it the champion; returns the tag."""
    tag = save(store, model)
    store.promote(tag)
    return tag


def parse(text: str) -> bytes:
    """A graph in the text format of ONNX -> the bytes of its model."""
    return _bytes(onnx.parser.parse_graph(text))


def _bytes(graph: onnx.GraphProto) -> bytes:
    domains = {"": 20, "ai.onnx.ml": 4, "com.microsoft": 1}
    opsets = [helper.make_opsetid(domain, version) for domain, version in domains.items()]
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
