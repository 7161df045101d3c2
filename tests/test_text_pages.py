"""The pages about texts and tags show the tokens, tags and spans that the code gives."""

import json
import re

import pyarrow as pa

from mtl_core.text.tags import Span, tags_of
from mtl_core.text.tokenizer import END, token_offsets, tokenizer
from tests.tagging import spans_of
from tests.test_docs import sections, text


def table_rows(page: str, section: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its line of dashes."""
    lines = [line for line in sections(page)[section].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("|---")]


def tokens_of(string: str) -> list[str]:
    """The tokens of a text, without its end mark."""
    tokens: list[str] = tokenizer(1_000)(pa.array([string])).values.tolist()
    assert tokens.pop() == END
    return tokens


def test_the_page_about_texts_shows_their_tokens() -> None:
    _, *rows = table_rows("text.md", "Tokens and offsets")
    assert rows
    for string, tokens in rows:
        assert tokens.split() == [f"`{token}`" for token in tokens_of(string.strip("`"))]


def test_the_page_about_tags_shows_a_text_with_its_spans_tags_and_answer() -> None:
    row, answer = (
        json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", text("tags.md"), re.DOTALL | re.M)
    )
    labels = sorted({span["label"] for span in row["slots"]})
    spans = [Span(span["start"], span["end"], labels.index(span["label"])) for span in row["slots"]]
    tokens = tokens_of(row["text"])
    offsets = token_offsets(row["text"], tokens)
    tags = tags_of(offsets, spans)
    names = ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]
    (_, *shown_tokens), (_, *shown_tags) = table_rows("tags.md", "Tags and tokens")
    assert shown_tokens == [f"`{token}`" for token in tokens]
    assert shown_tags == [f"`{names[tag]}`" for tag in tags]
    assert spans_of(offsets, tags) == spans
    for span, shown in zip(row["slots"], answer, strict=True):
        assert shown == span | {"text": row["text"][span["start"] : span["end"]], "probability": shown["probability"]}
