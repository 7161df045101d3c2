"""Texts and spans, with a real graph: positions in the user's string, rows of several lengths, and errors."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import ModelError, SignatureError
from serving.lists import MAX_TENSOR_CELLS
from serving.live import ServedModel
from serving.model import OnnxModel
from serving.rows import CELLS_PER_CHARACTER, RequestDecoder
from serving.spans import format_spans
from tests.serving.bodies import body, rejection
from tests.serving.example_models import write
from tests.serving.text_models import END_MARK, TAGGED_TEXTS, TEXTS, joined, texts
from tests.strategies import patient

Row = dict[str, Any]

NULL_ROW: Row = {"text": None, "title": None, "words": None}
TAGGED = st.tuples(TAGGED_TEXTS, st.none() | TAGGED_TEXTS, st.lists(st.sampled_from(["", "a"]), max_size=40))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    return ServedModel(OnnxModel.load(write(tmp_path_factory.mktemp("texts"), texts(), TEXTS), version="v"))


def predict(served: ServedModel, rows: list[Row]) -> list[Row]:
    predictions: list[Row] = json.loads(served.respond(json.dumps(rows).encode()))["predictions"]
    return predictions


@patient
@given(st.lists(TAGGED, min_size=1, max_size=6), st.integers(1, 2_000))
def test_spans_have_their_positions_in_any_batches(served: ServedModel, tagged: list[Any], max_cells: int) -> None:
    split = ServedModel(served.model)
    split.decoder = RequestDecoder(served.model.signature.inputs, max_cells=max_cells)
    rows = [{"text": text[0], "title": title and title[0], "words": words} for text, title, words in tagged]
    predictions = predict(split, rows)
    assert predictions == predict(served, rows)
    for (text, title, words), row, prediction in zip(tagged, rows, predictions, strict=True):
        assert prediction["slots"] == text[1]
        assert prediction["heading"] == (title[1] if title else [])
        assert prediction["count"] == words.count("a")
        assert [span["text"] for span in prediction["verbs"]] == ["play"] * row["text"].count("play")


def test_a_text_has_these_spans(served: ServedModel) -> None:
    row = {**NULL_ROW, "text": "so\U0001f469\u200d\U0001f680 play song, so play song", "title": END_MARK}
    (prediction,) = predict(served, [row])
    assert prediction["slots"] == [
        {"start": 0, "end": 2, "label": "name", "text": "so", "probability": 0.25},
        {"start": 2, "end": 5, "label": "place", "text": "\U0001f469\u200d\U0001f680", "probability": 0.125},
        {"start": 11, "end": 15, "label": "name", "text": "song", "probability": 0.5},
        {"start": 17, "end": 19, "label": "name", "text": "so", "probability": 0.25},
        {"start": 25, "end": 29, "label": "name", "text": "song", "probability": 0.5},
    ]
    assert [(span["start"], span["label"]) for span in prediction["verbs"]] == [(6, "verb"), (20, "verb")]
    assert [(span["start"], span["end"]) for span in prediction["heading"]] == [(0, 1)]


def test_a_long_text_does_not_pad_short_ones(served: ServedModel) -> None:
    long = joined([(" ", "song"), *[(" ", "so")] * 5, *[("\u200d", "שלום"), (" ", "عليكم")] * 9_000])
    short = joined([("", "play"), (" ", "song")])
    assert len(long[0]) > 90_000
    rows = [{**NULL_ROW, "text": (long if row == 100 else short)[0]} for row in range(256)]
    batches = [len(batch.tensors["text"]) for batch in served.decoder.decode(body(*rows))]
    assert batches == [255, 1]
    predictions = [prediction["slots"] for prediction in predict(served, rows)]
    assert predictions.pop(100) == long[1]
    assert predictions == [short[1]] * 255


def test_texts_are_split_by_their_characters(served: ServedModel) -> None:
    rows = [{**NULL_ROW, "title": "a" * 100}] * 1_000
    sizes = [sum(map(len, batch.tensors["title"])) for batch in served.decoder.decode(body(*rows))]
    assert sum(sizes) == 100_000
    limit = MAX_TENSOR_CELLS / CELLS_PER_CHARACTER
    assert limit - 100 < sizes[0] <= limit


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (["a"], "must be a string or null"),
        ("\ud83d", "must be valid Unicode"),
        ("a" * 1_000_001, "must have at most 1,000,000 characters (it has 1,000,001)"),
    ],
)
def test_an_invalid_text_is_rejected_with_its_row_and_field(served: ServedModel, value: object, rule: str) -> None:
    (detail,) = rejection(body(NULL_ROW, {**NULL_ROW, "title": value}), served.decoder).details
    assert (detail.row, detail.field) == (1, "title")
    assert rule in detail.rule


def test_the_example_shows_the_structure_of_a_span(served: ServedModel) -> None:
    text, response = map(json.loads, served.example)
    assert text == [{"text": "a text", "title": "a text", "words": [None, None]}]
    (prediction,) = response["predictions"]
    assert prediction["slots"] == [{"start": 0, "end": 1, "label": "name", "text": "a", "probability": 1.0}]
    assert prediction["count"] is None
    assert json.loads(served.description)["signature"] == TEXTS | {"graph_sha256": served.model.signature.graph_sha256}


SLOTS, VERBS, HEADING, COUNT = TEXTS["outputs"]
TEXT, TITLE, WORDS = TEXTS["inputs"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"outputs": [SLOTS, VERBS, COUNT, HEADING | {"tokens": "other"}]},
            "'other' is tensor(string) of rank 2",
        ),
        (
            {"outputs": [SLOTS, VERBS, HEADING | {"tokens": "count"}]},
            "'count' is tensor(string) of rank 2",
        ),
        (
            {"outputs": [*(task | {"tokens": "title_tokens"} for task in (SLOTS, VERBS)), HEADING, COUNT]},
            "tokens of heading must be those of its sequence 'title', found 'title_tokens', which are those of 'text'",
        ),
        ({"outputs": [SLOTS | {"tokens": "count"}, COUNT]}, "tokens of slots must not name a task, found 'count'"),
        ({"outputs": [SLOTS | {"tokens": "slots"}]}, "tokens of slots must not name a task, found 'slots'"),
        ({"outputs": [SLOTS | {"tokens": ""}]}, "length >= 1"),
        ({"outputs": [SLOTS | {"labels": []}]}, "length >= 1"),
        ({"outputs": [SLOTS | {"labels": ["a", "a"]}]}, "labels of slots must have distinct names, found 'a' twice"),
        ({"outputs": [SLOTS | {"level": "row"}]}, "level of slots must be token"),
        (
            {"outputs": [SLOTS | {"sequence": "words"}]},
            "of type text, found 'words'; such inputs: 'text', 'title'",
        ),
        (
            {"outputs": [COUNT | {"level": "token", "sequence": "text"}]},
            "sequence of count must name an input of type strings, found 'text'; such inputs: 'words'",
        ),
        ({"inputs": [TEXT | {"max_tokens": 0}, TITLE, WORDS]}, "Expected `int` >= 1"),
        ({"inputs": [{"name": "text", "type": "text"}, TITLE, WORDS]}, "missing required field `max_tokens`"),
        (
            {"matrices": [{"name": "m", "columns": ["text", "title"]}]},
            "columns of m must be inputs with one value a row, found 'text'",
        ),
    ],
)
def test_a_contradictory_signature_is_rejected(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises((ModelError, SignatureError)) as raised:
        OnnxModel.load(write(tmp_path, texts(), TEXTS | change))
    assert message in str(raised.value)


@pytest.mark.parametrize("undefined", [np.nan, np.inf])
@pytest.mark.parametrize("column", [0, 1])
def test_a_text_is_null_if_a_value_of_its_tokens_is_not_finite(undefined: float, column: int) -> None:
    tokens = np.array([["a", "b", END_MARK], ["a", END_MARK, ""]], dtype=object)
    values = np.zeros((2, 3, 2), dtype=np.float32)
    values[:, 1, column] = undefined  # of a token in the first row, and of the end mark in the second
    assert format_spans(["a b", "a"], tokens, values, ["name"]) == [None, []]


def test_a_token_that_is_not_in_its_text_is_a_model_error() -> None:
    tokens, values = np.array([["a", "b", END_MARK]], dtype=object), np.ones((1, 3, 2), dtype=np.float32)
    with pytest.raises(ModelError, match="token 'b' must be in its text after character 3"):
        format_spans(["b a"], tokens, values, ["name"])
