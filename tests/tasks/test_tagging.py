"""Tagging tasks: their codec, their objective and their metrics."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.config import parse_problem
from mtl_core.errors import DataError, ProblemError
from mtl_core.evaluation import baseline_predictions, compare, evaluate
from mtl_core.ragged import Ragged
from mtl_core.tasks.tagging import CERTAIN
from mtl_core.tasks.tagging_codec import END_OF_ROW, TaggingCodec
from mtl_core.text.input_type import TextInput
from tests.small import Small, document
from tests.tagging import SPANS
from tests.tagging import document as tagged_document
from tests.tasks.declared import fit_codec, fit_objective, task


def span(start: int, end: int, label: str | None) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def spans(*rows: list[dict[str, Any]] | None) -> pa.Array:
    return pa.array(rows, SPANS)


TRAIN = spans([span(0, 1, "b"), span(2, 3, "a")], None, [span(0, 1, "a")])


def codec(**options: Any) -> TaggingCodec:
    fitted: TaggingCodec = fit_codec(task("tagging", **options), TRAIN)
    return fitted


def encoded(fitted: TaggingCodec, texts: list[str | None], *rows: list[dict[str, Any]] | None) -> list[int]:
    labels = fitted.encode_items(spans(*rows), pa.array(texts, pa.string()), TextInput(100))
    assert labels.values.dtype == np.int16
    flat: list[int] = labels.values.tolist()
    assert [flat[stop - 1] for stop in labels.offsets[1:]] == [END_OF_ROW] * len(rows)
    return flat


def test_labels_are_sorted_or_in_the_declared_order() -> None:
    assert codec().labels == ("a", "b")
    assert codec(labels=["z", "b", "a"]).labels == ("z", "b", "a")
    assert fit_objective(task("tagging"), TRAIN).outputs == 5


def test_every_row_has_a_label_per_token_and_one_for_its_end() -> None:
    texts = ["x y z", "x y", "", None, "x"]
    rows = ([span(0, 3, "b")], None, [], None, [])
    assert encoded(codec(), texts, *rows) == [3, 4, 0, -2, -1, -1, -2, -2, -2, 0, -2]


def test_a_label_outside_the_training_split_has_tags_that_are_never_predicted_unless_labels_are_declared() -> None:
    assert encoded(codec(), ["x y"], [span(0, 3, "new")]) == [5, 6, -2]
    declared = codec(labels=["b", "a"])
    for encode in (lambda: encoded(declared, ["x y"], [span(0, 3, "new")]), lambda: declared.encode(TRAIN_AND_NEW)):
        with pytest.raises(DataError, match="task 't': the labels are b, a, found 'new' in 'y'; declare all of them"):
            encode()


TRAIN_AND_NEW = spans([span(0, 1, "a")], [span(0, 1, "new")])


def test_a_training_split_without_spans_is_refused() -> None:
    for options in ({}, {"labels": ["a"]}):
        with pytest.raises(DataError, match="needs spans of 1 to 1,000 labels in the training split, found 0 in 'y'"):
            fit_codec(task("tagging", **options), spans([], None))


def test_labels_beyond_the_maximum_are_refused() -> None:
    many = spans(*([span(0, 1, str(label))] for label in range(1_001)))
    with pytest.raises(DataError, match="spans of 1 to 1,000 labels in the training split, found 1,001"):
        fit_codec(task("tagging"), many)


def test_statistics_without_texts_have_the_spans_of_each_row() -> None:
    labels = codec().encode(spans([span(0, 9, "b"), span(9, 10, "a")], None, []))
    assert labels.values.tolist() == [3, 1, -2, -1, -2, 0, -2]
    assert labels.lengths.tolist() == [3, 2, 2]


@pytest.mark.parametrize("broken", [span(0, 1, None), span(1, 1, "a"), None])
def test_statistics_without_texts_refuse_a_broken_span(broken: dict[str, Any] | None) -> None:
    with pytest.raises(DataError, match=r"task 't': a span must have .* in 'y'; repair the row"):
        codec().encode(pa.array([[span(5, 6, "a"), broken]], SPANS))


@st.composite
def labelled_rows(draw: st.DrawFn) -> list[list[int] | None]:
    """Tags per row, well-formed or not; None without labels. Rows may be empty."""
    return draw(st.lists(st.one_of(st.none(), st.lists(st.integers(0, 4), max_size=4)), max_size=8))


@given(labelled_rows())
def test_metrics_count_labelled_texts_without_end_marks(rows: list[list[int] | None]) -> None:
    """An empty text is not counted, since a null and an empty list of spans are the same there."""
    items, expected, values = [], [], []
    for row in rows:
        tags = [-1, -1] if row is None else row
        if row:
            expected.append(row)
            values += range(len(items), len(items) + len(row))
        items += [*tags, END_OF_ROW]
    labels = np.array(items, dtype=np.int16)
    predictions = np.arange(len(items))
    selected, rows_of_predictions = codec().select_labelled(labels, predictions)
    assert [selected.take(np.array([row])).values.tolist() for row in range(len(selected))] == expected
    assert rows_of_predictions.values.tolist() == values
    assert np.array_equal(rows_of_predictions.offsets, selected.offsets)


def as_predictions(tags: np.ndarray[Any, Any], probability: float = 0.9) -> np.ndarray[Any, Any]:
    return np.stack([tags.clip(min=0), np.full(len(tags), probability)], axis=1).astype(np.float32)


LABELS = np.array([1, 2, 0, -2, -1, -1, -2, 3, -2, -2, 0, 0, -2, 3, 1, -2], dtype=np.int16)


def test_a_perfect_prediction_has_perfect_metrics_whatever_unlabelled_rows_and_end_marks_have() -> None:
    objective = fit_objective(task("tagging"), TRAIN)
    predictions = as_predictions(LABELS)
    predictions[LABELS < 0] = 3, 0.5
    metrics = evaluate((objective,), {"t": LABELS}, {"t": predictions}, resamples=20)["t"]
    assert [value.value for value in metrics.values()] == [1.0] * 4
    assert list(metrics) == ["span_f1", "span_precision", "span_recall", "sentence_accuracy"]
    assert objective.metric.name == "span_f1"


def test_a_spans_label_and_both_its_borders_must_be_right() -> None:
    objective = fit_objective(task("tagging"), TRAIN)
    predictions = as_predictions(LABELS)
    predictions[1, 0] = 0  # a shorter span
    predictions[7, 0] = 1  # another label
    metrics = evaluate((objective,), {"t": LABELS}, {"t": predictions}, resamples=0)["t"]
    assert metrics["span_recall"].value == metrics["span_precision"].value == metrics["span_f1"].value == 0.5
    assert metrics["sentence_accuracy"].value == 0.5


def test_the_baseline_predicts_no_span() -> None:
    objective = fit_objective(task("tagging"), TRAIN)
    baseline = baseline_predictions((objective,), {"t": LABELS}, {"t": LABELS})["t"]
    assert baseline.shape == (len(LABELS), 2)
    assert baseline[0].tolist() == pytest.approx([0.0, 3 / 8])
    (difference,) = compare((objective,), {"t": LABELS}, {"t": baseline}, {"t": as_predictions(LABELS)}, resamples=20)
    assert (difference.reference, difference.candidate, difference.difference) == (0.0, 1.0, 1.0)


def test_a_prediction_that_is_not_finite_leaves_the_score_undefined(tagged: Small) -> None:
    from mtl_core.training.scores import metric_values

    slots = tagged.tasks[2]
    labels = tagged.validation.flat_labels("slots").numpy()
    predictions = as_predictions(labels)
    assert metric_values((slots,), tagged.validation, {"slots": predictions}) == {"slots": 1.0}
    predictions[np.flatnonzero(labels >= 0)[0], 1] = math.nan
    assert math.isnan(metric_values((slots,), tagged.validation, {"slots": predictions})["slots"])


def test_positions_without_a_token_are_a_certain_o() -> None:
    objective = fit_objective(task("tagging"), TRAIN)
    mask = torch.tensor([[True, True, False], [False, False, False]])
    for members in ((), (3,)):
        logits = torch.randn(2, 3, *members, 5, requires_grad=True)
        without = objective.without_items(logits, mask)
        assert torch.equal(without[mask], logits[mask])
        certain = torch.tensor([0.0, *[-CERTAIN] * 4])
        assert torch.equal(without[~mask], certain.expand_as(without[~mask]))
        without.sum().backward()
        assert torch.equal(logits.grad.ne(0).flatten(2).all(2), mask)  # type: ignore[union-attr]


def test_predictions_are_the_best_valid_tags_and_their_probabilities() -> None:
    objective = fit_objective(task("tagging"), TRAIN)
    logits = torch.zeros(1, 3, 5)
    logits[0, 0, 2] = 3.0  # I of a, which cannot begin a span
    logits[0, 0, 1] = 2.0
    logits[0, 1, 2] = 1.0
    logits[0, 2] = torch.tensor([0.0, *[-CERTAIN] * 4])
    predictions = objective.inverse_link(logits)
    assert predictions.shape == (1, 3, 2)
    assert predictions[0, :, 0].tolist() == [1.0, 2.0, 0.0]
    tags = predictions[..., :1].long()
    assert torch.equal(predictions[..., 1:], logits.softmax(2).gather(2, tags))
    assert predictions[0, 2, 1] == 1.0


def test_a_problem_must_name_a_text_feature() -> None:
    params = tagged_document()
    params["tasks"]["slots"]["text"] = "size"
    with pytest.raises(
        ProblemError,
        match=r"tasks\.slots\.text: must be a feature of kind text, found 'size'; set `text` to one of text, heading",
    ):
        parse_problem(params)
    no_text = document()
    no_text["tasks"]["slots"] = {"kind": "tagging", "target": "slots"}
    with pytest.raises(ProblemError, match=r"tasks\.slots\.text: .* found 'text'; declare one, of kind: text"):
        parse_problem(no_text)


def test_repeated_labels_are_refused() -> None:
    params = tagged_document()
    params["tasks"]["slots"]["labels"] = ["a", "a"]
    with pytest.raises(ProblemError, match=r"tasks\.slots.*`labels` must be distinct"):
        parse_problem(params)


def test_a_ragged_prediction_has_the_rows_of_its_labels(tagged: Small) -> None:
    """Labels of both texts of the prepared problem end with the end mark, and rows are those of the split."""
    for name in ("slots", "people"):
        labels = tagged.train.labels[name]
        assert len(labels) == len(tagged.train)
        assert labels.values[labels.offsets[1:] - 1].eq(END_OF_ROW).all()
        assert labels.values.eq(END_OF_ROW).sum() == len(tagged.train)
        (known,) = tagged.tasks[2].codec.select_labelled(labels.values.numpy())
        assert isinstance(known, Ragged)
        assert 0 < len(known) < len(tagged.train)
