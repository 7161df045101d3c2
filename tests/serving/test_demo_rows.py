"""Values that `mtl demo` sends, from `InputType.json`: the service builds the tensor of the encoder."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from mtl_core.input_types import (
    BooleanInput,
    DatetimeInput,
    InputType,
    NumberInput,
    StringInput,
    StringsInput,
    VectorInput,
)
from serving.inputs import InputField
from serving.rows import RequestDecoder

NAN, INF = float("nan"), float("inf")
TIMESTAMP = datetime(2013, 10, 1, 5, 30, 0, 250_000)
LISTS = [["a", "", None], [], None, ["é"]]
COLUMNS: dict[str, tuple[InputType, pa.Array]] = {
    "decimals": (NumberInput(), pa.array([Decimal("12.50"), Decimal("-0.01"), None])),
    "decimals of 32 bits": (NumberInput(), pa.array([Decimal("1.5"), None], pa.decimal32(5, 2))),
    "numbers": (NumberInput(), pa.array([1.5, NAN, INF, -INF, None])),
    "whole numbers": (NumberInput(), pa.array([2**62, -1, None])),
    "numbers of half precision": (NumberInput(), pa.array(np.array([0.5, NAN], np.float16))),
    "booleans": (BooleanInput(), pa.array([True, False, None])),
    "words": (StringInput(), pa.array(["[km]", "", None, "\U0001f6e9\n"])),
    "words in a dictionary": (StringInput(), pa.array(["a", None]).dictionary_encode()),
    "dates": (DatetimeInput(), pa.array([date(2013, 10, 1), None])),
    "timestamps": (DatetimeInput(), pa.array([TIMESTAMP, None])),
    "text of timestamps": (DatetimeInput(), pa.array(["2013-10-01T05:30:00", "", None])),
    "timestamps in a zone": (DatetimeInput(zoned=True), pa.array([TIMESTAMP, None], pa.timestamp("ms", "Asia/Tokyo"))),
    "timestamps in UTC": (DatetimeInput(zoned=True), pa.array([TIMESTAMP.replace(tzinfo=UTC)])),
    "lists": (StringsInput(), pa.array(LISTS)),
    "lists in text": (StringsInput(separator="|"), pa.array(["a| b", "", None])),
    "vectors": (VectorInput(size=2), pa.array([[1.0, NAN], [None, INF], None])),
    "vectors of decimals": (VectorInput(size=1), pa.array([[Decimal("0.5")], None])),
    "vectors of a fixed size": (VectorInput(size=2), pa.array([[1, 2], None], pa.list_(pa.int32(), 2))),
}


@pytest.mark.parametrize(("kind", "values"), COLUMNS.values(), ids=COLUMNS)
@pytest.mark.parametrize("name", ["x", 'a [km]"\n'])
def test_the_service_builds_the_tensor_of_the_encoder(kind: InputType, values: pa.Array, name: str) -> None:
    body = json.dumps([{name: value} for value in kind.json(values)], allow_nan=False)
    field: Any = msgspec.convert({"name": name, **kind.signature()}, InputField)
    (batch,) = RequestDecoder((field,)).decode(body.encode())
    expected = kind.tensor(values)
    if not kind.is_string:
        expected = np.where(np.isfinite(expected), expected, np.nan)  # JSON has no infinity
    np.testing.assert_array_equal(batch.tensors[name], expected)
