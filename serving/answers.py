"""Arrays of answers -> one JSON object per row.

The rows are structs made for one signature: built and encoded several times faster than dicts, which are used where a
name allows no struct.
"""

from __future__ import annotations

from itertools import accumulate, pairwise, starmap
from typing import TYPE_CHECKING, Any

import numpy as np

from serving.signature import ClassOutput, ClusterOutput, LabelOutput, NumberOutput, QuantileOutput
from serving.structs import make_struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from serving.signature import Output, Signature

    Array = np.ndarray[Any, Any]
    Cells = Callable[[Array], Iterable[object]]

LIKELY = 0.5
"""The probability from which on a label is among the answer's `labels`, where the signature has no thresholds."""


class AnswerWriter:
    """Converter of a graph's answers into rows that msgspec encodes as `{task: value, ...}`.

    The value by the form of the task:

    - number: `2.5`; with a threshold `{"decision": whether it is at least that, "probability": 0.83}`
    - class_probabilities: `{"class": the likeliest, "probabilities": {class: probability, ...}}`
    - label_probabilities: `{"labels": [those that reach their thresholds], "probabilities": {label: probability, ...}}`
    - quantiles: `{level: value, ...}`
    - cluster_probabilities: `{"cluster": number of the likeliest, from 0, "probabilities": [one a cluster]}`

    A task of level token answers a list of these, one per item of the row's list. Where anything in an answer of a row
    or token is not finite, all of its values become null: JSON has no NaN, and null is more honest than a wrong number.
    """

    def __init__(self, signature: Signature) -> None:
        self._row = _object([task.name for task in signature.outputs])
        self._cells = [(task.name, task.sequence, _cells(task)) for task in signature.outputs]

    def rows(self, answers: Mapping[str, Array], lengths: Mapping[str, Sequence[int]]) -> list[Any]:
        """Predictions as rows, in order.

        answers: of the type and shape that the signature gives, under each task's name. lengths: the number of items of
        each row's list, under the name of each input that is a task's `sequence`.
        """
        columns = [
            cells(answers[name]) if sequence is None else _per_token(cells, answers[name], lengths[sequence])
            for name, sequence, cells in self._cells
        ]
        return list(starmap(self._row, zip(*columns, strict=True)))


def _per_token(cells: Cells, values: Array, lengths: Sequence[int]) -> Iterable[object]:
    """Lists of the answers of every row, without the padding; values: (rows, longest, *row_shape)."""
    is_token = np.arange(values.shape[1]) < np.array(lengths)[:, None]  # (rows, longest)
    tokens = list(cells(values[is_token]))  # of all rows
    return [tokens[start:end] for start, end in pairwise([0, *accumulate(lengths)])]


def _object(fields: Sequence[str]) -> Callable[..., object]:
    """Values in the order of the fields -> what is written as a JSON object."""
    return make_struct(dict.fromkeys(fields, Any)) or (lambda *values: dict(zip(fields, values, strict=True)))


def _cells(task: Output) -> Cells:
    match task:
        case NumberOutput(threshold=float(threshold)):
            return _decision(threshold)
        case NumberOutput():
            return np.ndarray.tolist  # msgspec writes what is not finite as null
        case ClassOutput():
            return _classes(task.classes)
        case LabelOutput():
            return _labels(task.labels, task.thresholds or (LIKELY,) * len(task.labels))
        case QuantileOutput():
            return _quantiles(task.levels)
        case ClusterOutput():
            return _clusters(task.clusters)


def _decision(threshold: float) -> Cells:
    answer, least = _object(["decision", "probability"]), np.float32(threshold)

    def cells(values: Array) -> Iterable[object]:  # (rows,)
        return map(answer, (values >= least).tolist(), values.tolist())

    return _or_nothing(cells, answer(None, None))


def _classes(classes: tuple[str, ...]) -> Cells:
    names = np.array(classes, dtype=object)
    answer, probabilities = _object(["class", "probabilities"]), _object(classes)

    def cells(values: Array) -> Iterable[object]:  # (rows, classes)
        likeliest = names[values.argmax(axis=1)].tolist()
        return map(answer, likeliest, starmap(probabilities, values.tolist()))

    return _or_nothing(cells, answer(None, probabilities(*[None] * len(classes))))


def _labels(labels: tuple[str, ...], thresholds: tuple[float, ...]) -> Cells:
    names, least = np.array(labels, dtype=object), np.array(thresholds, dtype=np.float32)
    answer, probabilities = _object(["labels", "probabilities"]), _object(labels)

    def cells(values: Array) -> Iterable[object]:  # (rows, labels)
        likely = values >= least
        # The names of all rows in one list, cut where a row ends: a row's own indexing would cost more than its JSON.
        found, ends = names[np.nonzero(likely)[1]].tolist(), [0, *likely.sum(axis=1).cumsum().tolist()]
        chosen = [found[start:end] for start, end in pairwise(ends)]
        return map(answer, chosen, starmap(probabilities, values.tolist()))

    return _or_nothing(cells, answer(None, probabilities(*[None] * len(labels))))


def _quantiles(levels: tuple[float, ...]) -> Cells:
    answer = _object([np.format_float_positional(level, trim="-") for level in levels])

    def cells(values: Array) -> Iterable[object]:  # (rows, levels)
        return starmap(answer, values.tolist())

    return _or_nothing(cells, answer(*[None] * len(levels)))


def _clusters(clusters: int) -> Cells:
    answer = _object(["cluster", "probabilities"])

    def cells(values: Array) -> Iterable[object]:  # (rows, clusters)
        return map(answer, values.argmax(axis=1).tolist(), values.tolist())

    return _or_nothing(cells, answer(None, [None] * clusters))


def _or_nothing(cells: Cells, nothing: object) -> Cells:
    """The same cells, with `nothing` for every row of which any value is not finite."""

    def finite(values: Array) -> Iterable[object]:  # (rows,) or (rows, width)
        answers, is_finite = list(cells(values)), np.isfinite(values)
        if not is_finite.all():  # one reduction over all rows costs less than one per row, and is nearly always enough
            for row in np.flatnonzero(~is_finite.reshape(len(values), -1).all(axis=1)):
                answers[row] = nothing
        return answers

    return finite
