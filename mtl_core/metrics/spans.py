"""Metrics of tagging: predicted spans of texts, counted as in CoNLL-2003 (Tjong Kim Sang and De Meulder).

A predicted span is right if its row, its borders and its label are those of a span of the labels.

Labels are a `Ragged` of (items,) IOB2 tags: 0 is O, 1 + 2k is B-label_k, 2 + 2k is I-label_k. Predictions are a
`Ragged` with the same offsets and (items, 2) values: the tag and its probability. Both have one row per text, without
end marks, and the weights of a metric are those of the rows. The tests compare with seqeval, mode="strict" and
scheme=IOB2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtl_core.metrics.base import Array, Metric, RowMean, WeightedValue
from mtl_core.ragged import Ragged

NO_SPAN = -1
"""Label of the side of a pair that has no span with these borders."""


class Spans(NamedTuple):
    """Spans in the order of their items, (spans,) each. Spans of one array of tags do not overlap."""

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    """Index of the first item in the values of the `Ragged`."""
    stops: NDArray[np.int64]
    """Index after that of the last item."""
    labels: NDArray[np.int64]


class SpanPairs(NamedTuple):
    """Spans of labels and predictions, paired by their borders: (pairs,) each."""

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    """Index of the first item, as in `Spans`."""
    stops: NDArray[np.int64]
    true: NDArray[np.int64]
    """Label of the true span; NO_SPAN for a spurious prediction."""
    predicted: NDArray[np.int64]
    """Label of the predicted span; NO_SPAN for a missed one."""


@dataclass(frozen=True)
class SpanCounts:
    """Numbers of right, spurious and missed spans, or sums of their weights; a wrong label is both of the latter."""

    true_positives: float
    false_positives: float
    false_negatives: float

    @property
    def precision(self) -> float:
        """Share of right spans among the predicted ones; NaN without a predicted span."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of true spans that are predicted; NaN without a true span."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 without a predicted span, NaN without a true one.

        It is NaN there also if spans are predicted, so that models on the same rows are undefined together.
        """
        if not self.true_positives + self.false_negatives > 0:
            return float("nan")
        hits = 2 * self.true_positives
        return _ratio(hits, hits + self.false_positives + self.false_negatives)


def extract_spans(tags: Ragged) -> Spans:
    """Spans of (items,) tags. A tag that violates IOB2, an I-x that follows neither B-x nor I-x, is in no span."""
    values = tags.values
    is_begin, is_tagged, labels = values % 2 == 1, values > 0, (values + 1) // 2  # 0 for O
    continues = is_tagged & ~is_begin
    continues[1:] &= labels[1:] == labels[:-1]
    continues[tags.offsets[:-1][tags.lengths > 0]] = False
    # Runs of tags that continue each other. Indices only of these, since most tokens are in none.
    starts = np.flatnonzero(is_tagged & ~continues)
    stops = np.flatnonzero(is_tagged & ~np.append(continues[1:], False)) + 1
    is_span = is_begin[starts]
    starts, stops = starts[is_span], stops[is_span]
    rows = np.searchsorted(tags.offsets, starts, side="right") - 1
    return Spans(rows=rows, starts=starts, stops=stops, labels=labels[starts].astype(np.int64) - 1)


def pair_spans(labels: Ragged, predictions: Ragged) -> SpanPairs:
    """Every true span with the predicted one of the same borders, then the predicted spans that have no such pair."""
    true, predicted = extract_spans(labels), extract_spans(predicted_tags(predictions))
    _, left, right = np.intersect1d(true.starts, predicted.starts, assume_unique=True, return_indices=True)
    equal = true.stops[left] == predicted.stops[right]
    left, right = left[equal], right[equal]
    partners = np.full(len(true.labels), NO_SPAN)
    partners[left] = predicted.labels[right]
    spurious = np.delete(np.arange(len(predicted.labels)), right)
    return SpanPairs(
        rows=np.concatenate([true.rows, predicted.rows[spurious]]),
        starts=np.concatenate([true.starts, predicted.starts[spurious]]),
        stops=np.concatenate([true.stops, predicted.stops[spurious]]),
        true=np.concatenate([true.labels, np.full(len(spurious), NO_SPAN)]),
        predicted=np.concatenate([partners, predicted.labels[spurious]]),
    )


def span_confusion(pairs: SpanPairs, labels: int) -> NDArray[np.int64]:
    """(labels + 1, labels + 1) numbers of spans: true label by predicted label.

    The last column counts missed spans and the last row spurious ones.
    """
    confusion = np.zeros((labels + 1, labels + 1), dtype=np.int64)
    np.add.at(confusion, (pairs.true, pairs.predicted), 1)  # NO_SPAN is the last index
    return confusion


def counts_by_label(confusion: NDArray[np.int64], labels: Sequence[str]) -> dict[str, SpanCounts]:
    """Span label -> its counts, from a confusion matrix."""
    hits = np.diagonal(confusion)
    spurious, missed = confusion.sum(axis=0) - hits, confusion.sum(axis=1) - hits
    table = np.stack([hits, spurious, missed], axis=1)[:-1].tolist()
    return {label: SpanCounts(*counts) for label, counts in zip(labels, table, strict=True)}


@dataclass(frozen=True, kw_only=True)
class SpanMetric(Metric):
    """A score of the counts over all rows and labels (micro average)."""

    higher_is_better: bool = True
    of_decision: bool = True
    score: Callable[[SpanCounts], float]
    needs_true_span: bool = True
    """True if the score is NaN without a span in the labels."""

    def undefined(self, labels: Ragged) -> str:
        no_span = self.needs_true_span and not len(extract_spans(labels).rows)
        return super().undefined(labels) or ("no span in the labels" if no_span else "")

    def weighted(self, labels: Ragged, predictions: Ragged) -> WeightedValue:
        rows, _, _, true, predicted = pair_spans(labels, predictions)
        right = true == predicted
        outcomes = (right, ~right & (predicted != NO_SPAN), ~right & (true != NO_SPAN))
        counts = np.stack([np.bincount(rows, outcome, minlength=len(labels)) for outcome in outcomes], axis=1)
        return lambda weights: self.score(SpanCounts(*(weights @ counts).tolist()))


def _all_right(labels: Ragged, predictions: Ragged) -> Array:
    """(rows,) True if all tags of the row are right, as in a row without items."""
    rows = np.repeat(np.arange(len(labels)), labels.lengths)
    wrong = predicted_tags(predictions).values != labels.values
    return np.asarray(np.bincount(rows[wrong], minlength=len(labels)) == 0)


def predicted_tags(predictions: Ragged) -> Ragged:
    """(items, 2) tags and probabilities -> (items,) tags."""
    return Ragged(values=predictions.values[:, 0].astype(np.int32), offsets=predictions.offsets)


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else float("nan")


SPAN_F1 = SpanMetric(name="span_f1", score=lambda counts: counts.f1)
SPAN_PRECISION = SpanMetric(
    name="span_precision",
    score=lambda counts: counts.precision,
    needs_true_span=False,
    unsuitable="it is undefined without a predicted span, and the baseline predicts none",
)
SPAN_RECALL = SpanMetric(name="span_recall", score=lambda counts: counts.recall)
SENTENCE_ACCURACY = RowMean(name="sentence_accuracy", higher_is_better=True, of_decision=True, rows=_all_right)
"""Share of texts whose tags are all right."""
