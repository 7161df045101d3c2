"""Coverage of the vocabularies of text features, on raw texts of validation and test."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mtl_core.arrow import as_strings
from mtl_core.data.targets import column_array
from mtl_core.features.text import FittedText
from mtl_core.report.plots.figure import Table
from mtl_core.report.run import Run
from mtl_core.report.wording import integer, number, percent
from mtl_core.text.tokenizer import END, tokenizer

_MAX_TEXTS, _BATCH = 10_000, 1_000
"""Maximum number of texts of a split, evenly spaced; and the number that is read at a time."""
_MAX_WORDS = 24
"""Maximum number of unseen words that are shown."""


@dataclass(frozen=True, kw_only=True)
class VocabularyCoverage:
    """Coverage of the vocabulary of a text feature: a row of statistics per split, and the frequent unseen words."""

    feature: str
    statistics: Table
    unseen: tuple[tuple[str, str], ...]
    """Word in lower case and its number of occurrences, in all splits."""


def vocabulary_coverage(run: Run) -> list[VocabularyCoverage]:
    """The coverage of the vocabulary of every text feature."""
    return [_coverage(run, feature) for feature in run.encoder.features if isinstance(feature, FittedText)]


def _coverage(run: Run, feature: FittedText) -> VocabularyCoverage:
    vocabulary, unseen, lines = feature.vocabulary.word_ids, Counter[str](), []
    for split in run.raw:
        texts = _evenly_spaced(column_array(run.raw_rows(split, [feature.column]), feature.column))
        counts, cut = _token_counts(texts, feature.max_tokens)
        unseen_in_split = Counter({token: count for token, count in counts.items() if token not in vocabulary})
        tokens, rows = counts.total() or np.nan, len(texts) or np.nan
        shares = percent(1 - unseen_in_split.total() / tokens), percent(cut / rows)
        lines.append((split, integer(len(texts)), number(counts.total() / rows, 3), *shares))
        for token, count in unseen_in_split.items():
            unseen[token.lower()] += count
    over = f"longer than {feature.max_tokens:,} tokens"
    most_frequent = sorted(unseen.items(), key=lambda item: (-item[1], item[0]))[:_MAX_WORDS]
    return VocabularyCoverage(
        feature=feature.name,
        statistics=Table(head=("split", "texts", "tokens per text", "in the vocabulary", over), rows=tuple(lines)),
        unseen=tuple((word, integer(count)) for word, count in most_frequent),
    )


def _evenly_spaced(texts: pa.Array) -> pa.Array:
    rows = np.linspace(0, len(texts), min(len(texts), _MAX_TEXTS), endpoint=False).astype(np.int64)
    return as_strings(texts.take(pa.array(rows)))


def _token_counts(texts: pa.Array, max_tokens: int) -> tuple[Counter[str], int]:
    """Token -> its number, and the number of texts that have more than `max_tokens` tokens."""
    counts, cut = Counter[str](), 0
    for start in range(0, len(texts), _BATCH):
        batch = texts.slice(start, _BATCH)
        tokens = tokenizer(max_tokens)(batch)
        counts.update(tokens.values.tolist())
        counts[END] -= len(batch)
        full = batch.take(pa.array(np.flatnonzero(tokens.lengths > max_tokens)))
        cut += int((tokenizer(max_tokens + 1)(full).lengths > max_tokens + 1).sum())
    return counts, cut
