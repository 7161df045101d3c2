"""Arrays of answers -> one JSON object per row.

The rows are structs made for one signature: built and encoded several times faster than dicts.
"""

from __future__ import annotations

from itertools import starmap
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from serving.signature import ClassOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from serving.signature import Output, Signature

    Cells = Callable[[np.ndarray[Any, Any]], Iterable[object]]

__all__ = ["AnswerWriter"]


class AnswerWriter:
    """Turns a graph's answers into rows that msgspec encodes as `{task: value, ...}`.

    Form "number" gives a float; "class_probabilities" gives the likeliest class and the probability of each. A value
    that is not finite becomes null: JSON has no NaN, and no answer is more honest than a wrong one.
    """

    def __init__(self, signature: Signature) -> None:
        self._row = _struct("Row", [task.name for task in signature.outputs])
        self._cells = {task.name: _cells(task) for task in signature.outputs}

    def rows(self, answers: Mapping[str, np.ndarray[Any, Any]]) -> list[Any]:
        """One row per prediction; answers: float32 of shape (rows,) or (rows, classes) under each task's name."""
        columns = [cells(answers[name]) for name, cells in self._cells.items()]
        return list(starmap(self._row, zip(*columns, strict=True)))


def _struct(name: str, fields: Sequence[str]) -> type[msgspec.Struct]:
    # A task or a class may be called anything: f0, f1, ... have these names in JSON only.
    return msgspec.defstruct(
        name, [(f"f{place}", Any, msgspec.field(name=field)) for place, field in enumerate(fields)], gc=False
    )


def _cells(task: Output) -> Cells:
    if not isinstance(task, ClassOutput):
        return _numbers
    classes = np.array(task.classes, dtype=object)
    probabilities = _struct("Probabilities", task.classes)
    answer = _struct("Answer", ["class", "probabilities"])
    nothing = answer(None, probabilities(*[None] * len(classes)))

    def cells(values: np.ndarray[Any, Any]) -> Iterable[object]:  # (rows, classes)
        likeliest = classes[values.argmax(axis=1)].tolist()
        made: list[object] = list(map(answer, likeliest, starmap(probabilities, values.tolist())))
        for row in np.flatnonzero(~np.isfinite(values).all(axis=1)):
            made[row] = nothing
        return made

    return cells


def _numbers(values: np.ndarray[Any, Any]) -> Iterable[object]:  # (rows,)
    cells: list[float] = values.tolist()
    return cells  # msgspec writes what is not finite as null
