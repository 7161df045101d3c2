"""Columns of labelled spans, and the columns of the texts that they are spans of."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa

from flows.draft.facts import TableSample
from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings
from mtl_core.errors import DataError
from mtl_core.features.facts import SAMPLE
from mtl_core.names import INTERNAL


def text_of_spans(sample: TableSample, target: str, targets: Collection[str]) -> str:
    """The column of text in which all spans end within their text and most of them begin and end with a word.

    Raises DataError if there is none.
    """
    lists = sample.table[target].combine_chunks()
    texts = [
        name
        for name, facts in sample.facts.items()
        if facts.is_text and name and not name.startswith(INTERNAL) and name not in targets
    ]
    shares = {name: share for name in texts if (share := _share_at_words(lists, sample.table[name])) is not None}
    if not shares:
        raise DataError(
            f"--tasks: the spans of {target!r} must end within the texts of a column, found none among the columns of "
            f"text: {', '.join(texts) or 'there are none'}; correct the spans, which count characters from 0, or add "
            "their texts"
        )
    return max(shares, key=lambda name: shares[name])


def _share_at_words(lists: pa.Array, column: pa.ChunkedArray) -> float | None:
    """The share of borders that do not lie within a word; None if a span ends after its text."""
    texts = as_strings(column.combine_chunks())
    spans, rows = pc.list_flatten(lists), pc.list_parent_indices(lists)
    lengths = pc.utf8_length(texts.take(rows))
    if not pc.all(pc.less_equal(spans.field("end"), lengths)).as_py():
        return None
    first = zip(rows[:SAMPLE].to_pylist(), spans[:SAMPLE].to_pylist(), strict=True)
    borders = [(texts[row].as_py(), span[field]) for row, span in first if span for field in ("start", "end")]
    return float(np.mean([not _is_within_word(text, border or 0) for text, border in borders])) if borders else 1.0


def _is_within_word(text: str, border: int) -> bool:
    return text[max(border - 1, 0) : border].isalnum() and text[border : border + 1].isalnum()
