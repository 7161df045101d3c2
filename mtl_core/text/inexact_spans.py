"""Spans of a text that its tokens cannot express exactly, counted by the reason."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mtl_core.text.tags import Span

Inexact = Literal["within a token", "shared token", "beyond max_tokens", "no token"]
"""A border within a token, which the tags move to the token's border; a token that belongs to a span before it; a token
behind the last one that is read; only characters that belong to no token, such as blanks.
"""


def inexact_spans(offsets: NDArray[np.int64], spans: Sequence[Span], max_tokens: int) -> Counter[Inexact]:
    """Reasons of the spans, which do not overlap; a span has one at most.

    Args:
        offsets: (tokens, 2) start and end of each token, with those beyond `max_tokens`.
    """
    reasons: Counter[Inexact] = Counter()
    starts, ends = offsets[:, 0].tolist(), offsets[:, 1].tolist()
    free = 0
    for span in sorted(spans):
        first, stop = bisect_right(ends, span.start), bisect_left(starts, span.end)
        if stop > max_tokens:
            reasons["beyond max_tokens"] += 1
        elif first >= stop:
            reasons["no token"] += 1
        elif first < free:
            reasons["shared token"] += 1
        elif starts[first] < span.start or ends[stop - 1] > span.end:
            reasons["within a token"] += 1
        free = max(free, stop)
    return reasons
