"""Report of the labelled spans of texts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.metrics.spans import NO_SPAN, SENTENCE_ACCURACY, SpanPairs, counts_by_label, extract_spans, span_confusion
from mtl_core.report.outputs.base import SplitLabels, TaskReport
from mtl_core.report.outputs.span_errors import SpanErrors
from mtl_core.report.plots.figure import Figure, Table, draw, interval_plot
from mtl_core.report.plots.probabilities import calibration, contingency
from mtl_core.report.plots.statistics import f1_interval, group_rare
from mtl_core.report.scored_rows import ScoredRows
from mtl_core.report.wording import UNDEFINED, integer, interval, number, percent, plural, rounded

_MAX_COLUMNS, _MAX_LABELS, _MAX_CELLS = 3, 20, 9


@dataclass(frozen=True, kw_only=True)
class SpanReport(TaskReport):
    """Labels (items,) and predictions (items, 2), a row per text, see `mtl_core.metrics.spans`."""

    labels: tuple[str, ...]
    """A span of the labels with the index after these has a label that training lacks."""

    def baseline(self, prediction: NDArray[Any]) -> str:
        return f"no span ({percent(float(prediction[1]))} of tokens)"

    def label_distribution(self, labels: SplitLabels) -> Table:
        spans = {name: extract_spans(tags) for name, tags in labels.items()}
        names = self._names(of_split.labels for of_split in spans.values())
        counts = {name: np.bincount(of_split.labels, minlength=len(names)) for name, of_split in spans.items()}
        shown = np.argsort(-np.sum([*counts.values()], axis=0), kind="stable")[:_MAX_COLUMNS]
        lines = []
        for name, of_split in spans.items():
            texts, total = len(labels[name]) or np.nan, int(counts[name].sum()) or np.nan
            with_span = percent(len(np.unique(of_split.rows)) / texts)
            per_text = number(len(of_split.rows) / texts, 3)
            lines.append((per_text, with_span, *(percent(counts[name][label] / total) for label in shown)))
        head = ("spans per text", "texts with a span", *(names[label] for label in shown))
        return Table(head=head, rows=tuple(lines))

    def summary(self, rows: ScoredRows) -> list[str]:
        accuracy = percent(float(SENTENCE_ACCURACY.rows(rows.labels, rows.predictions).mean()))
        errors = SpanErrors.of(rows)
        spans = int((errors.pairs.true != NO_SPAN).sum())
        kinds = (errors.wrong_label, errors.wrong_borders, errors.missed)
        labels, borders, missed = (integer(len(kind)) for kind in kinds)
        found = spans - sum(map(len, kinds))
        return [
            f"All tags right in {accuracy} of texts.",
            f"Of {plural(spans, 'true span')}, {integer(found)} are found; {labels} have a wrong label, {borders} "
            f"wrong borders, {missed} are missed. Spurious: {plural(len(errors.spurious), 'span')}.",
        ]

    def figures(self, rows: ScoredRows) -> list[Figure]:
        errors = SpanErrors.of(rows)
        names = self._names([errors.pairs.true])
        figures = []
        if (errors.pairs.true != NO_SPAN).any():
            figures.append(_f1_plot(errors.pairs, names))
        if len(errors.pairs.rows):
            figures.append(_confusion(errors.pairs, names))
        if len(errors.predicted.rows):
            figures.append(calibration(errors.probabilities, errors.is_right, None, counted="spans"))
        return figures

    def examples(self, rows: ScoredRows) -> dict[str, Table]:
        errors = SpanErrors.of(rows)
        return errors.examples(rows, self._names([errors.pairs.true]))

    def _names(self, indices: Iterable[NDArray[Any]]) -> tuple[str, ...]:
        unseen = any(int(labels.max(initial=0)) >= len(self.labels) for labels in indices)
        return (*self.labels, "not in training") if unseen else self.labels


def _f1_plot(pairs: SpanPairs, names: Sequence[str]) -> Figure:
    confusion = span_confusion(pairs, len(names))
    counts = [*counts_by_label(confusion, names).values()]
    spans, predicted = confusion.sum(axis=1)[:-1], confusion.sum(axis=0)[:-1]
    order = np.lexsort((-predicted, -spans))
    order = order[(spans + predicted)[order] > 0]
    hits, f1 = np.diagonal(confusion)[order], np.array([counts[label].f1 for label in order])
    low, high = f1_interval(hits, (spans + predicted)[order] - 2 * hits)
    shown = slice(min(_MAX_LABELS, int((spans > 0).sum())))
    labels = [names[label] for label in order]
    note = f" The {shown.stop} most frequent of {len(names):,} labels." * (shown.stop < len(names))
    x = alt.X("value:Q", scale=alt.Scale(domain=[0, 1], nice=False), axis=alt.Axis(title="F1", tickCount=5))
    of_all = 2 * hits.sum() / (spans.sum() + predicted.sum())
    intervals = zip(f1[shown].tolist(), low[shown].tolist(), high[shown].tolist(), strict=True)
    bounds = (interval(a, b, 3) if np.isfinite(f) else UNDEFINED for f, a, b in zip(f1, low, high, strict=True))
    return draw(
        "F1 per label",
        f"With 95% intervals, for independent spans; the most frequent label first. Dashed: all labels.{note}",
        interval_plot(labels[shown], intervals, x, float(of_all)),
        ("label", labels),
        ("spans", map(integer, spans[order])),
        ("precision", (percent(counts[label].precision) for label in order)),
        ("recall", (percent(counts[label].recall) for label in order)),
        ("F1", (rounded(value, 3) for value in f1)),
        ("95% interval", bounds),
    )


def _confusion(pairs: SpanPairs, names: Sequence[str]) -> Figure:
    groups, group = group_rare(names, pairs.true[pairs.true != NO_SPAN], _MAX_CELLS)
    group = np.append(group, len(groups))  # NO_SPAN is the last index
    counts = np.zeros((len(groups) + 1, len(groups) + 1), dtype=np.int64)
    np.add.at(counts, (group[pairs.true], group[pairs.predicted]), 1)
    return contingency(
        "Confusion matrix",
        "Rows: true label; columns: predicted label of the span with the same borders, or none; cells: share of the "
        "row. Last row: predicted spans whose borders no true span has.",
        *((*groups, "none"), (*groups, "none"), counts, "true label"),
    )
