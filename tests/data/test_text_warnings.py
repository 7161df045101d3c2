"""Warnings about texts and spans: texts that are cut, and spans that tokens cannot express."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.config import parse_problem
from mtl_core.data import text_warnings
from mtl_core.data.data_warnings import data_warnings
from mtl_core.data.parts import open_parts
from mtl_core.text.inexact_spans import inexact_spans
from mtl_core.text.tags import Span, tags_of
from tests.tagging import SPANS, spans_of

MAX_TOKENS = 4


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), min_size=1, max_size=8),
    st.lists(st.integers(0, 40), max_size=8),
)
def test_a_span_is_exact_if_tags_return_it(words: list[tuple[int, int]], borders: list[int]) -> None:
    """For spans that begin and end at a character of a token, which here are words with 0 to 2 blanks before them."""
    gaps, lengths = np.array(words).T
    ends = np.cumsum(gaps + lengths)
    offsets = np.stack([ends - lengths, ends], axis=1)
    is_token = np.zeros(int(ends[-1]) + 1, dtype=bool)
    for start, end in offsets:
        is_token[start:end] = True
    marks = sorted({border for border in borders if border < len(is_token)})
    spans = [Span(start, end, 0) for start, end in pairwise(marks) if is_token[start] and is_token[end - 1]]
    read = offsets[:MAX_TOKENS]
    returned = spans_of(read, tags_of(read, spans))
    assert inexact_spans(offsets, spans, MAX_TOKENS).total() == len([s for s in spans if s not in returned])


def test_each_span_has_the_reason_why_it_is_inexact() -> None:
    offsets = np.array([[0, 3], [4, 10], [11, 12]])
    spans = [Span(0, 3, 0), Span(3, 4, 0), Span(4, 6, 0), Span(6, 10, 0), Span(11, 12, 0)]
    reasons = {"no token": 1, "within a token": 1, "shared token": 1}
    assert inexact_spans(offsets, spans, 3) == reasons
    assert inexact_spans(offsets, spans, 2) == reasons | {"beyond max_tokens": 1}
    assert inexact_spans(offsets, [Span(0, 4, 0)], 3) == {}, "a blank at the end belongs to no token"


def warnings(folder: Path, texts: list[str | None], spans: list[Any]) -> list[str]:
    declared = {
        "name": "texts",
        "data": {"path": "data.parquet"},
        "split": {"by": "hash", "column": "key"},
        "features": {"text": {"kind": "text", "max_tokens": MAX_TOKENS}},
        "tasks": {"names": {"kind": "tagging", "target": "spans"}},
    }
    values = [row and [{"start": start, "end": end, "label": "x"} for start, end in row] for row in spans]
    columns = {"key": list(range(len(texts))), "text": texts, "spans": pa.array(values, SPANS)}
    pq.write_table(pa.table(columns), folder / "data.parquet")
    problem = parse_problem(declared)
    return data_warnings(problem, open_parts(folder, problem))


def test_cut_texts_and_inexact_spans_are_counted(tmp_path: Path) -> None:
    """Ill-formed spans are none: validation reports these."""
    texts = ["a b c d", "a b c d e", "north pole", None]
    text, spans = warnings(tmp_path, texts, [[(0, 1)], [(0, 1), (8, 9)], [(0, 3), (3, 10)], [(0, 1)]])
    assert text.startswith("features.text: 1 of 4 texts (25.00%) have more than 4 tokens, and are cut")
    assert spans.startswith("tasks.names: tokens cannot express 3 of 5 spans of 4 texts exactly: 1 begin or end within")
    assert "; 1 share a token" in spans
    assert "; 1 lie beyond max_tokens; " in spans


def test_texts_of_many_rows_are_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_warnings, "MAX_TEXTS", 3)
    (text,) = warnings(tmp_path, ["a b c d e"] * 5, [None] * 5)
    assert text.startswith("features.text: 3 of 3 texts")
    assert warnings(tmp_path, ["a"] * 5, [[(0, 1)]] * 5) == []
