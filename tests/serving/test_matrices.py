"""Matrices of a signature: a column equals the input's separate tensor; contradictory declarations are rejected."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.cells import TextFormat
from serving.errors import SignatureError
from serving.inputs import BooleanField, InputField, NumberField, StringField
from serving.rows import RequestDecoder
from serving.signature import InputMatrix, read_signature
from tests.serving.bodies import INPUTS, ROWS, body, rejection, tensors_of
from tests.serving.example_models import Export
from tests.strategies import patient

TEXT_FORMAT = TextFormat(nulls=("NA",), decimal=",")
INPUTS_WITH_TEXT = (
    NumberField(name="size", text=TEXT_FORMAT),
    BooleanField(name="open", text=TEXT_FORMAT),
    NumberField(name="class"),
    StringField(name="shop", text=TEXT_FORMAT),
    StringField(name="town"),
)
ROWS_WITH_TEXT = st.fixed_dictionaries(
    {
        "size": st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["1,5", "NA", "", "-3"]),
        "open": st.none() | st.booleans() | st.sampled_from(["True", "0", "NA"]),
        "class": st.none() | st.floats(-9, 9),
        "shop": st.none() | st.sampled_from(["NA", "", "a"]),
        "town": st.none() | st.sampled_from(["NA", "", "a"]),
    }
)


def check_columns(inputs: tuple[InputField, ...], matrices: dict[str, list[str]], rows: list[dict[str, Any]]) -> None:
    declared = tuple(InputMatrix(name=name, columns=tuple(names)) for name, names in matrices.items())
    content = body(*rows)
    separate = tensors_of(content, RequestDecoder(inputs))
    joined = dict(tensors_of(content, RequestDecoder(inputs, declared)))
    for name, names in matrices.items():
        matrix = joined.pop(name)
        assert matrix.shape == (len(rows), len(names))
        assert matrix.flags["C_CONTIGUOUS"]
        for index, column in enumerate(names):
            assert matrix.dtype == separate[column].dtype
            np.testing.assert_array_equal(matrix[:, index], separate[column])
    assert set(joined) == set(separate) - {column for names in matrices.values() for column in names}


@patient
@given(st.lists(ROWS, min_size=1, max_size=4), st.permutations(["class", "is holiday?", "leaves", "lands"]))
def test_a_matrix_has_the_tensors_of_its_columns(rows: list[dict[str, Any]], names: list[str]) -> None:
    """Any order of the columns, also with lists, whose tensors are padded."""
    check_columns(INPUTS, {"numbers": names}, rows)
    names_without_lists = [field.name for field in INPUTS[:3]]
    shorter = [{name: row[name] for name in names_without_lists} for row in rows]
    check_columns(INPUTS[:3], {"numbers": ["is holiday?", "class"]}, shorter)


@patient
@given(st.lists(ROWS_WITH_TEXT, min_size=1, max_size=4))
def test_text_is_parsed_by_the_options_of_its_column(rows: list[dict[str, Any]]) -> None:
    check_columns(INPUTS_WITH_TEXT, {"numbers": ["class", "size", "open"], "texts": ["shop", "town"]}, rows)


def test_an_invalid_value_of_a_matrix_is_rejected_with_its_field() -> None:
    decoder = RequestDecoder(INPUTS_WITH_TEXT, (InputMatrix(name="numbers", columns=("size", "open", "class")),))
    valid = {"size": 1, "open": True, "class": 1.5, "shop": "a", "town": None}
    for field, value in (("size", "1.5"), ("open", "yes"), ("class", "1")):
        (detail,) = rejection(body(valid, {**valid, field: value}), decoder).details
        assert (detail.row, detail.field) == (1, field)


@pytest.mark.parametrize(
    ("matrices", "message"),
    [
        ([{"name": "m", "columns": ["distance", "is_holiday"]}], None),
        ([], None),
        ([{"name": "m", "columns": ["distance"]}], "length >= 2"),
        ([{"name": "", "columns": ["distance", "is_holiday"]}], "length >= 1"),
        ([{"name": "m", "columns": ["distance", "size"]}], "inputs with one value a row, found 'size'"),
        ([{"name": "m", "columns": ["distance", "words"]}], "inputs with one value a row, found 'words'"),
        (
            [{"name": "m", "columns": ["distance", "carrier"]}],
            "one tensor type, found tensor(double) and tensor(string)",
        ),
        ([{"name": "m", "columns": ["distance", "distance"]}], "columns of matrices must have distinct names"),
        (
            [{"name": "carrier", "columns": ["distance", "is_holiday"]}],
            "matrices must have distinct names, found 'carri",
        ),
        ([{"name": "m", "columns": ["distance", "is_holiday"], "dtype": "float"}], "unknown field `dtype`"),
    ],
)
def test_matrices_of_a_signature(export: Export, matrices: list[Any], message: str | None) -> None:
    inputs = [
        {"name": "carrier", "type": "string"},
        {"name": "distance", "type": "number"},
        {"name": "is_holiday", "type": "boolean"},
        {"name": "words", "type": "strings"},
    ]
    path = export(change={"format": 4, "inputs": inputs, "matrices": matrices}) / "signature.json"
    if message is None:
        assert len(read_signature(path).matrices) == len(matrices)
        return
    with pytest.raises(SignatureError, match=re.escape(message)):
        read_signature(path)
