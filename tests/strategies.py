"""Shared hypothesis strategies: values that a column of real data may hold."""

from typing import Any

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

patient = settings(deadline=None, max_examples=50)
"""Settings without a time limit per example, for busy machines."""

LIMITS = [0.0, -0.0, 0.5, -1.5, 2.0**53 - 1, 2.0**53, -(2.0**53), 2.0**53 + 2, 1e300, -1e300, 5e-324, 2.2e-308]
WORDS = [
    *(
        "",
        " ",
        "a",
        "a ",
        " a",
        "A",
        "é",
        "e\u0301",
        "NA",
        "nan",
        "None",
        "0",
        "1.0",
        "日本",
        "🙂",
        "\n",
        '"',
        "a\x00b",
    ),
]

finite: SearchStrategy[float] = st.one_of(
    st.sampled_from(LIMITS), st.floats(-1e6, 1e6), st.floats(allow_nan=False, allow_infinity=False)
)
"""Any finite number, often a limit of float64."""

numbers: SearchStrategy[float | None] = st.one_of(
    finite, st.integers(-5, 5).map(float), st.sampled_from([None, float("nan"), float("inf"), float("-inf")])
)
"""A number of a file: missing, not a number, infinite, huge, subnormal or whole."""

integers: SearchStrategy[int | None] = st.one_of(
    st.none(), st.integers(-3, 3), st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), -(2**63) + 1])
)
"""An int64, often a limit of int64 or of float64."""

booleans: SearchStrategy[bool | None] = st.sampled_from([True, False, None])

texts: SearchStrategy[str | None] = st.one_of(
    st.none(),
    st.sampled_from(WORDS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(["x" * 100_000]),
)
"""Text in UTF-8: missing, empty, blanks, both encodings of an accent, very long."""


@st.composite
def partitions(draw: DrawFn, size: int) -> list[slice]:
    """Slices that cut `size` rows anywhere into parts, also empty ones."""
    cuts = sorted(draw(st.lists(st.integers(0, size), max_size=4)))
    return [slice(start, stop) for start, stop in zip([0, *cuts], [*cuts, size], strict=True)]


@st.composite
def layouts(draw: DrawFn, values: list[Any], arrow_type: pa.DataType) -> pa.Array:
    """The values as an Arrow array: a slice of a longer array, or joined chunks."""
    padding = draw(st.integers(0, 3))
    padded = pa.array([*values[:padding], *values, *values[:padding]], arrow_type)
    sliced = padded.slice(min(padding, len(values)), len(values))
    cut = draw(st.integers(0, len(values)))
    chunks = pa.chunked_array([sliced.slice(0, cut), sliced.slice(cut)], sliced.type)
    return draw(st.sampled_from([sliced, chunks.combine_chunks()]))
