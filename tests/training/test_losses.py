"""Losses over labelled rows, with weights of rows and of tasks."""

import math

import pytest
import torch
from torch.testing import assert_close

from mtl_core.training.losses import masked_mean, task_losses
from tests.small import Small


def test_masked_mean_is_the_mean_over_the_mask() -> None:
    losses = torch.tensor([1.0, 2.0, 6.0])
    assert masked_mean(losses, torch.tensor([True, False, True])) == pytest.approx(3.5)
    assert masked_mean(losses, torch.tensor([True, True, True])) == pytest.approx(3.0)
    assert masked_mean(losses, torch.tensor([False, False, False])) is None
    assert masked_mean(losses[:0], torch.zeros(0, dtype=torch.bool)) is None


def test_masked_mean_is_weighted() -> None:
    losses, mask = torch.tensor([1.0, 2.0, 6.0, math.inf]), torch.tensor([True, True, True, False])
    weights = torch.tensor([3.0, 0.0, 1.0, 5.0])
    assert masked_mean(losses, mask, weights) == pytest.approx((1.0 * 3 + 6.0) / 4)
    assert masked_mean(losses, mask, 7 * weights) == pytest.approx((1.0 * 3 + 6.0) / 4)
    assert masked_mean(losses, mask, torch.zeros(4)) is None
    assert masked_mean(losses, torch.zeros(4, dtype=torch.bool), weights) is None


def test_a_row_of_weight_0_has_no_gradient_whatever_its_loss() -> None:
    losses = torch.tensor([1.0, math.nan, 2.0], requires_grad=True)
    mean = masked_mean(losses, torch.tensor([True, True, True]), torch.tensor([1.0, 0.0, 1.0]))
    assert mean is not None
    mean.backward()
    assert mean == 1.5
    assert losses.grad is not None
    assert losses.grad.tolist() == [0.5, 0.0, 0.5]


def test_a_paused_task_has_no_loss_and_no_gradient(small: Small) -> None:
    batch = small.train.slice(0, 200)
    logits = {task.name: torch.randn(200, task.outputs, requires_grad=True) for task in small.tasks}
    losses = task_losses(small.tasks, logits, batch, {}, ("band", "rare"))
    assert list(losses) == [0, 2]
    torch.stack(list(losses.values())).sum().backward()
    assert [logits[task.name].grad is None for task in small.tasks] == [False, True, False, True]


def test_unlabelled_rows_have_no_gradient(small: Small) -> None:
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


def test_the_weight_of_a_task_scales_its_loss_alone(small: Small) -> None:
    batch = small.train.slice(0, 200)
    logits = {task.name: torch.randn(200, task.outputs) for task in small.tasks}
    expected = task_losses(small.tasks, logits, batch, {})
    late = small.tasks[0]
    weighted_task = late.options.model_copy(update={"weight": 3.0}).objective(late.codec)
    weighted = task_losses((weighted_task, *small.tasks[1:]), logits, batch, {})
    assert_close(weighted[0], 3 * expected[0])
    assert all(torch.equal(weighted[task], expected[task]) for task in (1, 2, 3))
