"""Churn: which predictions count as changed, per kind of task."""

from typing import Any

import numpy as np
import pytest

from mtl_core.churn import Churn, churn
from mtl_core.ragged import Ragged
from mtl_core.tasks import Objective, objectives
from mtl_core.tasks.decisions import DecisionObjective
from mtl_core.tasks.tagging import Tagging
from mtl_core.tasks.tagging_codec import END_OF_ROW, TaggingCodec
from tests.every_kind import every_kind  # noqa: F401 - a fixture
from tests.small import Small


def churn_of(task: Objective, labels: Any, before: Any, after: Any, candidate: Objective | None = None) -> Churn:
    (measured,) = churn([task], [candidate or task], {task.name: labels}, {task.name: before}, {task.name: after})
    return measured


def task_named(problem: Small, name: str) -> Objective:
    return next(task for task in objectives(problem.problem.tasks, problem.encoder.tasks) if task.name == name)


@pytest.mark.parametrize(
    ("name", "labels", "before", "after", "expected"),
    [
        pytest.param(
            *("soon", [1, 0, 1, -1], [0.1, 0.2, 0.4, 0.1], [0.2, 0.3, 0.4, 0.9]),
            ("decision", 1 / 3, 0.2 / 3, "probability"),
            id="binary, at its threshold, labelled rows only",
        ),
        pytest.param(
            *("band", [0, 1], [[0.5, 0.3, 0.2]] * 2, [[0.4, 0.5, 0.1], [0.6, 0.3, 0.1]], ("class", 0.5, None, "")),
            id="multiclass",
        ),
        pytest.param(
            *("grade", [0, 1], [[0.7, 0.1, 0.1, 0.1]] * 2, [[0.7, 0.1, 0.1, 0.1]] * 2, ("class", 0.0, None, "")),
            id="ordinal",
        ),
        pytest.param(
            *("flags", [[1, 0], [0, -1]], [[0.9, 0.1], [0.9, 0.9]], [[0.9, 0.6], [0.8, 0.9]]),
            ("set of labels", 0.5, None, ""),
            id="multilabel",
        ),
        pytest.param(
            *("minutes", [1.0, np.nan, 2.0], [1.0, 5.0, 2.0], [2.0, 9.0, 0.0], ("", None, 1.5, "minutes")),
            id="regression",
        ),
        pytest.param(
            *("span", [1.0], [[1.0, 2.0, 3.0, 4.0]], [[1.0, 2.0, 3.0, 8.0]], ("", None, 1.0, "minutes")),
            id="quantiles, over the levels",
        ),
        pytest.param(
            *("minutes", [np.nan], [1.0], [2.0], ("", None, None, "minutes")),
            id="no labelled row",
        ),
        pytest.param(
            *("minutes", [1.0], [np.inf], [np.inf], ("", None, None, "minutes")),
            id="no finite number",
        ),
    ],
)
def test_what_changes_depends_on_the_kind(
    every_kind: Small,  # noqa: F811 - the fixture
    name: str,
    labels: Any,
    before: Any,
    after: Any,
    expected: tuple[Any, ...],
) -> None:
    measured = churn_of(task_named(every_kind, name), *map(np.asarray, (labels, before, after)))
    decision, flipped, mean_change, unit = expected
    assert (measured.decision, measured.unit) == (decision, unit)
    assert measured.flipped == (None if flipped is None else pytest.approx(flipped))
    assert measured.mean_change == (None if mean_change is None else pytest.approx(mean_change))


def test_each_model_decides_at_its_own_threshold(every_kind: Small) -> None:  # noqa: F811 - the fixture
    task = task_named(every_kind, "soon")
    assert isinstance(task, DecisionObjective)
    probabilities = np.array([0.1, 0.35, 0.6])
    measured = churn_of(task, np.array([0, 1, 1]), probabilities, probabilities, task.with_thresholds((0.5,)))
    assert (measured.flipped, measured.mean_change) == (pytest.approx(1 / 3), 0.0)


def test_clusters_are_matched_since_their_numbers_mean_nothing(every_kind: Small) -> None:  # noqa: F811 - the fixture
    task = task_named(every_kind, "group")
    before = np.eye(5)[[0, 0, 1, 1, 2, 3]]
    renamed = np.eye(5)[[4, 4, 0, 0, 1, 2]]
    assert churn_of(task, np.zeros(6), before, renamed).flipped == 0
    moved = np.eye(5)[[4, 0, 0, 0, 1, 2]]
    assert churn_of(task, np.zeros(6), before, moved).flipped == pytest.approx(1 / 6)


def test_a_text_flips_if_any_of_its_tags_does() -> None:
    fields = {"name": "slots", "type": "list", "targets": ("spans",), "sequence": "text"}
    codec = TaggingCodec.model_validate(fields | {"labels": ("a",), "declared": True})
    task = Tagging(kind="tagging", target="spans", text="text").objective(codec)
    labels = Ragged.from_lengths(np.array([0, 1, END_OF_ROW, 0, 0, END_OF_ROW]), np.array([3, 3])).values
    before = np.array([[0, 0.9], [1, 0.9], [0, 1], [0, 0.9], [0, 0.9], [0, 1]])
    after = before.copy()
    after[3:5, 0] = (1, 2)
    after[2, 0] = 1  # of an end mark
    measured = churn_of(task, labels, before, after)
    assert (measured.rows, measured.decision, measured.flipped) == (2, "tags", 0.5)
