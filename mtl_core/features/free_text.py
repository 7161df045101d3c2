"""Proposals of text features: for columns of sentences, rather than names, categories or codes."""

import re
from collections import Counter
from statistics import median

import numpy as np
import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings
from mtl_core.features.facts import SAMPLE, ColumnFacts, Proposal
from mtl_core.text.input_type import TextInput

MAX_TOKENS = 1_000
"""Maximum tokens that a text feature reads by default."""
MIN_WORDS = 5
"""Minimum words of the median text; names, titles of jobs and addresses mostly have fewer."""
MIN_REPEATED = 0.3
"""Minimum share of the words of the sample that occur at least twice: a model cannot learn words that occur once."""
MAX_OCCURRENCES = 9
"""Maximum occurrences of a rare text. A more frequent one can be a category, see `categorical.MIN_OCCURRENCES`."""
MIN_RARE = 0.4
"""Minimum share of rows whose text is rare."""
_SINGLE = r"\u3040-\u30ff\u3400-\u9fff"
"""Scripts without blanks between words; two characters count as a word."""
_WORD = re.compile(rf"[{_SINGLE}]{{2}}|(?<!\S)[^\w\s]*(?![{_SINGLE}])[^\W\d_][^\s\d]+(?!\S)")
"""Words without digits, with adjacent punctuation; numbers, dates and codes do not match."""


def words_per_text(facts: ColumnFacts) -> float | None:
    """Words of the median text of a column of sentences; None for any other column."""
    if not facts.is_text or facts.named_id:
        return None
    words = [_WORD.findall(text.casefold()) for text in as_strings(facts.sample).to_pylist() if text.strip()]
    length = median(map(len, words)) if words else 0
    if length < MIN_WORDS:
        return None
    counts = Counter(word.strip(".,;:!?\"'()") for text in words for word in text)
    repeated = sum(count for count in counts.values() if count > 1)
    return length if repeated >= MIN_REPEATED * counts.total() and _rare_share(facts) >= MIN_RARE else None


def propose_text(facts: ColumnFacts, note: str) -> Proposal:
    """The proposal of a text feature, with the tokens of the longest of SAMPLE texts from the whole column."""
    indices = np.unique(np.linspace(0, facts.non_null - 1, SAMPLE, dtype=np.int64))
    tokens = int(TextInput(MAX_TOKENS).lengths(facts.values.take(pa.array(indices))).max())
    return Proposal(options={"kind": "text"}, note=note, tokens=tokens)


def _rare_share(facts: ColumnFacts) -> float:
    """The share of rows whose text is too rare for a category."""
    counts = facts.values.value_counts().field("counts")
    rare = counts.filter(pc.less_equal(counts, MAX_OCCURRENCES))
    return (pc.sum(rare).as_py() or 0) / facts.non_null
