"""Names that JSON has to escape, as `size (")`: msgspec's structs cannot have them, and all is served the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from serving.errors import RequestError
from serving.live import Served
from serving.model import Model
from serving.rows import RowReader
from serving.signature import Input
from tests.serving.made import SIGNATURE, shifted, write

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("string", "number", "boolean")
PLAIN = dict(zip(("a", "b", "c"), KINDS, strict=True))
ODD = dict(zip(("a", 'size (")', "back\\slash\nand line"), KINDS, strict=True))

ROWS = [
    {"a": "x", "b": 1, "c": True},
    {"a": None, "b": None, "c": None},
    {"a": "", "b": 2**70, "c": False},
]
WRONG = [
    {"a": 1, "b": "1", "c": 1},
    ROWS[0],
    {},
    {"b": 10**400, "c": "yes", "x": 0, "a": "y" * 1_001},
]


def read(inputs: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    reader = RowReader(tuple(Input(name=name, type=kind) for name, kind in inputs.items()), max_rows=4)
    names = dict(zip(PLAIN, inputs, strict=True))
    return reader.read(
        json.dumps([{names.get(key, key): value for key, value in row.items()} for row in rows]).encode()
    )


@pytest.mark.parametrize("name", ['"', "\\", "\n", "\x00", "\x1f", "\x7f", "é", " "])
def test_rows_are_read_alike(name: str) -> None:
    inputs = {"a": "string", name: "number", "c": "boolean"}
    plain, odd = read(PLAIN, ROWS), read(inputs, ROWS)
    assert list(odd) == list(inputs)
    for expected, found in zip(plain.values(), odd.values(), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


@pytest.mark.parametrize("rows", [WRONG, [], [*ROWS, *ROWS]])
def test_rows_are_refused_alike(rows: list[dict[str, Any]]) -> None:
    told = []
    for inputs in (PLAIN, ODD):
        with pytest.raises(RequestError) as caught:
            read(inputs, rows)
        named = dict(zip(inputs, PLAIN, strict=True))
        error = caught.value
        told.append([error.total, *((f.row, named.get(f.field or "", f.field), f.rule, f.found) for f in error.faults)])
    assert told[0] == told[1]


def test_a_model_of_odd_names_is_served(tmp_path: Path) -> None:
    classes = ['5"', "tab\t", "\\"]
    band = {"name": 't"', "kind": "multiclass", "form": "class_probabilities", "unit": "", "classes": classes}
    signature = SIGNATURE | {"inputs": [{"name": 'x"', "type": "number"}], "outputs": [band]}
    content = shifted('t"', (0.5, 0.25, 0.25), column='x"')
    served = Served(Model.load(write(tmp_path, content, signature), version="v"))
    answer = json.loads(served.answer(json.dumps([{'x"': 0.0}, {'x"': None}]).encode()))
    assert answer["predictions"] == [
        {'t"': {"class": '5"', "probabilities": {'5"': 0.5, "tab\t": 0.25, "\\": 0.25}}},
        {'t"': {"class": None, "probabilities": dict.fromkeys(classes)}},
    ]
    assert json.loads(served.example[1])["predictions"] == answer["predictions"][1:]
