"""Span metrics against seqeval, whose numbers the literature reports, also for tags that violate IOB2."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from mtl_core.metrics import Metric
from mtl_core.metrics.bootstrap import resampled
from mtl_core.metrics.spans import (
    SENTENCE_ACCURACY,
    SPAN_F1,
    SPAN_PRECISION,
    SPAN_RECALL,
    counts_by_label,
    extract_spans,
    pair_spans,
    span_confusion,
)
from mtl_core.ragged import Ragged
from tests.strategies import patient

NAMES = ("LOC", "ORG", "PER")
TAGS = ("O", *(f"{prefix}-{name}" for name in NAMES for prefix in "BI"))
OUT, B_LOC, I_LOC, B_ORG, I_ORG, B_PER, I_PER = range(len(TAGS))
METRICS = (SPAN_F1, SPAN_PRECISION, SPAN_RECALL, SENTENCE_ACCURACY)
SEQEVAL: dict[str, Any] = {"mode": "strict", "scheme": IOB2, "output_dict": True, "zero_division": 0}

Rows = list[list[int]]

# seqeval averages over the labels that occur, also where there is none.
pytestmark = pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value encountered")


def labels_of(rows: Rows) -> Ragged:
    values = np.array([tag for row in rows for tag in row], dtype=np.int16)
    return Ragged.from_lengths(values, np.array([len(row) for row in rows], dtype=np.int64))


def predictions_of(rows: Rows) -> Ragged:
    tags = labels_of(rows)
    values = np.stack([tags.values, np.full(len(tags.values), 0.5)], axis=1).astype(np.float32)
    return Ragged(values=values, offsets=tags.offsets)


tag = st.integers(0, len(TAGS) - 1)
item = st.one_of(tag.map(lambda t: (t, t)), st.tuples(tag, tag))
"""The tags of an item in labels and predictions, equal in half of the cases."""
pairs_of_rows = st.lists(st.lists(item, max_size=8), min_size=1, max_size=6).map(
    lambda rows: tuple([[pair[side] for pair in row] for row in rows] for side in range(2))
)


@given(rows=pairs_of_rows)
@patient
def test_scores_of_every_label_equal_those_of_seqeval(rows: tuple[Rows, Rows]) -> None:
    true, predicted = rows
    names = [[[TAGS[tag] for tag in row] for row in side] for side in rows]
    report = classification_report(*names, **SEQEVAL)
    pairs = pair_spans(labels_of(true), predictions_of(predicted))
    for name, counts in counts_by_label(span_confusion(pairs, len(NAMES)), NAMES).items():
        expected = report.get(name, {"support": 0, "precision": 0, "recall": 0, "f1-score": 0})
        assert counts.true_positives + counts.false_negatives == expected["support"]
        scores = (counts.precision, counts.recall, counts.f1)
        assert np.nan_to_num(scores) == pytest.approx([expected[key] for key in ("precision", "recall", "f1-score")])


@given(rows=pairs_of_rows)
@patient
def test_metrics_equal_the_strict_micro_average_of_seqeval(rows: tuple[Rows, Rows]) -> None:
    true, predicted = rows
    names = [[[TAGS[tag] for tag in row] for row in side] for side in rows]
    report = classification_report(*names, **SEQEVAL)
    expected = [report["micro avg"][key] for key in ("f1-score", "precision", "recall")]
    values = [metric(labels_of(true), predictions_of(predicted)) for metric in (SPAN_F1, SPAN_PRECISION, SPAN_RECALL)]
    assert np.nan_to_num(values) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("rows", "spans"),
    [
        ([], []),
        ([[], [OUT], []], []),
        ([[], [B_LOC, I_LOC], [], [OUT, B_PER]], [(1, 0, 2, 0), (3, 3, 4, 2)]),
        ([[B_LOC, B_LOC]], [(0, 0, 1, 0), (0, 1, 2, 0)]),
        ([[I_LOC, I_LOC]], []),
        ([[B_LOC], [I_LOC]], [(0, 0, 1, 0)]),
        ([[B_LOC, OUT, I_LOC]], [(0, 0, 1, 0)]),
        ([[B_LOC, I_ORG, I_LOC]], [(0, 0, 1, 0)]),
    ],
    ids=["no row", "no span", "empty rows", "adjacent", "I first", "I first in its row", "I after O", "another label"],
)
def test_spans_have_row_first_item_stop_and_label(rows: Rows, spans: Any) -> None:
    tags = labels_of(rows)
    assert list(zip(*(values.tolist() for values in extract_spans(tags)), strict=True)) == spans


def test_confusion_counts_labels_of_equal_borders_and_missed_and_spurious_spans() -> None:
    true = [[B_LOC, I_LOC, OUT, B_ORG, OUT], [B_PER, I_PER, OUT]]
    predicted = [[B_LOC, I_LOC, OUT, B_PER, B_ORG], [B_PER, OUT, OUT]]  # ORG as PER, one ORG too many, PER too short
    confusion = span_confusion(pair_spans(labels_of(true), predictions_of(predicted)), len(NAMES))
    assert confusion.tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 1, 0]]
    assert SPAN_F1(labels_of(true), predictions_of(predicted)) == pytest.approx(2 / 7)


@pytest.mark.parametrize(
    ("true", "predicted", "values", "reason"),
    [
        ([], [], [math.nan] * 4, "no labelled row"),
        ([[OUT], []], [[OUT], []], [math.nan, math.nan, math.nan, 1.0], "no span in the labels"),
        ([[OUT]], [[B_LOC]], [math.nan, 0.0, math.nan, 0.0], "no span in the labels"),
        ([[B_LOC]], [[OUT]], [0.0, math.nan, 0.0, 0.0], ""),
    ],
    ids=["no row", "no span", "only spurious", "only missed"],
)
def test_undefined_values_and_their_reason(true: Rows, predicted: Rows, values: list[float], reason: str) -> None:
    labels, predictions = labels_of(true), predictions_of(predicted)
    np.testing.assert_equal([metric(labels, predictions) for metric in METRICS], values)
    assert SPAN_F1.undefined(labels) == SPAN_RECALL.undefined(labels) == reason
    assert SPAN_PRECISION.undefined(labels) == SENTENCE_ACCURACY.undefined(labels) == ("" if true else reason)


def test_sentence_accuracy_is_the_share_of_rows_without_a_wrong_tag() -> None:
    true, predicted = (
        [[B_LOC, I_LOC], [], [OUT, OUT], [OUT, B_LOC]],
        [[B_LOC, I_LOC], [], [B_PER, B_LOC], [OUT, B_ORG]],
    )
    assert SENTENCE_ACCURACY(labels_of(true), predictions_of(predicted)) == 0.5


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_resample_has_the_value_of_its_rows(metric: Metric) -> None:
    """The bootstrap draws texts, not items."""
    labels = labels_of([[B_LOC, I_LOC, OUT, B_PER], [OUT, B_ORG], [OUT, OUT, OUT], []])
    predictions = predictions_of([[B_LOC, I_LOC, OUT, OUT], [OUT, B_ORG], [OUT, B_ORG, OUT], []])
    values = resampled(metric, labels, predictions, resamples=30, seed=3)
    generator = np.random.default_rng(3)
    draws = [generator.integers(4, size=4) for _ in range(30)]
    np.testing.assert_allclose(values, [metric(labels.take(draw), predictions.take(draw)) for draw in draws])
    assert len(np.unique(values)) > 2
