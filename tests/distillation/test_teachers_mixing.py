"""Learning from labels and a teacher at once: one loss, by the teacher's share, row by row."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from mtl_core.config.balancing import Mean
from mtl_core.data.encoded import Batch
from mtl_core.distillation.soft_targets import SoftTargets
from mtl_core.model import Network
from mtl_core.training.losses import task_losses
from tests.distillation.taught_kinds import KINDS, Taught, taught
from tests.small import Small

ROWS = 200


@pytest.fixture(params=KINDS)
def kind(small: Small, request: pytest.FixtureRequest) -> Taught:
    return taught(small, request.param)


def some_logits(kind: Taught, seed: int = 0) -> Tensor:
    """(ROWS, outputs) as its own head makes them: some kinds know more than any numbers."""
    torch.manual_seed(seed)
    layer = kind.task.head_layer(8)
    if isinstance(layer, torch.nn.Linear):
        layer.bias.data.zero_()  # far from 0, near logits are equal to float32
    logits: Tensor = layer(torch.randn(ROWS, 8)).detach()
    return logits


def gradient(kind: Taught, student: Tensor, soft: SoftTargets | None, batch: Batch | None = None) -> Tensor:
    """Gradient of the task's loss with respect to the student's logits; zeros where the task takes no part."""
    student = student.clone().requires_grad_()
    taught_by = {} if soft is None else {"t": soft}
    losses = task_losses((kind.task,), {"t": student}, batch or kind.train.slice(0, ROWS), taught_by)
    if not losses:
        return torch.zeros_like(student)
    losses[0].backward()
    assert student.grad is not None
    return student.grad


def loss(kind: Taught, student: Tensor, soft: SoftTargets | None, batch: Batch | None = None) -> Tensor:
    return task_losses(
        (kind.task,), {"t": student}, batch or kind.train.slice(0, ROWS), {} if soft is None else {"t": soft}
    )[0]


def unlabelled(kind: Taught) -> Batch:
    """Rows of which no label is known."""
    rows = (~kind.task.codec.labelled(kind.train.labels["t"])).nonzero()[:, 0]
    return kind.train.take(rows)


def test_a_student_that_agrees_with_its_teacher_stays(kind: Taught) -> None:
    logits = some_logits(kind)
    found = gradient(kind, logits, SoftTargets(logits=logits.clone()))
    assert_close(found, torch.zeros_like(found), atol=1e-8, rtol=0)


def test_a_step_along_the_gradient_brings_the_predictions_nearer(kind: Taught) -> None:
    student, teacher = some_logits(kind), some_logits(kind, seed=1)
    soft = SoftTargets(logits=teacher, use_unlabelled=True)
    step = gradient(kind, student, soft)
    assert step.ne(0).any(dim=1).all(), "every row has something to learn"
    assert loss(kind, student - 1e-2 * ROWS * step, soft) < loss(kind, student, soft)


def test_the_loss_is_least_where_the_two_agree(kind: Taught) -> None:
    teacher = some_logits(kind, seed=1)
    at_best = kind.task.distillation(teacher, teacher)
    for seed in range(2, 6):
        nearby = teacher + 0.3 * (some_logits(kind, seed) - teacher)
        differs = (nearby - teacher).abs().amax(dim=1) > 1e-3  # nearer, float32 rounds the losses to the same
        assert (kind.task.distillation(nearby, teacher) > at_best)[differs].all()
        assert differs.sum() > 0.9 * ROWS


def test_what_a_teacher_says_of_unlabelled_rows_moves_nothing_unless_asked(kind: Taught) -> None:
    student, teacher = some_logits(kind), some_logits(kind, seed=1)
    masked = ~kind.task.codec.labelled(kind.train.labels["t"][:ROWS])
    assert 0 < masked.sum() < ROWS
    other = torch.where(masked[:, None], some_logits(kind, seed=2), teacher)
    for share in (0.3, 1.0):
        here, there = (gradient(kind, student, SoftTargets(logits=said, weight=share)) for said in (teacher, other))
        assert torch.equal(here, there)
        assert here[masked].eq(0).all()
        assert here[~masked].ne(0).any(dim=1).all()
        everywhere = gradient(kind, student, SoftTargets(logits=teacher, weight=share, use_unlabelled=True))
        assert everywhere[masked].ne(0).any(dim=1).all()


def test_the_share_mixes_labels_and_teacher(kind: Taught) -> None:
    student, teacher = some_logits(kind), some_logits(kind, seed=1)
    for every_row in (False, True):
        hard = loss(kind, student, None)
        soft = loss(kind, student, SoftTargets(logits=teacher, use_unlabelled=every_row))
        mixed = loss(kind, student, SoftTargets(logits=teacher, weight=0.25, use_unlabelled=every_row))
        assert_close(mixed, 0.25 * soft + 0.75 * hard)


def test_the_labels_have_no_say_at_a_share_of_one(kind: Taught) -> None:
    student, soft = some_logits(kind), SoftTargets(logits=some_logits(kind, seed=1))
    batch, known = kind.train.slice(0, ROWS), kind.task.codec.labelled(kind.train.labels["t"][:ROWS])
    labels = batch.labels["t"].clone()
    labels[known] = labels[known].flip(0)
    other = Batch(inputs=batch.inputs, labels={"t": labels}, weights={})
    assert torch.equal(gradient(kind, student, soft), gradient(kind, student, soft, other))
    assert not torch.equal(gradient(kind, student, None), gradient(kind, student, None, other))


def test_a_batch_without_labels_takes_part_only_where_every_row_does(kind: Taught) -> None:
    batch = unlabelled(kind)
    student, teacher = some_logits(kind)[: len(batch.labels["t"])], some_logits(kind, seed=1)[: len(batch.labels["t"])]
    without = SoftTargets(logits=teacher, weight=0.5)
    assert task_losses((kind.task,), {"t": student}, batch, {"t": without}) == {}
    every = SoftTargets(logits=teacher, weight=0.5, use_unlabelled=True)
    assert_close(loss(kind, student, every, batch), 0.5 * kind.task.distillation(student, teacher).mean())


def test_a_task_at_rest_hears_no_teacher(kind: Taught) -> None:
    soft = SoftTargets(logits=some_logits(kind), use_unlabelled=True)
    logits, batch = {"t": some_logits(kind, seed=1)}, kind.train.slice(0, ROWS)
    assert task_losses((kind.task,), logits, batch, {"t": soft}, {"t"}) == {}


def test_rows_count_by_their_weights_for_the_teacher_too(kind: Taught) -> None:
    student, teacher = some_logits(kind), some_logits(kind, seed=1)
    weights = torch.rand(len(kind.train), generator=torch.Generator().manual_seed(0))
    weights[::5] = 0
    batch = kind.with_weights(weights).slice(0, ROWS)
    found = loss(kind, student, SoftTargets(logits=teacher, use_unlabelled=True), batch)
    each = kind.task.distillation(student, teacher)
    assert_close(found, (weights[:ROWS] * each).sum() / weights[:ROWS].sum())
    step = gradient(kind, student, SoftTargets(logits=teacher, weight=0.5, use_unlabelled=True), batch)
    assert step[weights[:ROWS] == 0].eq(0).all()


def test_a_task_without_any_say_moves_no_parameter_of_its_own(small: Small, kind: Taught) -> None:
    """A head learns from a batch without labels where every row does, and has no gradient at all where not."""
    batch = unlabelled(kind)
    for every_row in (False, True):
        network = Network.seeded(kind.problem, kind.encoder, 0)
        logits = network(batch.inputs)
        soft = SoftTargets(logits=torch.zeros_like(logits["t"]), weight=0.5, use_unlabelled=every_row)
        losses = task_losses((kind.task,), logits, batch, {"t": soft})
        if losses:
            Mean().build(network.tasks).backward(losses, network.shared())
        assert all((parameter.grad is not None) == every_row for parameter in network.task_parameters(0))
