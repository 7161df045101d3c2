"""Spans of tags: one rule for all schemes, equal to that of conlleval."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.data.tag_schemes import TokenSpan, is_tag, token_spans

SEGMENTS = st.lists(st.tuples(st.integers(1, 4), st.sampled_from([None, "PER", "ORG", "B-2"])), max_size=8)
"""Lengths of consecutive spans with their labels; None for tokens outside of spans."""


def iob2(size: int, label: str, _after: str | None) -> list[str]:
    return [f"B-{label}", *[f"I-{label}"] * (size - 1)]


def iob1(size: int, label: str, after: str | None) -> list[str]:
    return [f"{'B' if after == label else 'I'}-{label}", *[f"I-{label}"] * (size - 1)]


def bioes(size: int, label: str, _after: str | None) -> list[str]:
    return [f"S-{label}"] if size == 1 else [f"B-{label}", *[f"I-{label}"] * (size - 2), f"E-{label}"]


def bilou(size: int, label: str, _after: str | None) -> list[str]:
    return [tag.replace("S-", "U-", 1).replace("E-", "L-", 1) for tag in bioes(size, label, None)]


@pytest.mark.parametrize("scheme", [iob1, iob2, bioes, bilou])
@given(segments=SEGMENTS)
def test_every_scheme_gives_the_annotated_spans(
    scheme: Callable[[int, str, str | None], list[str]], segments: Sequence[tuple[int, str | None]]
) -> None:
    tags: list[str] = []
    annotated, after = [], None
    for size, label in segments:
        if label is not None:
            annotated.append(TokenSpan(len(tags), len(tags) + size - 1, label))
        tags += ["O"] * size if label is None else scheme(size, label, after)
        after = label
    assert token_spans(tags) == annotated


def conlleval(tags: Sequence[str]) -> list[TokenSpan]:
    """The spans by conlleval's two rules: where a span ends between two tags, and where one begins."""
    result, first = [], 0
    parts = [tag.partition("-")[::2] for tag in ("O", *tags, "O")]
    for index, ((before, label_before), (prefix, label)) in enumerate(pairwise(parts)):
        if before != "O" and (before in "ES" or prefix in "BSO" or label != label_before):
            result.append(TokenSpan(first, index - 1, label_before))
        if prefix != "O" and (prefix in "BS" or before in "ESO" or label != label_before):
            first = index
    return result


@given(st.lists(st.sampled_from(["O", *(f"{prefix}-{label}" for prefix in "BIES" for label in "xy")]), max_size=12))
def test_any_sequence_of_tags_has_the_spans_of_conlleval(tags: list[str]) -> None:
    assert token_spans(tags) == conlleval(tags)


@pytest.mark.parametrize("text", ["", "B", "B-", "PER", "o", "OO", "X-PER", "b-PER", "O-PER"])
def test_other_words_are_no_tags(text: str) -> None:
    assert not is_tag(text)
