"""Detection of text columns that are lists with a separator: `a|b|c`."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings
from mtl_core.features.facts import ColumnFacts

MAX_ITEMS = 1_000
"""Maximum items of a list, since a batch is padded to its longest list. The service has the same limit."""

LIST_SEPARATORS = ("|", ";", ",")
MIN_OCCURRENCES = 5
"""Minimum occurrences of an item in the sample to count as repeated."""
MIN_FREQUENT = 10
"""Minimum occurrences of the most frequent item: `min_count` is 5, and the split takes its share."""
REPEATED_SHARE = 0.9
"""Minimum share of items that are repeated short words."""
MAX_WORD = 40
"""Maximum characters of a short word."""
MODAL_SHARE = 0.9
"""Maximum share of values with the same number of items; above it they are records, not lists."""


def find_separator(facts: ColumnFacts) -> str | None:
    """The separator of a text column that is clearly lists; None for any other text."""
    texts = [text for text in as_strings(facts.sample).to_pylist() if text.strip()]
    for separator in LIST_SEPARATORS:
        if _are_lists([text.split(separator) for text in texts]) and _max_items(facts.values, separator) <= MAX_ITEMS:
            return separator
    return None


def _max_items(texts: pa.Array, separator: str) -> int:
    return 1 + int(pc.max(pc.count_substring(texts, separator)).as_py())


def _are_lists(values: Sequence[Sequence[str]]) -> bool:
    """True for split texts that look like lists of one vocabulary, not like sentences, names, addresses or records.

    Most texts have several items; nearly all items are repeated short words; the number of items differs from text to
    text; and most repeated items occur at several positions, counted from the start and from the end.
    """
    lists = [[item.strip() for item in value] for value in values]
    if not lists or sum(len(items) > 1 for items in lists) <= len(lists) / 2:
        return False
    counts = Counter(item for items in lists for item in items)
    repeated = {item: count for item, count in counts.items() if count >= MIN_OCCURRENCES and _is_word(item)}
    if sum(repeated.values()) < REPEATED_SHARE * counts.total():
        return False
    lengths = Counter(len(items) for items in lists)
    if max(lengths.values()) > MODAL_SHARE * len(lists):
        return False
    from_start, from_end = defaultdict(set), defaultdict(set)
    for items in lists:
        for index, item in enumerate(items):
            from_start[item].add(index)
            from_end[item].add(len(items) - index)
    moving = [item for item in repeated if len(from_start[item]) > 1 and len(from_end[item]) > 1]
    return len(moving) >= len(repeated) / 2 and max(repeated.values()) >= MIN_FREQUENT


def _is_word(item: str) -> bool:
    return len(item) <= MAX_WORD and re.search(r"[^\W\d_]", item) is not None
