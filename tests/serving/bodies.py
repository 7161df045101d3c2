"""Bodies of requests with every type of input: valid values, invalid values, and the errors for them."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from serving.decoding import MAX_DETAILS
from serving.errors import RequestError
from serving.inputs import BooleanField, DatetimeField, NumberField, StringField, TextField, ZonedDatetimeField
from serving.lists import StringListField, VectorField
from serving.rows import RequestDecoder
from serving.value_rules import MAX_DOCUMENT, MAX_ITEMS, MAX_TEXT

INPUTS = (
    StringField(name="carrier"),
    NumberField(name="class"),  # a keyword of Python
    BooleanField(name="is holiday?"),
    DatetimeField(name="leaves"),
    ZonedDatetimeField(name="lands"),
    StringListField(name="words"),
    TextField(name="note", max_tokens=5),
    VectorField(name="point", size=2),
)
DECODER = RequestDecoder(INPUTS, max_rows=5)
VALID_ROW = {
    "carrier": "AA",
    "class": 1.5,
    "is holiday?": True,
    "leaves": "2013-10-01T05:30",
    "lands": "2013-10-01T08:30:00-04:00",
    "words": ["a", None],
    "note": "one note, two notes",
    "point": [1, -0.5],
}

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)


def iso_texts(*, zoned: bool) -> st.SearchStrategy[str]:
    """ISO 8601 text of every precision, of the years 1 to 9999."""
    times = ["{:%H:%M}", "{:%H:%M:%S}", "{:%H:%M:%S}.5", "{:%H:%M:%S}.000000001", "{:%H:%M:%S.%f}", "{:%H:%M:%S.%f}789"]
    zones = ["Z", "+00:00", "-00:00", "+05:45", "-09:30", "+23:59", "-23:59"] if zoned else [""]
    formats = [f"{separator}{time}{zone}" for separator in "T " for time in times for zone in zones]

    def text(microseconds: int, time_format: str) -> str:
        timestamp = datetime.min + timedelta(microseconds=microseconds)
        return timestamp.date().isoformat() + time_format.format(timestamp)

    longest = (datetime.max - datetime.min) // timedelta(microseconds=1)
    return st.builds(text, st.integers(0, longest), st.sampled_from(formats if zoned else [*formats, ""]))


VALUES = {
    "carrier": st.none() | TEXT,
    "class": st.none() | NUMBERS,
    "is holiday?": st.none() | st.booleans(),
    "leaves": st.none() | iso_texts(zoned=False),
    "lands": st.none() | iso_texts(zoned=True),
    "words": st.none() | st.lists(st.none() | TEXT, max_size=4),
    "note": st.none() | TEXT,
    "point": st.none() | st.lists(st.none() | NUMBERS, min_size=2, max_size=2),
}
ROWS = st.fixed_dictionaries(VALUES)

_NOT_TEXT = st.integers() | st.booleans() | st.lists(st.none()) | st.just({})
INVALID_VALUES = {
    "carrier": _NOT_TEXT | st.just("a" * (MAX_TEXT + 1)),
    "class": TEXT | st.booleans() | st.lists(st.none()) | st.just(10**400),
    "is holiday?": TEXT | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.just({}),
    "leaves": _NOT_TEXT | iso_texts(zoned=True) | st.sampled_from(["", "2013-02-30", "2013-10-01T", "\ud800"]),
    "lands": _NOT_TEXT | iso_texts(zoned=False) | st.sampled_from(["Z", "2013-02-30T00:00Z", "2013-10-01Z"]),
    "words": TEXT
    | st.integers()
    | st.just({})
    | st.sampled_from([[1], [None, True], [[]], ["a", {}], ["a" * (MAX_TEXT + 1)], [None] * (MAX_ITEMS + 1)]),
    "note": _NOT_TEXT | st.just("a" * (MAX_DOCUMENT + 1)),
    "point": TEXT
    | st.integers()
    | st.sampled_from([[], [1], [1, 2, 3], {}, ["1", 2], [True, 2], [None, []], [1, 10**400]]),
}


@st.composite
def rows_with_an_error(draw: st.DrawFn) -> tuple[list[dict[str, Any]], int, str]:
    """Rows with one invalid field, the index of the row, and the field."""
    rows = draw(st.lists(ROWS, min_size=1, max_size=3))
    index, field = draw(st.integers(0, len(rows) - 1)), draw(st.sampled_from(sorted(VALID_ROW)))
    match draw(st.sampled_from(["invalid", "invalid", "invalid", "missing", "unknown"])):
        case "invalid":
            rows[index][field] = draw(INVALID_VALUES[field])
        case "missing":
            del rows[index][field]
        case "unknown":
            field = draw(TEXT.filter(lambda name: name not in VALID_ROW))
            rows[index][field] = draw(st.none() | TEXT)
    return rows, index, field


def body(*rows: object) -> bytes:
    return json.dumps(list(rows)).encode()


def row_with(field: str, value: str) -> bytes:
    """A body of one row with that JSON for one field, and null for the others."""
    return ("[{" + ", ".join(f'"{n}": {value if n == field else "null"}' for n in VALID_ROW) + "}]").encode()


def tensors_of(content: bytes, decoder: RequestDecoder = DECODER) -> Mapping[str, np.ndarray[Any, Any]]:
    """The tensors of a body that fits into one batch."""
    (batch,) = decoder.decode(content)
    return batch.tensors


def rejection(content: bytes, decoder: RequestDecoder = DECODER) -> RequestError:
    """The error for an invalid body."""
    with pytest.raises(RequestError) as raised:
        decoder.decode(content)
    error = raised.value
    assert error.status == 400
    assert len(error.details) == min(error.total, MAX_DETAILS)
    assert error.details[0].rule in error.message
    for detail in error.details:
        assert len(detail.found) <= 80
        assert len(detail.field or "") <= 40
    json.dumps(error.message, ensure_ascii=False).encode()
    return error
