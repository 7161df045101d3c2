"""Every pair of trunk, kind of task, balancing and stopping policy: it trains, goes on after a kill, and exports."""

import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from mtl_core.config import parse_problem
from mtl_core.export.graph import build_graph
from mtl_core.export.parity import adversarial_rows, parity
from mtl_core.export.session import open_graph
from mtl_core.training import Epoch, TrainingResult, train
from tests.grid import BALANCINGS, KINDS, POLICIES, TASKS, TRUNKS, Case, covering, document, possible, table
from tests.small import Small, prepared
from tests.training.runs import Callbacks

CASES = covering()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return prepared(tmp_path_factory.mktemp("grid"), document(CASES[0]), table())


def test_every_possible_pair_occurs() -> None:
    axes = dict.fromkeys(TRUNKS, "trunk") | dict.fromkeys(BALANCINGS, "balancing")
    axes |= dict.fromkeys(POLICIES, "policy")
    wanted = {
        frozenset(pair)
        for pair in combinations(axes, 2)
        if axes[pair[0]] != axes[pair[1]] and (pair[1] not in BALANCINGS or possible(*pair))
    }
    assert wanted <= {frozenset(pair) for case in CASES for pair in combinations(case, 2)}
    assert {task["kind"] for task in TASKS.values()} == set(KINDS), "every problem has every kind of task"


class CutError(Exception):
    """Stands for a kill between two epochs."""


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_it_learns_and_goes_on_after_a_kill(tiny: Small, tmp_path: Path, case: Case) -> None:
    problem = parse_problem(document(case))
    parts = (problem, tiny.encoder, tiny.train, tiny.validation)
    network, outcome = train(*parts, tmp_path / "undisturbed")
    assert _fall(outcome) < 0.95, "the mean loss must fall"

    def cut(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise CutError

    with pytest.raises(CutError):
        train(*parts, tmp_path / "cut", Callbacks(on_epoch=cut))
    resumed, again = train(*parts, tmp_path / "cut")
    assert _decisions(outcome) == _decisions(again)
    ours, theirs = network.state_dict(), resumed.state_dict()
    assert all(np.array_equal(ours[name].numpy(), theirs[name].numpy()) for name in ours)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_the_graph_agrees_with_the_network(tiny: Small, tmp_path: Path, trunk: str) -> None:
    """Balancing and stopping leave no trace in a graph but its weights."""
    problem = parse_problem(document(next(case for case in CASES if case[0] == trunk)))
    network, _ = train(problem, tiny.encoder, tiny.train, tiny.validation, tmp_path)
    session = open_graph(build_graph(network, tiny.encoder).SerializeToString())
    for rows in (tiny.raw_test, tiny.raw_test.slice(0, 1), adversarial_rows(tiny.raw_test, tiny.encoder)):
        assert parity(session, network, tiny.encoder, rows).difference < 1e-4


def _fall(outcome: TrainingResult) -> float:
    """Last over first loss, the mean over tasks that took part in two epochs or more."""
    falls = []
    for task in TASKS:
        losses = [epoch.losses[task] for epoch in outcome.epochs if task not in epoch.held]
        losses = [loss for loss in losses if math.isfinite(loss)]
        if len(losses) > 1 and TASKS[task]["kind"] != "clustering":
            falls.append(losses[-1] / losses[0])
    return float(np.mean(falls))


def _decisions(outcome: TrainingResult) -> str:
    return "\n".join(epoch.model_dump_json(exclude={"seconds"}) for epoch in outcome.epochs) + f"\n{outcome.chosen}"
