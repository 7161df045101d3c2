"""Matrices of a signature: a column of one holds what the input's own tensor would; what contradicts is refused."""

from collections.abc import Callable
from pathlib import Path
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
from tests.serving.bodies import INPUTS, ROWS, body, columns, refused
from tests.strategies import patient

FORM = TextFormat(nulls=("NA",), decimal=",")
WITH_TEXT = (
    NumberField(name="size", text=FORM),
    BooleanField(name="open", text=FORM),
    NumberField(name="class"),
    StringField(name="shop", text=FORM),
    StringField(name="town"),
)
OF_TEXT = st.fixed_dictionaries(
    {
        "size": st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["1,5", "NA", "", "-3"]),
        "open": st.none() | st.booleans() | st.sampled_from(["True", "0", "NA"]),
        "class": st.none() | st.floats(-9, 9),
        "shop": st.none() | st.sampled_from(["NA", "", "a"]),
        "town": st.none() | st.sampled_from(["NA", "", "a"]),
    }
)


def equal(inputs: tuple[InputField, ...], matrices: dict[str, list[str]], rows: list[dict[str, Any]]) -> None:
    declared = tuple(InputMatrix(name=name, columns=tuple(names)) for name, names in matrices.items())
    content = body(*rows)
    single, joined = columns(content, RequestDecoder(inputs)), dict(columns(content, RequestDecoder(inputs, declared)))
    for name, names in matrices.items():
        matrix = joined.pop(name)
        assert matrix.shape == (len(rows), len(names))
        assert matrix.flags["C_CONTIGUOUS"]
        for index, column in enumerate(names):
            assert matrix.dtype == single[column].dtype
            np.testing.assert_array_equal(matrix[:, index], single[column])
    assert set(joined) == set(single) - {column for names in matrices.values() for column in names}


@patient
@given(st.lists(ROWS, min_size=1, max_size=4), st.permutations(["class", "is holiday?", "leaves", "lands"]))
def test_a_matrix_holds_the_tensors_of_its_columns(rows: list[dict[str, Any]], names: list[str]) -> None:
    """The order is its own, also with lists, whose tensors are padded."""
    equal(INPUTS, {"numbers": names}, rows)
    few = INPUTS[:3]
    equal(few, {"numbers": ["is holiday?", "class"]}, [{one.name: row[one.name] for one in few} for row in rows])


@patient
@given(st.lists(OF_TEXT, min_size=1, max_size=4))
def test_numbers_sent_as_text_are_read_by_the_rules_of_their_columns(rows: list[dict[str, Any]]) -> None:
    equal(WITH_TEXT, {"numbers": ["class", "size", "open"], "texts": ["shop", "town"]}, rows)


def test_a_value_that_is_none_is_refused_by_name() -> None:
    reader = RequestDecoder(WITH_TEXT, (InputMatrix(name="numbers", columns=("size", "open", "class")),))
    right = {"size": 1, "open": True, "class": 1.5, "shop": "a", "town": None}
    for field, value in (("size", "1.5"), ("open", "yes"), ("class", "1")):
        (detail,) = refused(body(right, {**right, field: value}), reader).details
        assert (detail.row, detail.field) == (1, field)


@pytest.mark.parametrize(
    ("matrices", "words"),
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
def test_matrices_of_a_signature(export: Callable[..., Path], matrices: list[Any], words: str | None) -> None:
    inputs = [
        {"name": "carrier", "type": "string"},
        {"name": "distance", "type": "number"},
        {"name": "is_holiday", "type": "boolean"},
        {"name": "words", "type": "strings"},
    ]
    path = export(change={"format": 4, "inputs": inputs, "matrices": matrices}) / "signature.json"
    if words is None:
        assert len(read_signature(path).matrices) == len(matrices)
        return
    with pytest.raises(SignatureError) as caught:
        read_signature(path)
    assert words in str(caught.value)
