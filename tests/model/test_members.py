"""Members: an ensemble within the network with separate losses, which predicts the mean of their logits."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mtl_core.config import Model, Problem, parse_problem
from mtl_core.config.model import FEW_ROWS, MEMBERS
from mtl_core.config.trunks import AnyTrunk
from mtl_core.errors import ProblemError
from mtl_core.model import Network
from mtl_core.nn.members import MemberHeads
from mtl_core.schema import tagged
from mtl_core.training import train
from mtl_core.training.losses import task_losses
from tests.grid import small_trunk
from tests.small import Small, document
from tests.training.runs import same, weights

TRUNKS = list(tagged(AnyTrunk))


def with_model(problem: Problem, **options: Any) -> Problem:
    """The problem with these options of the model, and without dropout, so that training and evaluation agree."""
    head = problem.model.head.model_dump() | {"dropout": 0.0}
    changed = Model.model_validate(problem.model.model_dump() | {"head": head} | options)
    return problem.model_copy(update={"model": changed})


@pytest.mark.parametrize("trunk", TRUNKS)
@pytest.mark.parametrize("private", [0, 4])
def test_members_differ_and_their_mean_is_predicted(small: Small, trunk: str, private: int) -> None:
    problem = with_model(small.problem, members=3, trunk=small_trunk(trunk) | {"dropout": 0.0}, private=private)
    network = Network.seeded(problem, small.encoder, 0)
    inputs = small.train.slice(0, 9).inputs
    by_member, mean = network.train()(inputs), network.eval()(inputs)
    for objective in network.objectives:
        assert by_member[objective.name].shape == (9, 3, objective.outputs)
        torch.testing.assert_close(by_member[objective.name].mean(1), mean[objective.name], rtol=1e-4, atol=1e-5)
        assert by_member[objective.name].std(1).min() > 0


def test_a_loss_is_the_mean_over_members_and_labelled_rows(small: Small) -> None:
    network = Network.seeded(with_model(small.problem, members=3), small.encoder, 0).train()
    batch = small.train.slice(0, 40)
    logits = network(batch.inputs)
    losses = task_losses(network.objectives, logits, batch, {})
    by_member = [
        task_losses(network.objectives, {task: rows[:, member] for task, rows in logits.items()}, batch, {})
        for member in range(3)
    ]
    for position, loss in losses.items():
        torch.testing.assert_close(loss, torch.stack([losses[position] for losses in by_member]).mean())


def test_a_network_of_one_member_has_no_member_layers(small: Small) -> None:
    network = Network.seeded(small.problem, small.encoder, 0)
    assert not network.members
    assert not any(isinstance(head, MemberHeads) for head in network.heads)


def test_the_default_number_of_members_depends_on_the_training_rows(small: Small) -> None:
    problem = with_model(small.problem, members=None)
    counts = [
        Network.seeded(problem, small.encoder.model_copy(update={"rows": rows}), 0).member_count
        for rows in (1, FEW_ROWS, FEW_ROWS + 1)
    ]
    assert counts == [MEMBERS, MEMBERS, 1]


def test_training_with_members_is_deterministic_and_finetunes_heads(small: Small, tmp_path: Path) -> None:
    stopping = {"policy": "hold", "patience": 1, "tasks": {"late": {"min_improvement": 1_000}}}
    options: Any = {"epochs": 4, "finetune_heads": {"epochs": 2}, "stopping": stopping}
    problem = with_model(small.declared(**options), members=2)
    splits = (small.encoder, small.train, small.validation)
    first, outcome = train(problem, *splits, tmp_path / "a")
    again, _ = train(problem, *splits, tmp_path / "b")
    assert same(weights(first), weights(again))
    assert any(epoch.distilled for epoch in outcome.epochs)
    assert len(outcome.finetuned_heads) == len(small.problem.tasks)


def test_clustering_with_several_members_is_refused() -> None:
    declared = document()
    declared["model"]["members"] = 2
    declared["tasks"]["group"] = {"kind": "clustering", "clusters": 3}
    with pytest.raises(ProblemError, match=r"model\.members: .*found 2 and the task group"):
        parse_problem(declared)
