"""Trunks, balancings and stopping policies in a covering set of cases: each learns, and goes on after a kill."""

import math
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from mtl_core.config import parse_problem
from mtl_core.training import Epoch, TrainingResult, train
from tests.grid import (
    BALANCINGS,
    FAMILIES,
    KINDS,
    POLICIES,
    STOPPED,
    TASKS,
    TRUNKS,
    WITH_STATE,
    Case,
    covering,
    document,
    pairs,
    policies_of,
    possible,
    table,
)
from tests.small import Small, prepared
from tests.training.runs import Callbacks

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and tracing them costs a third of these trainings
CASES = covering()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return prepared(tmp_path_factory.mktemp("grid"), document(CASES[0]), table())


def test_what_the_cases_cover() -> None:
    """Every balancing by itself; with trunks, families of balancings: no method knows another's name."""
    assert len(CASES) == len(set(CASES)) <= 64
    assert all(possible(trunk, balancing) for trunk, balancing, _ in CASES)
    tried = {(balancing, policy) for _, balancing, policy in CASES}
    assert tried == {(balancing, policy) for balancing in BALANCINGS for policy in policies_of(balancing)}
    assert all(len(policies_of(balancing)) == (3 if balancing in WITH_STATE else 2) for balancing in BALANCINGS)
    assert {(FAMILIES[balancing], policy) for balancing, policy in tried} == set(product(FAMILIES.values(), POLICIES))
    shown = set().union(*map(pairs, CASES))
    assert shown >= set(product(TRUNKS, POLICIES))
    assert shown >= {(trunk, FAMILIES[b]) for trunk, b in product(TRUNKS, BALANCINGS) if possible(trunk, b)}
    assert {task["kind"] for task in TASKS.values()} == set(KINDS), "every problem has every kind of task"


def test_which_balancings_have_a_state() -> None:
    balancings = {
        method: parse_problem(document(("mmoe", method, "joint"))).training.balancing for method in BALANCINGS
    }
    assert {method for method, options in balancings.items() if options.build(tuple(TASKS)).state_dict()} == WITH_STATE


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_it_learns_and_goes_on_after_a_kill(tiny: Small, tmp_path: Path, case: Case) -> None:
    """The folder as it is after the second epoch is what a kill at that moment leaves."""

    def copy(epoch: Epoch) -> None:
        if epoch.number == 2:
            shutil.copytree(tmp_path / "undisturbed", tmp_path / "cut")

    parts = (parse_problem(document(case)), tiny.encoder, tiny.train, tiny.validation)
    network, result = train(*parts, tmp_path / "undisturbed", Callbacks(on_epoch=copy))
    assert _fall(result) < 0.95, "the mean loss must fall"
    last = result.epochs[-1]
    assert set(last.paused) >= set(STOPPED if case[2] == "freeze" else ())
    assert set(last.distilled) >= set(STOPPED if case[2] == "hold" else ())

    trained: list[int] = []
    resumed, again = train(*parts, tmp_path / "cut", Callbacks(on_step=lambda step, steps: trained.append(steps)))
    assert len(trained) == trained[0], "one epoch was left"
    assert _decisions(result) == _decisions(again)
    ours, theirs = network.state_dict(), resumed.state_dict()
    assert all(np.array_equal(ours[name].numpy(), theirs[name].numpy()) for name in ours)


def _fall(result: TrainingResult) -> float:
    """Last over first loss, the mean over tasks that took part in two epochs or more."""
    falls = []
    for task in TASKS:
        losses = [epoch.losses[task] for epoch in result.epochs if task not in epoch.distilled]
        losses = [loss for loss in losses if math.isfinite(loss)]
        if len(losses) > 1 and TASKS[task]["kind"] != "clustering":
            falls.append(losses[-1] / losses[0])
    return float(np.mean(falls))


def _decisions(result: TrainingResult) -> str:
    return "\n".join(epoch.model_dump_json() for epoch in result.epochs) + f"\n{result.chosen}"
