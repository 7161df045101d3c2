"""Errors of predicted spans by kind, after MUC-5 (Chinchor and Sundheim 1993), and examples in their texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from mtl_core.metrics.spans import NO_SPAN, SpanPairs, Spans, extract_spans, pair_spans, predicted_tags
from mtl_core.ragged import Ragged
from mtl_core.report.plots.figure import Table
from mtl_core.report.scored_rows import ScoredRows
from mtl_core.report.texts import Texts
from mtl_core.report.wording import UNDEFINED, percent

_MAX_EXAMPLES, _MAX_READ = 8, 200
"""Maximum number of distinct examples per kind of error, and of errors whose texts are read to find them."""
_CONTEXT, _MAX_CHARACTERS = 70, 120
"""Maximum characters of an example on each side of its span, and of the span."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class SpanErrors:
    """Pairs of true and predicted spans, and the index of the pairs of each kind.

    Every true span is right or in one of the first three kinds; a spurious span overlaps no true one.
    """

    pairs: SpanPairs
    predicted: Spans
    """All predicted spans."""
    probabilities: NDArray[np.float64]
    """Probabilities of the predicted spans: the products of their tokens'."""
    is_right: NDArray[np.bool_]
    """True for the predicted spans that equal a true one."""
    overlapping: Indices
    """(pairs,) index of the first predicted span that overlaps the pair's span; NO_SPAN without any."""
    wrong_label: Indices
    wrong_borders: Indices
    missed: Indices
    spurious: Indices

    @classmethod
    def of(cls, rows: ScoredRows) -> "SpanErrors":
        """The errors of the labels and predictions of a tagging task."""
        pairs, predicted = pair_spans(rows.labels, rows.predictions), extract_spans(predicted_tags(rows.predictions))
        overlapping = _first_overlapping(pairs, predicted)
        is_missed, is_spurious = pairs.predicted == NO_SPAN, pairs.true == NO_SPAN
        is_right = np.isin(predicted.starts, pairs.starts[pairs.true == pairs.predicted], assume_unique=True)
        overlaps_true = _first_overlapping(pairs, extract_spans(rows.labels)) != NO_SPAN
        return cls(
            pairs=pairs,
            predicted=predicted,
            probabilities=_probabilities(rows.predictions, predicted),
            is_right=is_right,
            overlapping=overlapping,
            wrong_label=np.flatnonzero(~is_missed & ~is_spurious & (pairs.true != pairs.predicted)),
            wrong_borders=np.flatnonzero(is_missed & (overlapping != NO_SPAN)),
            missed=np.flatnonzero(is_missed & (overlapping == NO_SPAN)),
            spurious=np.flatnonzero(is_spurious & ~overlaps_true),
        )

    def examples(self, rows: ScoredRows, names: Sequence[str]) -> dict[str, Table]:
        """Kind of error -> examples, without the kinds that do not occur.

        Those of predicted spans are the most probable ones; missed spans have labels in turn, the most frequently
        missed ones first.
        """
        if rows.texts is None:
            return {}
        chosen = {
            "Wrong label": self._most_probable(self.wrong_label),
            "Wrong borders": self._most_probable(self.wrong_borders),
            "Missed": _labels_in_turn(self.missed, self.pairs.true[self.missed]),
            "Spurious": self._most_probable(self.spurious),
        }
        return {
            kind: self._table(indices[:_MAX_READ], rows.texts, rows.labels.offsets, names)
            for kind, indices in chosen.items()
            if len(indices)
        }

    def _most_probable(self, indices: Indices) -> Indices:
        probabilities = self.probabilities[self.overlapping[indices]]
        return indices[np.argsort(-probabilities, kind="stable")]

    def _table(self, indices: Indices, texts: Texts, row_offsets: Indices, names: Sequence[str]) -> Table:
        cells = []
        for index, (text, token_offsets) in zip(indices.tolist(), texts.read(self.pairs.rows[indices]), strict=True):
            pairs, first = self.pairs, row_offsets[self.pairs.rows[index]]
            start, end = _character_range(token_offsets, pairs.starts[index] - first, pairs.stops[index] - first)
            true, other, predicted, probability = pairs.true[index], self.overlapping[index], "none", UNDEFINED
            if other != NO_SPAN:
                predicted = names[self.predicted.labels[other]]
                probability = percent(float(self.probabilities[other]))
            if other != NO_SPAN and pairs.predicted[index] == NO_SPAN:
                span = self.predicted.starts[other] - first, self.predicted.stops[other] - first
                predicted += f": {_shortened(text[slice(*_character_range(token_offsets, *span))])}"
            true_name = "none" if true == NO_SPAN else names[true]
            cells.append((_marked(text, start, end), true_name, predicted, probability))
        distinct = tuple(dict.fromkeys(cells))[:_MAX_EXAMPLES]
        return Table(head=("text", "true", "predicted", "probability"), rows=distinct)


def _first_overlapping(pairs: SpanPairs, spans: Spans) -> Indices:
    """(pairs,) index of the first of the spans that has an item of the pair's span; NO_SPAN without any."""
    first = np.searchsorted(spans.stops, pairs.starts, side="right")
    starts = np.append(spans.starts, np.iinfo(np.int64).max)
    return np.where(starts[first] < pairs.stops, first, NO_SPAN)


def _probabilities(predictions: Ragged, spans: Spans) -> NDArray[np.float64]:
    smallest = np.finfo(np.float64).tiny
    logarithms = np.log(np.maximum(predictions.values[:, 1].astype(np.float64), smallest))
    sums = np.append(0, np.cumsum(logarithms))
    return np.asarray(np.exp(sums[spans.stops] - sums[spans.starts]).clip(max=1))


def _labels_in_turn(indices: Indices, labels: Indices) -> Indices:
    """The indices sorted by their occurrence within their label, then by the frequency of the label."""
    frequencies = np.bincount(labels)
    order = np.argsort(labels, kind="stable")
    occurrences = np.empty_like(labels)
    occurrences[order] = np.arange(len(labels)) - np.searchsorted(labels[order], labels[order])
    return indices[np.lexsort((labels, -frequencies[labels], occurrences))]


def _character_range(token_offsets: Indices, start: int, stop: int) -> tuple[int, int]:
    """Start and end, in characters, of the tokens from `start` to before `stop`."""
    return int(token_offsets[start, 0]), int(token_offsets[stop - 1, 1])


def _marked(text: str, start: int, end: int) -> Markup:
    """The span in its context, as HTML; `bdi` isolates the direction of the text."""
    before, after = text[:start], text[end:]
    return Markup("<bdi>{}<mark>{}</mark>{}</bdi>").format(
        before if len(before) <= _CONTEXT else f"… {before[-_CONTEXT:]}",
        _shortened(text[start:end]),
        after if len(after) <= _CONTEXT else f"{after[:_CONTEXT]} …",
    )


def _shortened(span: str) -> str:
    return span if len(span) <= _MAX_CHARACTERS else f"{span[:_MAX_CHARACTERS]} …"
