"""Warnings about texts and spans: texts that are cut, and spans that tokens cannot express."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from mtl_core.arrow import as_strings
from mtl_core.config import Problem
from mtl_core.data.targets import column_array
from mtl_core.ragged import Ragged
from mtl_core.tasks.span_labels import span_error
from mtl_core.tasks.tagging import Tagging
from mtl_core.text.inexact_spans import Inexact, inexact_spans
from mtl_core.text.tags import Span
from mtl_core.text.tokenizer import token_offsets, tokenizer, tokens_by_text

MAX_TEXTS = 20_000
"""Maximum texts of a column that are tokenised, evenly spaced; more would cost seconds."""
_REASONS: dict[Inexact, str] = {
    "within a token": "begin or end within a token, and are extended to its border",
    "shared token": "share a token with the span before, and lose it",
    "beyond max_tokens": "lie beyond max_tokens",
    "no token": "have no token, and are lost",
}


def text_warnings(problem: Problem, table: pa.Table) -> Iterator[str]:
    """A line per text feature with texts that are cut, and per tagging task with spans that tokens cannot express."""
    step = -(-table.num_rows // MAX_TEXTS) or 1
    table = table.take(pa.array(np.arange(0, table.num_rows, step)))
    for name, feature in problem.features.items():
        if (limit := feature.token_limit) is None:
            continue
        texts = as_strings(column_array(table, problem.column_of(name)))
        tokens = tokenizer(limit + 1)(texts)  # one more, so that a text that is cut has it
        if cut := int((tokens.lengths - 1 > limit).sum()):
            yield (
                f"features.{name}: {cut:,} of {len(texts):,} texts ({cut / len(texts):.2%}) have more than "
                f"{limit:,} tokens, and are cut; raise its max_tokens, or split the texts"
            )
        for task_name, task in problem.tasks.items():
            if isinstance(task, Tagging) and task.text == name:
                spans = column_array(table, task.target)
                yield from _span_warning(f"tasks.{task_name}", texts, tokens, spans, limit)


def _span_warning(path: str, texts: pa.Array, tokens: Ragged, values: pa.Array, max_tokens: int) -> Iterator[str]:
    reasons: Counter[Inexact] = Counter()
    total = 0
    for text, of_text, spans in zip(texts.to_pylist(), tokens_by_text(tokens), values.to_pylist(), strict=True):
        if not spans or span_error(len(text), spans):
            continue
        offsets = token_offsets(text, of_text)
        reasons += inexact_spans(offsets, [Span(span["start"], span["end"], 0) for span in spans], max_tokens)
        total += len(spans)
    if reasons:
        counts = "; ".join(f"{reasons[reason]:,} {words}" for reason, words in _REASONS.items() if reasons[reason])
        yield (
            f"{path}: tokens cannot express {reasons.total():,} of {total:,} spans of {len(texts):,} texts exactly: "
            f"{counts}; no model can predict these, so correct their borders, or leave them out"
        )
