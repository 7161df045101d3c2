"""Candidate against champion: what is refused, and what cannot be compared."""

import math
from contextlib import AbstractContextManager, nullcontext

import pytest

from flows.retrain.compare import ChampionComparison, forms, refuse_worse
from mtl_core.errors import PromotionRefused
from mtl_core.evaluation import Difference


def comparison(*differences: tuple[float, float, float]) -> ChampionComparison:
    """Differences of tasks t0, t1, ...: how much better the candidate is, with the interval."""
    found = [
        Difference(
            task=f"t{i}", metric="auc", champion=0.7, candidate=0.7 + better, difference=better, low=low, high=high
        )
        for i, (better, low, high) in enumerate(differences)
    ]
    return ChampionComparison(champion="m:old", differences=tuple(found))


REFUSED = pytest.raises(PromotionRefused)


@pytest.mark.parametrize(
    ("difference", "allowed", "expected"),
    [
        pytest.param((0.01, 0.005, 0.015), 0.0, nullcontext(), id="better"),
        pytest.param((0.0, 0.0, 0.0), 0.0, nullcontext(), id="equal"),
        pytest.param((-0.01, -0.03, 0.0), 0.0, nullcontext(), id="worse, by chance perhaps"),
        pytest.param((-0.01, -0.03, -1e-9), 0.0, REFUSED, id="worse beyond chance"),
        pytest.param((-0.01, -0.03, -0.001), 0.01, nullcontext(), id="worse by what is allowed"),
        pytest.param((-0.0101, -0.03, -0.001), 0.01, REFUSED, id="worse by more than is allowed"),
        pytest.param((math.nan, math.nan, math.nan), 1.0, REFUSED, id="not a number"),
    ],
)
def test_a_task_that_gets_worse_is_refused(
    difference: tuple[float, float, float], allowed: float, expected: AbstractContextManager[object]
) -> None:
    with expected:
        refuse_worse(comparison((0.1, 0.1, 0.1), difference), "m:new", allowed)


def test_the_refusal_names_every_task_that_got_worse_and_no_other() -> None:
    found = comparison((-0.02, -0.03, -0.01), (0.1, 0.05, 0.15), (-0.5, -0.6, -0.4))
    with pytest.raises(PromotionRefused) as refused:
        refuse_worse(found, "m:new", 0.0)
    words = str(refused.value)
    assert "t0: auc 0.68, the champion's 0.7; worse by 0.02, 95% interval 0.01 to 0.03" in words
    assert "t2: " in words
    assert "t1: " not in words
    assert "champion m:old keeps serving" in words
    assert "mtl promote m:new" in words
    assert refused.value.exit_code == 7


def test_numbers_in_32_and_in_64_bits_are_compared() -> None:
    entry = {"name": "t", "kind": "regression", "form": "number", "unit": "s"}
    assert forms({"outputs": [entry]}) == forms({"outputs": [entry | {"dtype": "float64"}]}) == {"t": entry}


def test_probabilities_are_compared_whatever_their_thresholds() -> None:
    entry = {"name": "t", "kind": "binary", "form": "number", "unit": "probability"}
    flags = {"name": "f", "kind": "multilabel", "form": "label_probabilities", "labels": ["a", "b"]}
    tuned = {"outputs": [entry | {"threshold": 0.25}, flags | {"thresholds": [0.1, 0.9]}]}
    assert forms(tuned) == forms({"outputs": [entry, flags]})


def test_a_first_model_has_nothing_to_be_worse_than() -> None:
    refuse_worse(ChampionComparison(champion=None), "m:new", 0.0)
