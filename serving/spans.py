"""Tags of the tokens of texts -> spans of characters.

The graph returns tokens without their offsets. No token has the characters between two tokens, so a token is at its
first occurrence after the end of the token before it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from serving.errors import ModelError

Array = np.ndarray[Any, Any]


class PredictedSpan(msgspec.Struct, gc=False):
    """A predicted span of a text.

    start, end: in characters (code points) of the text, without `end`. probability: the product of its tokens'.
    """

    start: int
    end: int
    label: str
    text: str
    probability: float


PredictedSpans = list[PredictedSpan]


def format_spans(
    texts: Iterable[str], tokens: Array, values: Array, labels: Sequence[str]
) -> list[PredictedSpans | None]:
    """The spans of every text; None where a tag or probability is not finite.

    texts: one per row. tokens: (rows, longest), the tokens of each row, its end mark, and "". values: (rows, longest,
    2), tag and probability of each token. labels: as in SpanOutput. Raises ModelError if a token is not in its text.
    """
    # The last token is the end mark: a text may have the same character elsewhere.
    lengths = (tokens != "").sum(axis=1) - 1
    is_token = np.arange(tokens.shape[1]) < lengths[:, None]  # (rows, longest)
    is_finite = (np.isfinite(values).all(axis=2) | ~is_token).all(axis=1)
    tags = np.where(is_token & is_finite[:, None], values[:, :, 0], 0).astype(int)
    # The tokens after the last tag are not searched.
    stops = np.where(tags > 0, np.arange(1, tokens.shape[1] + 1), 0).max(axis=1)
    spans: list[PredictedSpans | None] = []
    for row, (text, stop, finite) in enumerate(zip(texts, stops, is_finite, strict=True)):
        tagged = zip(tokens[row, :stop], tags[row, :stop].tolist(), values[row, :stop, 1].tolist(), strict=True)
        spans.append(_spans(text, tagged, labels) if finite else None)
    return spans


def _spans(text: str, tagged: Iterable[tuple[str, int, float]], labels: Sequence[str]) -> PredictedSpans:
    """The spans of a text from its tokens with tags and probabilities."""
    spans: list[tuple[int, int, int, float]] = []  # start, end, index of the label, probability
    end, current = 0, None  # end of the last token, and the label of the span that it is in
    for token, tag, probability in tagged:
        start = text.find(token, end)
        if start < 0:
            raise ModelError(f"token {token!r} must be in its text after character {end:,}; export the model again")
        end = start + len(token)
        label = (tag - 1) // 2 if tag else None
        if label is not None and label == current and tag % 2 == 0:
            span_start, _, _, product = spans.pop()
            spans.append((span_start, end, label, product * probability))
        elif label is not None:  # also for a tag that continues no span
            spans.append((start, end, label, probability))
        current = label
    return [
        PredictedSpan(start, end, labels[label], text[start:end], probability)
        for start, end, label, probability in spans
    ]
