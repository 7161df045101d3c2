"""Spans in a target column: their rules, their labels, and the tags of the tokens of their texts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings, is_text, item_type
from mtl_core.errors import DataError
from mtl_core.ragged import Ragged
from mtl_core.tasks.base import UNLABELLED
from mtl_core.text.input_type import TextInput
from mtl_core.text.tags import OUTSIDE, Span, tags_of
from mtl_core.text.tokenizer import token_offsets, tokenizer, tokens_by_text

MAX_LABELS = 1_000
FIELDS = ("start", "end", "label")
"""The fields of a span."""


def span_error(length: float, spans: list[dict[str, Any] | None]) -> str:
    """The first rule that spans of a text with `length` characters break; "" if they break none."""
    previous = 0
    for span in sorted(spans, key=lambda span: (span or {}).get("start") or 0):
        if span is None or any(span[field] is None for field in FIELDS) or span["label"] == "":
            return f"a span must have {', '.join(FIELDS)}, found {span}"
        start, end = span["start"], span["end"]
        if not 0 <= start < end:
            return f"a span must have 0 <= start < end, found {start} to {end}"
        if end > length:
            return f"a span must end within the {length:,} characters of its text, found {start} to {end}"
        if start < previous:
            return f"spans must not overlap, found one from {start} to {end} after one that ends at {previous}"
        previous = end
    return ""


def label_counts(task: str, target: str, values: pa.Array) -> dict[str, int]:
    """(rows,) lists of spans -> number of spans of each label."""
    labels, _ = labels_and_rows(task, target, values)
    counts = labels.value_counts()
    return dict(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True))


def labels_and_rows(task: str, target: str, values: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    """(rows,) lists of spans -> the label of every span that has one, in order, and its row: (spans,) each."""
    check_type(task, target, values.type)
    labels = as_strings(pc.struct_field(pc.list_flatten(values), "label"))
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False)
    present = pc.not_equal(labels, "")
    return labels.filter(present), np.repeat(np.arange(len(values)), lengths)[present.to_numpy(zero_copy_only=False)]


def span_errors(task: str, target: str, values: pa.Array, texts: pa.Array) -> list[str]:
    """(rows,) lists of spans and texts -> the first broken rule of each row, "" where there is none."""
    check_type(task, target, values.type)
    lengths = pc.utf8_length(as_strings(texts)).to_pylist()
    return [span_error(length, spans or []) for length, spans in zip(lengths, values.to_pylist(), strict=True)]


def check_spans(task: str, target: str, values: pa.Array, texts: pa.Array) -> None:
    """DataError for the first of (rows,) lists of spans that breaks a rule."""
    for row, error in enumerate(span_errors(task, target, values, texts)):
        if error:
            text = texts[row].as_py() or ""
            raise DataError(f"task {task!r}: {error}, in {target!r} of {text[:60]!r}; repair the row, or quarantine it")


def span_tags(
    task: str, target: str, label_index: Callable[[str], int], values: pa.Array, texts: pa.Array, input_type: TextInput
) -> Ragged:
    """(rows,) lists of spans and texts -> the tags of each text's tokens, without end mark; int16.

    UNLABELLED in rows without a list. DataError for a span that breaks a rule.
    """
    check_spans(task, target, values, texts)
    texts = as_strings(texts)
    tokens = tokenizer(input_type.max_tokens)(texts)
    tags: list[NDArray[np.int16]] = []
    for text, of_text, spans in zip(texts.to_pylist(), tokens_by_text(tokens), values.to_pylist(), strict=True):
        if not spans:
            tags.append(np.full(len(of_text), UNLABELLED if spans is None else OUTSIDE, dtype=np.int16))
            continue
        labelled = [Span(span["start"], span["end"], label_index(span["label"])) for span in spans]
        tags.append(tags_of(token_offsets(text, of_text), labelled))
    return Ragged.from_lengths(np.concatenate([np.zeros(0, np.int16), *tags]), tokens.lengths - 1)


def check_type(task: str, target: str, arrow_type: pa.DataType) -> None:
    """DataError for a target whose values are no spans."""
    if not is_span_list(arrow_type):
        raise DataError(
            f"task {task!r}: a tagging target must be lists of {{start, end, label}}, whole numbers and a text, found "
            f"{arrow_type} in {target!r}; convert the column"
        )


def is_span_list(arrow_type: pa.DataType) -> bool:
    """True for lists of spans: structs with all FIELDS, in any order."""
    spans = item_type(arrow_type)
    return spans is not None and pa.types.is_struct(spans) and all(_is_field(spans, field) for field in FIELDS)


def _is_field(spans: pa.StructType, field: str) -> bool:
    index = spans.get_field_index(field)
    if index < 0:
        return False
    matches = is_text if field == "label" else pa.types.is_integer
    return matches(spans.field(index).type) or pa.types.is_null(spans.field(index).type)
