"""Spans of a text as IOB2 tags of its tokens (Ramshaw and Marcus 1995; Tjong Kim Sang and Veenstra 1999).

With K labels, tag 0 is O, 1 + 2k is B of label k and 2 + 2k is I of label k.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

OUTSIDE = 0


class Span(NamedTuple):
    """A part of a text: characters from `start` to before `end`, in code points, and the index of its label."""

    start: int
    end: int
    label: int


def tag_count(labels: int) -> int:
    """Number of tags for a number of labels."""
    return 1 + 2 * labels


def tags_of(offsets: NDArray[np.int64], spans: Sequence[Span]) -> NDArray[np.int16]:
    """(tokens, 2) start and end of each token, spans that do not overlap -> (tokens,) tags.

    A token has the tag of the first span that it shares a character with. So a span whose border lies within a token is
    extended to the token's border, and a span that shares all its tokens with one before it has no tag.
    """
    tags = np.full(len(offsets), OUTSIDE, dtype=np.int16)
    free = 0
    for span in sorted(spans):
        first = max(free, int(np.searchsorted(offsets[:, 1], span.start, side="right")))
        free = max(first, int(np.searchsorted(offsets[:, 0], span.end, side="left")))
        tags[first:free] = 2 + 2 * span.label
        tags[first : min(first + 1, free)] = 1 + 2 * span.label
    return tags
