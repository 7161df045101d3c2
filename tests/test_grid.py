"""Trunks, balancings and stopping policies in a covering set of cases: each learns, and resumes after a kill."""

import math
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from mtl_core.config import parse_problem
from mtl_core.tasks.tagging import TaggingObjective
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


@pytest.fixture(autouse=True)
def tags_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A score for tags in every epoch: in two epochs the tiny network tags no sentence right, so it would not stop."""
    monkeypatch.setattr(TaggingObjective, "is_scored", lambda *_: True)


def test_cases_cover_every_balancing_and_policy_and_every_pair_with_a_trunk() -> None:
    """Balancings are covered individually; with trunks only their families, since no method depends on another."""
    assert len(CASES) == len(set(CASES)) <= 46
    assert all(possible(trunk, balancing) for trunk, balancing, _ in CASES)
    tested = {(balancing, policy) for _, balancing, policy in CASES}
    assert tested == {(balancing, policy) for balancing in BALANCINGS for policy in policies_of(balancing)}
    assert all(len(policies_of(balancing)) == (3 if balancing in WITH_STATE else 1) for balancing in BALANCINGS)
    assert {(FAMILIES[balancing], policy) for balancing, policy in tested} == set(product(FAMILIES.values(), POLICIES))
    covered = set().union(*map(pairs, CASES))
    assert covered >= set(product(TRUNKS, POLICIES))
    assert covered >= {(trunk, FAMILIES[b]) for trunk, b in product(TRUNKS, BALANCINGS) if possible(trunk, b)}
    assert {task["kind"] for task in TASKS.values()} == set(KINDS), "every problem has every kind of task"


def test_balancings_with_state() -> None:
    balancings = {
        method: parse_problem(document(("mmoe", method, "joint"))).training.balancing for method in BALANCINGS
    }
    assert {method for method, options in balancings.items() if options.build(tuple(TASKS)).state_dict()} == WITH_STATE


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_a_training_learns_and_resumes_identically_after_a_kill(tiny: Small, tmp_path: Path, case: Case) -> None:
    """The folder after the second epoch equals the folder after a kill at that moment."""

    def copy(epoch: Epoch) -> None:
        if epoch.number == 2:
            shutil.copytree(tmp_path / "uninterrupted", tmp_path / "killed")

    parts = (parse_problem(document(case)), tiny.encoder, tiny.train, tiny.validation)
    network, result = train(*parts, tmp_path / "uninterrupted", Callbacks(on_epoch=copy))
    assert _loss_ratio(result) < 0.95, "the mean loss must fall"
    last = result.epochs[-1]
    assert set(last.paused) >= set(STOPPED if case[2] == "freeze" else ())
    assert set(last.distilled) >= set(STOPPED if case[2] == "hold" else ())

    trained: list[int] = []
    resumed, resumed_result = train(
        *parts, tmp_path / "killed", Callbacks(on_step=lambda step, steps: trained.append(steps))
    )
    assert len(trained) == trained[0], "one epoch must be left"
    assert _decisions(result) == _decisions(resumed_result)
    weights = resumed.state_dict()
    assert all(np.array_equal(weights[name].numpy(), value.numpy()) for name, value in network.state_dict().items())


def _loss_ratio(result: TrainingResult) -> float:
    """Last loss over first loss, mean over tasks that trained in two epochs or more."""
    ratios = []
    for task in TASKS:
        losses = [epoch.losses[task] for epoch in result.epochs if task not in epoch.distilled]
        losses = [loss for loss in losses if math.isfinite(loss)]
        if len(losses) > 1 and TASKS[task]["kind"] != "clustering":
            ratios.append(losses[-1] / losses[0])
    return float(np.mean(ratios))


def _decisions(result: TrainingResult) -> str:
    return "\n".join(epoch.model_dump_json() for epoch in result.epochs) + f"\n{result.chosen}"
