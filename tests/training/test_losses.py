"""The masked loss: an unlabelled row, and a task without a labelled row, move nothing."""

import math

import pytest
import torch
from torch.testing import assert_close

from mtl_core.model import Network
from mtl_core.training.checkpoint import save_weights
from mtl_core.training.loop import optimizer_of
from mtl_core.training.losses import masked_mean, task_losses
from tests.small import Small


def test_masked_mean_is_the_mean_over_the_mask() -> None:
    losses = torch.tensor([1.0, 2.0, 6.0])
    assert masked_mean(losses, torch.tensor([True, False, True])) == pytest.approx(3.5)
    assert masked_mean(losses, torch.tensor([True, True, True])) == pytest.approx(3.0)
    assert masked_mean(losses, torch.tensor([False, False, False])) is None


def test_unlabelled_rows_get_no_gradient(small: Small) -> None:
    batch = small.train.slice(0, 200)
    logits = {task.name: torch.randn(200, task.outputs, requires_grad=True) for task in small.encoder.tasks}
    losses = task_losses(small.encoder.tasks, logits, batch.labels, {})
    torch.stack(list(losses.values())).sum().backward()
    for task in small.encoder.tasks:
        gradient = logits[task.name].grad
        assert gradient is not None
        mask = task.labelled(batch.labels[task.name])
        assert 0 < mask.sum() < 200
        assert gradient[~mask].eq(0).all()
        assert gradient[mask].ne(0).any()


def test_a_task_without_a_labelled_row_has_no_loss_and_its_head_stays_bit_for_bit(small: Small) -> None:
    """Momentum and weight decay would move a head whose gradient is zero; no gradient at all does not."""
    problem = small.declared(weight_decay=0.1)
    network = Network.seeded(small.encoder, problem.model, 0)
    optimizer = optimizer_of(network, problem.training.balancing.build(4), problem.training)
    rare = small.encoder.tasks[3]
    whole = small.train.slice(0, 300)
    unlabelled = small.train.take((~rare.labelled(whole.labels["rare"])).nonzero()[:, 0])
    heads = []
    for batch in (whole, unlabelled):
        optimizer.zero_grad()
        losses = task_losses(small.encoder.tasks, network(batch.inputs), batch.labels, {})
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        heads.append([[p.detach().clone() for p in head.parameters()] for head in network.heads])
    assert "rare" not in losses
    assert all(torch.equal(a, b) for a, b in zip(heads[0][3], heads[1][3], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(heads[0][0], heads[1][0], strict=True))


def test_a_held_task_learns_from_its_teacher_on_labelled_rows_only(small: Small) -> None:
    batch = small.train.slice(0, 200)
    logits = {task.name: torch.randn(200, task.outputs, requires_grad=True) for task in small.encoder.tasks}
    teacher = logits["minutes"].detach().clone()
    losses = task_losses(small.encoder.tasks, logits, batch.labels, {"minutes": teacher})
    assert losses["minutes"] == 0
    teacher[~small.encoder.tasks[2].labelled(batch.labels["minutes"])] += 100
    assert task_losses(small.encoder.tasks, logits, batch.labels, {"minutes": teacher})["minutes"] == 0


def test_a_weight_scales_its_task_alone(small: Small) -> None:
    batch = small.train.slice(0, 200)
    logits = {task.name: torch.randn(200, task.outputs) for task in small.encoder.tasks}
    plain = task_losses(small.encoder.tasks, logits, batch.labels, {})
    heavy = small.encoder.tasks[0].model_copy(
        update={"options": small.encoder.tasks[0].declared.model_copy(update={"weight": 3.0})}
    )
    weighted = task_losses((heavy, *small.encoder.tasks[1:]), logits, batch.labels, {})
    assert_close(weighted["late"], 3 * plain["late"])
    assert all(torch.equal(weighted[task], plain[task]) for task in ("band", "minutes", "rare"))


def test_weights_are_whole_or_not_there(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "weights.safetensors"
    save_weights(path, {"x": torch.ones(2)})
    with pytest.raises(AttributeError):
        save_weights(path, {"x": math.nan})  # type: ignore[dict-item]
    assert [p.name for p in tmp_path.iterdir()] == ["weights.safetensors"]
