"""Every form of prediction from a real graph: its JSON, its shape, and null for values that are not finite."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto

from serving.errors import ModelError
from serving.live import ServedModel
from serving.model import OnnxModel
from serving.outputs import Output
from serving.predictions import PredictionFormatter
from serving.rows import RequestBatch
from tests.serving.example_models import SIGNATURE, shifted, write

NAMES = ["f0", "labels", 'a "name" of its own']

# Form -> further keys of its entry, addends of the graph, and the JSON of the prediction by x.
FORMS: dict[str, tuple[dict[str, Any], tuple[float, ...], dict[float | None, str]]] = {
    "number": ({}, (), {0.25: "0.25", None: "null"}),
    "number with a threshold": (
        {"threshold": 0.3},
        (),
        {
            0.25: '{"decision":false,"probability":0.25}',
            float(np.float32(0.3)): '{"decision":true,"probability":0.30000001192092896}',
            0.5: '{"decision":true,"probability":0.5}',
            None: '{"decision":null,"probability":null}',
        },
    ),
    "class_probabilities": (
        {"classes": NAMES},
        (0.25, 0.5, 0.25),
        {
            0.0: r'{"class":"labels","probabilities":{"f0":0.25,"labels":0.5,"a \"name\" of its own":0.25}}',
            None: r'{"class":null,"probabilities":{"f0":null,"labels":null,"a \"name\" of its own":null}}',
        },
    ),
    "label_probabilities": (
        {"labels": NAMES},
        (0.5, 0.25, 0.625),
        {
            0.0: r'{"labels":["f0","a \"name\" of its own"],'
            r'"probabilities":{"f0":0.5,"labels":0.25,"a \"name\" of its own":0.625}}',
            -0.25: r'{"labels":[],"probabilities":{"f0":0.25,"labels":0.0,"a \"name\" of its own":0.375}}',
            0.25: r'{"labels":["f0","labels","a \"name\" of its own"],'
            r'"probabilities":{"f0":0.75,"labels":0.5,"a \"name\" of its own":0.875}}',
            None: r'{"labels":null,"probabilities":{"f0":null,"labels":null,"a \"name\" of its own":null}}',
        },
    ),
    "label_probabilities with thresholds": (
        {"labels": ["a", "b"], "thresholds": [0.25, 1.0]},
        (0.0, 0.5),
        {
            0.25: '{"labels":["a"],"probabilities":{"a":0.25,"b":0.75}}',
            0.5: '{"labels":["a","b"],"probabilities":{"a":0.5,"b":1.0}}',
            0.125: '{"labels":[],"probabilities":{"a":0.125,"b":0.625}}',
            None: '{"labels":null,"probabilities":{"a":null,"b":null}}',
        },
    ),
    "quantiles": (
        {"levels": [0.00001, 0.1, 0.5, 0.975]},
        (-3.0, 0.0, 7.5, 21.0),
        {
            0.5: '{"0.00001":-2.5,"0.1":0.5,"0.5":8.0,"0.975":21.5}',
            None: '{"0.00001":null,"0.1":null,"0.5":null,"0.975":null}',
        },
    ),
    "cluster_probabilities": (
        {"clusters": 3},
        (0.125, 0.25, 0.625),
        {
            0.0: '{"cluster":2,"probabilities":[0.125,0.25,0.625]}',
            None: '{"cluster":null,"probabilities":[null,null,null]}',
        },
    ),
}


def entry(form: str) -> dict[str, Any]:
    return {"name": "t", "kind": "k", "form": form.partition(" ")[0], "unit": "", **FORMS[form][0]}


def load(folder: Path, form: str, addends: tuple[float, ...]) -> OnnxModel:
    signature = SIGNATURE | {"inputs": [{"name": "x", "type": "number"}], "outputs": [entry(form)]}
    return OnnxModel.load(write(folder, shifted("t", addends), signature), version="v")


@pytest.mark.parametrize("form", FORMS)
def test_the_json_of_a_real_graph(tmp_path: Path, form: str) -> None:
    _, addends, expected = FORMS[form]
    response = ServedModel(load(tmp_path, form, addends)).respond(json.dumps([{"x": x} for x in expected]).encode())
    rows = ",".join(f'{{"t":{row}}}' for row in expected.values())
    assert response.decode() == f'{{"model":"v","predictions":[{rows}]}}'


@pytest.mark.parametrize("form", FORMS)
def test_a_graph_of_another_width_than_the_signature_is_rejected(tmp_path: Path, form: str) -> None:
    expected = len(FORMS[form][1])
    for width in {expected - 1, expected + 1} - {-1}:
        message = f"must have shape (2, {expected}) for 2 rows, found (2, {width})" if expected else "of rank 1 there"
        with pytest.raises(ModelError, match=re.escape(message)):
            load(tmp_path, form, (0.0,) * width)


@pytest.mark.parametrize("form", [form for form in FORMS if FORMS[form][1]])
def test_a_graph_of_another_rank_than_the_signature_is_rejected(tmp_path: Path, form: str) -> None:
    with pytest.raises(ModelError, match=r"'t' is tensor\(float\) of rank 2 there and tensor\(float\) of rank 1"):
        load(tmp_path, form, ())


def formatter(form: str) -> PredictionFormatter:
    output: Output = msgspec.convert(entry(form), Output)
    return PredictionFormatter((output,))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("undefined", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("index", [0, -1])
def test_a_row_with_a_value_that_is_not_finite_is_null(form: str, undefined: float, index: int) -> None:
    _, addends, expected = FORMS[form]
    (x, finite), null = next(iter(expected.items())), expected[None]
    assert x is not None
    values = np.add.outer(np.full(3, x, dtype=np.float32), np.array(addends or 0.0, dtype=np.float32))
    values.reshape(3, -1)[1, index] = undefined
    rows = [msgspec.json.encode(row).decode() for row in formatter(form).rows({"t": values}, RequestBatch({}, {}))]
    assert rows == [f'{{"t":{row}}}' for row in (finite, null, finite)]


@given(st.lists(st.lists(st.sampled_from([0.0, 0.49999997, 0.5, 1.0, np.nan]), min_size=3, max_size=3), max_size=8))
def test_labels_have_a_probability_of_at_least_one_half(rows: list[list[float]]) -> None:
    values = np.array(rows, dtype=np.float32).reshape(len(rows), 3)
    predicted = formatter("label_probabilities").rows({"t": values}, RequestBatch({}, {}))
    decoded = msgspec.json.decode(msgspec.json.encode(predicted))
    assert [row["t"]["labels"] for row in decoded] == [
        None if np.isnan(row).any() else [name for name, value in zip(NAMES, row, strict=True) if value >= 0.5]
        for row in rows
    ]


@pytest.mark.parametrize(("form", "entry", "addends"), [("number", {}, ()), ("quantiles", {"levels": [0.5]}, (0.0,))])
def test_a_float64_number_keeps_all_its_digits(
    tmp_path: Path, form: str, entry: dict[str, Any], addends: tuple[float, ...]
) -> None:
    task = {"name": "t", "kind": "k", "form": form, "unit": "s", "dtype": "float64", **entry}
    signature = {**SIGNATURE, "format": 2, "inputs": [{"name": "x", "type": "number"}], "outputs": [task]}
    wide, narrow = (shifted("t", addends, dtype=dtype) for dtype in (TensorProto.DOUBLE, TensorProto.FLOAT))
    served = ServedModel(OnnxModel.load(write(tmp_path / "wide", wide, signature), version="v"))
    (row,) = json.loads(served.respond(b'[{"x": 1600000000.25}]'))["predictions"]
    assert row["t"] in (1600000000.25, {"0.5": 1600000000.25})
    with pytest.raises(ModelError, match=r"'t' is tensor\(double\) of rank . there and tensor\(float\)"):
        OnnxModel.load(write(tmp_path / "narrow", narrow, signature))
