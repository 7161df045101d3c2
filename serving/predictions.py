"""Arrays of predictions -> one JSON object per row.

The rows are structs defined for one signature: built and encoded several times faster than dicts, which are used where
a name allows no struct.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise, starmap
from typing import Any

import numpy as np

from serving.outputs import ClassOutput, ClusterOutput, LabelOutput, NumberOutput, Output, QuantileOutput, SpanOutput
from serving.rows import RequestBatch
from serving.spans import format_spans
from serving.structs import make_struct

Array = np.ndarray[Any, Any]
Formatter = Callable[[Array], Iterable[object]]
"""(rows, *row_shape) predictions -> one JSON value per row."""
Column = Callable[[Mapping[str, Array], RequestBatch], Iterable[object]]
"""Predictions of all tasks and their batch -> the JSON values of one task, one per row."""

DEFAULT_THRESHOLD = 0.5
"""Minimum probability of a label among the row's `labels`, where the signature has no thresholds."""


class PredictionFormatter:
    """Converter of a graph's predictions into rows that msgspec encodes as `{task: value, ...}`.

    The value by the output type of the task:

    - number: `2.5`; with a threshold `{"decision": true if it reaches the threshold, "probability": 0.83}`
    - class_probabilities: `{"class": the most probable, "probabilities": {class: probability, ...}}`
    - label_probabilities: `{"labels": [those that reach their thresholds], "probabilities": {label: probability, ...}}`
    - quantiles: `{level: value, ...}`
    - cluster_probabilities: `{"cluster": index of the most probable, "probabilities": [one per cluster]}`
    - spans: `[{"start": 12, "end": 16, "label": "a", "text": "song", "probability": 0.98}, ...]`

    Another task of level token has a list of these, one per item of the row's list. If any value of a row or token is
    not finite, all its values become null: JSON has no NaN, and null is more honest than a wrong number.
    """

    def __init__(self, tasks: Sequence[Output]) -> None:
        self._row = _object([task.name for task in tasks])
        self._columns = [_column(task) for task in tasks]

    def rows(self, predictions: Mapping[str, Array], batch: RequestBatch) -> list[Any]:
        """Predictions for the rows of a batch, in order.

        predictions: by task name, of the type and shape that the signature gives, and the tokens of texts.
        """
        return list(starmap(self._row, zip(*(column(predictions, batch) for column in self._columns), strict=True)))


def _column(task: Output) -> Column:
    if isinstance(task, SpanOutput):
        return _span_column(task)
    name, sequence, formatter = task.name, task.sequence, _formatter(task)
    if sequence is None:
        return lambda predictions, _: formatter(predictions[name])
    return lambda predictions, batch: _per_token(formatter, predictions[name], batch.lengths[sequence])


def _span_column(task: SpanOutput) -> Column:
    def format_rows(predictions: Mapping[str, Array], batch: RequestBatch) -> Iterable[object]:
        assert task.sequence is not None
        texts, tokens = batch.tensors[task.sequence], predictions[task.tokens]
        return format_spans(texts, tokens, predictions[task.name], task.labels)

    return format_rows


def _per_token(formatter: Formatter, values: Array, lengths: Sequence[int]) -> Iterable[object]:
    """Lists of the JSON values of every row, without the padding; values: (rows, longest, *row_shape)."""
    is_token = np.arange(values.shape[1]) < np.array(lengths)[:, None]  # (rows, longest)
    tokens = list(formatter(values[is_token]))  # of all rows
    return [tokens[start:end] for start, end in pairwise([0, *accumulate(lengths)])]


def _object(fields: Sequence[str]) -> Callable[..., object]:
    """Constructor of a JSON object from its values, in the order of the fields."""
    return make_struct(dict.fromkeys(fields, Any)) or (lambda *values: dict(zip(fields, values, strict=True)))


def _formatter(task: NumberOutput | ClassOutput | LabelOutput | QuantileOutput | ClusterOutput) -> Formatter:
    match task:
        case NumberOutput(threshold=float(threshold)):
            return _decision(threshold)
        case NumberOutput():
            return np.ndarray.tolist  # msgspec encodes a value that is not finite as null
        case ClassOutput():
            return _classes(task.classes)
        case LabelOutput():
            return _labels(task.labels, task.thresholds or (DEFAULT_THRESHOLD,) * len(task.labels))
        case QuantileOutput():
            return _quantiles(task.levels)
        case ClusterOutput():
            return _clusters(task.clusters)


def _decision(threshold: float) -> Formatter:
    value, minimum = _object(["decision", "probability"]), np.float32(threshold)
    return _null_if_not_finite(
        lambda values: map(value, (values >= minimum).tolist(), values.tolist()),  # (rows,)
        value(None, None),
    )


def _classes(classes: tuple[str, ...]) -> Formatter:
    names = np.array(classes, dtype=object)
    value, probabilities = _object(["class", "probabilities"]), _object(classes)

    def format_rows(values: Array) -> Iterable[object]:  # (rows, classes)
        most_probable = names[values.argmax(axis=1)].tolist()
        return map(value, most_probable, starmap(probabilities, values.tolist()))

    return _null_if_not_finite(format_rows, value(None, probabilities(*[None] * len(classes))))


def _labels(labels: tuple[str, ...], thresholds: tuple[float, ...]) -> Formatter:
    names, minimum = np.array(labels, dtype=object), np.array(thresholds, dtype=np.float32)
    value, probabilities = _object(["labels", "probabilities"]), _object(labels)

    def format_rows(values: Array) -> Iterable[object]:  # (rows, labels)
        is_positive = values >= minimum
        # The names of all rows in one list, cut where a row ends: indexing per row would cost more than its JSON.
        positive = names[np.nonzero(is_positive)[1]].tolist()
        ends = [0, *is_positive.sum(axis=1).cumsum().tolist()]
        positive_by_row = [positive[start:end] for start, end in pairwise(ends)]
        return map(value, positive_by_row, starmap(probabilities, values.tolist()))

    return _null_if_not_finite(format_rows, value(None, probabilities(*[None] * len(labels))))


def _quantiles(levels: tuple[float, ...]) -> Formatter:
    value = _object([np.format_float_positional(level, trim="-") for level in levels])
    return _null_if_not_finite(
        lambda values: starmap(value, values.tolist()),  # (rows, levels)
        value(*[None] * len(levels)),
    )


def _clusters(clusters: int) -> Formatter:
    value = _object(["cluster", "probabilities"])
    return _null_if_not_finite(
        lambda values: map(value, values.argmax(axis=1).tolist(), values.tolist()),  # (rows, clusters)
        value(None, [None] * clusters),
    )


def _null_if_not_finite(formatter: Formatter, null: object) -> Formatter:
    """The same formatter, with `null` for every row of which any value is not finite."""

    def format_rows(values: Array) -> Iterable[object]:  # (rows,) or (rows, width)
        rows, is_finite = list(formatter(values)), np.isfinite(values)
        if not is_finite.all():  # one reduction over all rows costs less than one per row, and nearly always suffices
            for row in np.flatnonzero(~is_finite.reshape(len(values), -1).all(axis=1)):
                rows[row] = null
        return rows

    return format_rows
