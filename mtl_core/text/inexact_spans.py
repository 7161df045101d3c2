"""Spans of a text that its tokens cannot express exactly, counted by the reason."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mtl_core.text.tags import Span

Inexact = Literal["within a token", "shared token", "beyond max_tokens", "no token"]
"""within a token: a border lies within a token, and tags extend the span to the border of the token. shared token: its
first token belongs to an earlier span. beyond max_tokens: a token of it is cut off. no token: all its characters are
outside of tokens, such as blanks.
"""


def inexact_spans(offsets: NDArray[np.int64], spans: Sequence[Span], max_tokens: int) -> Counter[Inexact]:
    """Number of inexact spans for each reason, the first that applies. The spans must not overlap.

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
