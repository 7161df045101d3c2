"""The masked loss: an unlabelled row, and a task without a labelled row, move nothing."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from mtl_core.distillation.soft_targets import SoftTargets
from mtl_core.model import Network
from mtl_core.training.checkpoint import save_weights
from mtl_core.training.epoch import optimizer_of
from mtl_core.training.losses import masked_mean, task_losses
from tests.small import Small


def test_masked_mean_is_the_mean_over_the_mask() -> None:
    losses = torch.tensor([1.0, 2.0, 6.0])
    assert masked_mean(losses, torch.tensor([True, False, True])) == pytest.approx(3.5)
    assert masked_mean(losses, torch.tensor([True, True, True])) == pytest.approx(3.0)
    assert masked_mean(losses, torch.tensor([False, False, False])) is None
    assert masked_mean(losses[:0], torch.zeros(0, dtype=torch.bool)) is None


def test_masked_mean_by_weights_counts_a_row_as_often_as_its_weight() -> None:
    losses, mask = torch.tensor([1.0, 2.0, 6.0, math.inf]), torch.tensor([True, True, True, False])
    weights = torch.tensor([3.0, 0.0, 1.0, 5.0])
    assert masked_mean(losses, mask, weights) == pytest.approx((1.0 * 3 + 6.0) / 4)
    assert masked_mean(losses, mask, 7 * weights) == pytest.approx((1.0 * 3 + 6.0) / 4)
    assert masked_mean(losses, mask, torch.zeros(4)) is None
    assert masked_mean(losses, torch.zeros(4, dtype=torch.bool), weights) is None


def test_a_row_of_no_weight_gets_no_gradient_whatever_its_loss() -> None:
    losses = torch.tensor([1.0, math.nan, 2.0], requires_grad=True)
    mean = masked_mean(losses, torch.tensor([True, True, True]), torch.tensor([1.0, 0.0, 1.0]))
    assert mean is not None
    mean.backward()
    assert mean == 1.5
    assert losses.grad is not None
    assert losses.grad.tolist() == [0.5, 0.0, 0.5]


def test_a_task_at_rest_has_no_loss_and_no_gradient(small: Small) -> None:
    batch = small.train.slice(0, 200)
    logits = {task.name: torch.randn(200, task.outputs, requires_grad=True) for task in small.tasks}
    losses = task_losses(small.tasks, logits, batch, {}, ("band", "rare"))
    assert list(losses) == [0, 2]
    torch.stack(list(losses.values())).sum().backward()
    assert [logits[task.name].grad is None for task in small.tasks] == [False, True, False, True]


def test_a_task_without_a_labelled_row_may_still_have_a_teacher_that_speaks_of_every_row(small: Small) -> None:
    batch = small.train.slice(0, 200)
    batch = replace(batch, labels=batch.labels | {"minutes": torch.full((200,), math.nan)})
    logits = {task.name: torch.randn(200, task.outputs) for task in small.tasks}
    teacher = SoftTargets(logits=logits["minutes"] + 1, weight=0.25)
    assert 2 not in task_losses(small.tasks, logits, batch, {"minutes": teacher})
    loss = task_losses(small.tasks, logits, batch, {"minutes": replace(teacher, use_unlabelled=True)})[2]
    assert loss == pytest.approx(0.25)  # the squared loss of 1, times the weight


def test_unlabelled_rows_get_no_gradient(small: Small) -> None:
    batch = small.train.slice(0, 200)
    logits = {task.name: torch.randn(200, task.outputs, requires_grad=True) for task in small.tasks}
    losses = task_losses(small.tasks, logits, batch, {})
    torch.stack(list(losses.values())).sum().backward()
    for task in small.tasks:
        gradient = logits[task.name].grad
        assert gradient is not None
        mask = task.codec.labelled(batch.labels[task.name])
        assert 0 < mask.sum() < 200
        assert gradient[~mask].eq(0).all()
        assert gradient[mask].ne(0).any()


def test_a_task_without_a_labelled_row_has_no_loss_and_its_head_stays_bit_for_bit(small: Small) -> None:
    """Momentum and weight decay would move a head whose gradient is zero; no gradient at all does not."""
    problem = small.declared(weight_decay=0.1)
    network = Network.seeded(problem, small.encoder, 0)
    optimizer = optimizer_of(network, problem.training.balancing.build(network.tasks), problem.training)
    rare = small.tasks[3]
    whole = small.train.slice(0, 300)
    unlabelled = small.train.take((~rare.codec.labelled(whole.labels["rare"])).nonzero()[:, 0])
    heads = []
    for batch in (whole, unlabelled):
        optimizer.zero_grad()
        losses = task_losses(small.tasks, network(batch.inputs), batch, {})
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        heads.append([[p.detach().clone() for p in head.parameters()] for head in network.heads])
    assert 3 not in losses
    assert all(torch.equal(a, b) for a, b in zip(heads[0][3], heads[1][3], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(heads[0][0], heads[1][0], strict=True))


def test_a_held_task_learns_from_its_teacher_on_labelled_rows_only(small: Small) -> None:
    batch = small.train.slice(0, 200)
    logits = {task.name: torch.randn(200, task.outputs, requires_grad=True) for task in small.tasks}
    teacher = logits["minutes"].detach().clone()
    soft = {"minutes": SoftTargets(logits=teacher)}
    assert task_losses(small.tasks, logits, batch, soft)[2] == 0
    teacher[~small.tasks[2].codec.labelled(batch.labels["minutes"])] += 100
    assert task_losses(small.tasks, logits, batch, soft)[2] == 0


def test_a_weight_scales_its_task_alone(small: Small) -> None:
    batch = small.train.slice(0, 200)
    logits = {task.name: torch.randn(200, task.outputs) for task in small.tasks}
    plain = task_losses(small.tasks, logits, batch, {})
    late = small.tasks[0]
    heavy = late.options.model_copy(update={"weight": 3.0}).objective(late.codec)
    weighted = task_losses((heavy, *small.tasks[1:]), logits, batch, {})
    assert_close(weighted[0], 3 * plain[0])
    assert all(torch.equal(weighted[task], plain[task]) for task in (1, 2, 3))


def test_weights_are_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(path, {"x": torch.ones(2)})
    with pytest.raises(AttributeError):
        save_weights(path, {"x": math.nan})  # type: ignore[dict-item]
    assert [p.name for p in tmp_path.iterdir()] == ["weights.safetensors"]
