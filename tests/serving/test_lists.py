"""Lists in requests, with a real graph: padding, predictions per token, and requests of several batches."""

import json
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from serving.app import INLINE_LISTS, MAX_BODY, PathGuard, build_app
from serving.errors import RequestError
from serving.lists import MAX_TENSOR_CELLS
from serving.live import LiveModel, ServedModel
from serving.model import OnnxModel
from serving.rows import CELLS_PER_TOKEN, RequestDecoder, split_rows
from serving.value_rules import MAX_ITEMS
from tests.serving.bodies import NUMBERS, iso_texts
from tests.serving.example_models import TAGS, TOKENS, tokens, with_nulls, write
from tests.strategies import patient

Row = dict[str, Any]

NULL_ROW: Row = {"words": None, "leaves": None, "lands": None, "point": None}
CODES = {"": 0.0, None: 0.0, "a": 1.0, "b": 2.0, "nan": None}  # 5.0 for others

WORDS = st.none() | st.sampled_from(["", "a", "b", "nan", "x"])
ROWS = st.fixed_dictionaries(
    {
        "words": st.none() | st.lists(WORDS, max_size=9),
        "leaves": st.none() | iso_texts(zoned=False),
        "lands": st.none() | iso_texts(zoned=True),
        "point": st.none() | st.lists(st.none() | NUMBERS, min_size=2, max_size=2),
    }
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    return ServedModel(OnnxModel.load(write(tmp_path_factory.mktemp("tokens"), tokens(), TOKENS), version="v"))


def predict(served: ServedModel, rows: list[Row]) -> list[Row]:
    predictions: list[Row] = json.loads(served.respond(json.dumps(rows).encode()))["predictions"]
    return predictions


@patient
@given(st.lists(ROWS, min_size=1, max_size=5))
def test_a_row_has_the_same_prediction_alone_and_among_longer_rows(served: ServedModel, rows: list[Row]) -> None:
    longest = {**NULL_ROW, "words": ["b"] * 12}
    assert predict(served, [*rows, longest])[:-1] == [predict(served, [row])[0] for row in rows]


@patient
@given(st.lists(ROWS, min_size=1, max_size=5))
def test_every_item_has_a_prediction_and_padding_has_none(served: ServedModel, rows: list[Row]) -> None:
    for row, prediction in zip(rows, predict(served, rows), strict=True):
        items = row["words"] or []
        assert prediction["code"] == [CODES.get(item, 5.0) for item in items]
        for item, tag in zip(items, prediction["tag"], strict=True):
            assert list(tag["probabilities"]) == TAGS
            # A token that is not finite is null, and the other tokens of its row are not.
            assert tag["class"] == {None: "other", "": "other", "nan": None}.get(item, "b")
            assert (None in tag["probabilities"].values()) == (item == "nan")


def test_lists_over_http(served: ServedModel) -> None:
    live = LiveModel()
    live.current = served
    client = TestClient(PathGuard(build_app(live), live))
    rows = [{**NULL_ROW, "words": ["a"] * length} for length in range(200)]
    assert len(json.dumps(rows[:5])) < INLINE_LISTS < len(json.dumps(rows))
    for body in (rows, rows[:5]):
        codes = [prediction["code"] for prediction in client.post("/predict", json=body).json()["predictions"]]
        assert codes == [[1.0] * length for length in range(len(body))]


def test_the_number_of_items_of_a_request_is_limited(served: ServedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{**NULL_ROW, "words": ["a"] * length} for length in (3, 0, 4)]
    monkeypatch.setattr("serving.rows.MAX_REQUEST_ITEMS", 7)
    assert len(predict(served, rows)) == 3
    monkeypatch.setattr("serving.rows.MAX_REQUEST_ITEMS", 6)
    with pytest.raises(RequestError, match="at most 6 items together, found 7") as raised:
        predict(served, rows)
    assert raised.value.status == 413


def test_datetimes_and_vectors_reach_the_graph(served: ServedModel) -> None:
    rows = [
        {**NULL_ROW, "leaves": "2013-10-01", "lands": "2013-10-01T05:30+02:00", "point": [1, 2.5]},
        {**NULL_ROW, "leaves": "2013-10-01", "point": [1, None]},
    ]
    assert [(row["hours"], row["total"]) for row in predict(served, rows)] == [(3.5, 3.5), (None, None)]


def test_the_example_is_a_body_and_its_response_with_nulls(served: ServedModel) -> None:
    body, response = map(json.loads, served.example)
    assert body == [{**NULL_ROW, "words": [None, None]}]
    assert response == {"model": "v", "predictions": with_nulls(predict(served, body))}
    assert json.loads(served.description)["signature"] == TOKENS | {"graph_sha256": served.model.signature.graph_sha256}


@patient
@given(st.lists(st.integers(0, 12), min_size=1, max_size=30), st.integers(1, 40))
def test_rows_are_split_without_gaps_and_into_maximal_slices(widths: list[int], max_cells: int) -> None:
    slices = split_rows(widths, max_cells)
    assert [row for rows in slices for row in range(rows.start, rows.stop)] == list(range(len(widths)))
    for rows in slices:
        count = rows.stop - rows.start
        assert count == 1 or count * max(widths[rows]) <= max_cells
    for rows, following in pairwise(slices):
        assert (rows.stop - rows.start + 1) * max(*widths[rows], widths[following.start]) > max_cells


@patient
@given(st.lists(ROWS, min_size=1, max_size=8), st.integers(1, 20))
def test_several_batches_have_the_response_of_one_batch(served: ServedModel, rows: list[Row], max_cells: int) -> None:
    content = json.dumps(rows).encode()
    split = ServedModel(served.model)
    split.decoder = RequestDecoder(served.model.signature.inputs, max_cells=max_cells)
    assert split.respond(content) == served.respond(content)


def test_a_long_list_among_many_rows_takes_little_memory(served: ServedModel) -> None:
    row, long = {**NULL_ROW, "words": ["a" * 800] * 2}, {**NULL_ROW, "words": ["b"] * MAX_ITEMS}
    rows = [*[row] * 5_000, long, *[row] * 4_999]
    content = json.dumps(rows).encode()
    assert 0.97 * MAX_BODY < len(content) <= MAX_BODY
    decoder = RequestDecoder(served.model.signature.inputs)
    batches = decoded = 0
    tracemalloc.start()
    try:
        for batch in decoder.decode(content):
            assert batch.tensors["words"].size <= MAX_TENSOR_CELLS
            assert batch.tensors["point"].size <= MAX_TENSOR_CELLS
            batches += 1
            decoded += len(batch.lengths["words"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (batches, decoded) == (2, 10_000)
    assert peak < 3 * MAX_BODY  # the rows as Python objects, and a batch; a single tensor would be 80 MB
    predictions = json.loads(served.respond(content))["predictions"]
    assert [len(prediction["code"]) for prediction in predictions] == [2] * 5_000 + [MAX_ITEMS] + [2] * 4_999


def test_long_lists_among_short_ones_do_not_pad_them(served: ServedModel) -> None:
    lists = [["b"] * (MAX_ITEMS if row % 10 == 0 else 2) for row in range(2_000)]
    content = json.dumps([{**NULL_ROW, "words": words} for words in lists]).encode()
    cells = [batch.tensors["words"].size for batch in RequestDecoder(served.model.signature.inputs).decode(content)]
    assert sum(cells) == sum(map(len, lists))


def test_items_with_predictions_are_in_smaller_batches(served: ServedModel) -> None:
    """The network runs for each item, which takes far more memory than the list."""
    rows = [{**NULL_ROW, "words": ["b"] * 100}] * 2_000
    batches = [batch.tensors["words"] for batch in served.decoder.decode(json.dumps(rows).encode())]
    assert sum(map(len, batches)) == len(rows)
    assert (
        MAX_TENSOR_CELLS / CELLS_PER_TOKEN / 2
        < max(batch.size for batch in batches)
        <= MAX_TENSOR_CELLS / CELLS_PER_TOKEN
    )
    pooled = RequestDecoder(served.model.signature.inputs).decode(json.dumps(rows).encode())
    assert [len(batch.tensors["words"]) for batch in pooled] == [2_000]
