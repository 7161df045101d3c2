"""Candidate against champion: which tasks are worse, and which outputs are compared."""

import math

import pytest

from flows.retrain.compare import ChampionComparison, comparable_outputs, refusal, worse_tasks
from mtl_core.evaluation import Difference


@pytest.mark.parametrize(
    ("difference", "tolerance", "worse"),
    [
        pytest.param((0.01, 0.005, 0.015), 0.0, False, id="better"),
        pytest.param((0.0, 0.0, 0.0), 0.0, False, id="equal"),
        pytest.param((-0.01, -0.03, 0.0), 0.0, False, id="worse, but not significantly"),
        pytest.param((-0.01, -0.03, -1e-9), 0.0, True, id="significantly worse"),
        pytest.param((-0.01, -0.03, -0.001), 0.01, False, id="worse by the tolerance"),
        pytest.param((-0.0101, -0.03, -0.001), 0.01, True, id="worse by more than the tolerance"),
        pytest.param((math.nan, math.nan, math.nan), 1.0, True, id="not a number"),
    ],
)
def test_a_task_is_worse_only_significantly_and_beyond_the_tolerance(
    difference: tuple[float, float, float], tolerance: float, worse: bool
) -> None:
    differences = tuple(
        Difference(
            task=task, metric="auc", reference=0.7, candidate=0.7 + better, difference=better, low=low, high=high
        )
        for task, (better, low, high) in {"good": (0.1, 0.1, 0.1), "t": difference}.items()
    )
    comparison = ChampionComparison(champion="m:old", differences=differences)
    assert [task.task for task in worse_tasks(comparison, tolerance)] == ["t"] * worse


def test_a_refusal_names_the_tasks_and_the_fix() -> None:
    message = refusal(ChampionComparison(champion="m:old"), "m:new", 0.0, ["t0: auc 0.68", "t2: auc 0.2"])
    for words in ("t0: auc 0.68", "t2: auc 0.2", "champion m:old keeps serving", "`mtl promote m:new --overrule`"):
        assert words in message


def test_outputs_are_compared_whatever_their_thresholds_and_number_of_bits() -> None:
    number = {"name": "t", "kind": "binary", "form": "number", "unit": "probability"}
    flags = {"name": "f", "kind": "multilabel", "form": "label_probabilities", "labels": ["a", "b"]}
    tuned = {"outputs": [number | {"threshold": 0.25, "dtype": "float64"}, flags | {"thresholds": [0.1, 0.9]}]}
    assert comparable_outputs(tuned) == comparable_outputs({"outputs": [number, flags]}) == {"t": number, "f": flags}
