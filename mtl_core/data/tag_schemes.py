"""Spans of tagged tokens in the schemes IOB1, IOB2, BIOES and BILOU.

Tjong Kim Sang and Veenstra, "Representing Text Chunks", EACL 1999. The rule is that of `conlleval`, the script of the
CoNLL shared tasks.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

TAG_RULE = "O, or one of B, I, E, L, S, U with a label, as B-PER"
"""The rule for a tag, for errors."""
_TAG = re.compile(r"O|[BIELSU]-.+")
_BEGIN, _END = frozenset("BSU"), frozenset("OELSU")
"""Prefixes of tags that begin a span, and prefixes after which a span begins."""


class TokenSpan(NamedTuple):
    """Indices of the first and of the last token of a span, and its label."""

    first: int
    last: int
    label: str


def is_tag(text: str) -> bool:
    """True for a tag of one of the schemes."""
    return _TAG.fullmatch(text) is not None


def token_spans(tags: Iterable[str]) -> list[TokenSpan]:
    """The spans of a text, from the tags of its tokens.

    One rule reads all schemes: a span begins at B, S and U, after O, E, L, S and U, and where the label changes.
    """
    spans: list[TokenSpan] = []
    before, label_before = "O", ""
    for index, tag in enumerate(tags):
        prefix, _, label = tag.partition("-")
        if prefix != "O":
            begins = prefix in _BEGIN or before in _END or label != label_before
            spans.append(TokenSpan(index if begins else spans.pop().first, index, label))
        before, label_before = prefix, label
    return spans
