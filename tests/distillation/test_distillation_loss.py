"""Loss of labels and soft targets: weights, masks and gradients, for every kind of task."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from mtl_core.config.balancing import Mean
from mtl_core.data.encoded import Batch
from mtl_core.distillation.soft_targets import SoftTargets
from mtl_core.model import Network
from mtl_core.training.losses import task_losses
from tests.distillation.teacher_cases import KINDS, TeacherCase, teacher_case
from tests.small import Small

ROWS = 200


@pytest.fixture(params=KINDS)
def case(small: Small, request: pytest.FixtureRequest) -> TeacherCase:
    return teacher_case(small, request.param)


def random_logits(case: TeacherCase, seed: int = 0) -> Tensor:
    """(ROWS, outputs) by a head of the task, since some kinds constrain their logits."""
    torch.manual_seed(seed)
    layer = case.task.head_layer(8)
    if isinstance(layer, torch.nn.Linear):
        layer.bias.data.zero_()  # for the precision of float32
    logits: Tensor = layer(torch.randn(ROWS, 8)).detach()
    return logits


def loss(case: TeacherCase, student: Tensor, soft: SoftTargets | None, batch: Batch | None = None) -> Tensor:
    soft_targets = {} if soft is None else {"t": soft}
    return task_losses((case.task,), {"t": student}, batch or case.train.slice(0, ROWS), soft_targets)[0]


def gradient(case: TeacherCase, student: Tensor, soft: SoftTargets | None, batch: Batch | None = None) -> Tensor:
    """Gradient of the task's loss with respect to the student's logits."""
    student = student.clone().requires_grad_()
    loss(case, student, soft, batch).backward()
    assert student.grad is not None
    return student.grad


def unlabelled(case: TeacherCase) -> Batch:
    """The rows without a label."""
    rows = (~case.task.codec.labelled(case.train.labels["t"])).nonzero()[:, 0]
    return case.train.take(rows)


def test_the_gradient_is_0_where_student_and_teacher_agree(case: TeacherCase) -> None:
    logits = random_logits(case)
    at_teacher = gradient(case, logits, SoftTargets(logits=logits.clone()))
    assert_close(at_teacher, torch.zeros_like(at_teacher), atol=1e-8, rtol=0)


def test_the_loss_is_minimal_where_student_and_teacher_agree(case: TeacherCase) -> None:
    teacher = random_logits(case, seed=1)
    minimum = case.task.distillation(teacher, teacher)
    for seed in range(2, 6):
        nearby = teacher + 0.3 * (random_logits(case, seed) - teacher)
        differs = (nearby - teacher).abs().amax(dim=1) > 1e-3  # for the precision of float32
        assert (case.task.distillation(nearby, teacher) > minimum)[differs].all()
        assert differs.sum() > 0.9 * ROWS


def test_soft_targets_of_unlabelled_rows_count_only_with_use_unlabelled(case: TeacherCase) -> None:
    student, teacher = random_logits(case), random_logits(case, seed=1)
    unlabelled = ~case.task.codec.labelled(case.train.labels["t"][:ROWS])
    assert 0 < unlabelled.sum() < ROWS
    changed = torch.where(unlabelled[:, None], random_logits(case, seed=2), teacher)
    for weight in (0.3, 1.0):
        by_teacher, by_changed = (
            gradient(case, student, SoftTargets(logits=logits, weight=weight)) for logits in (teacher, changed)
        )
        assert torch.equal(by_teacher, by_changed)
        assert by_teacher[unlabelled].eq(0).all()
        assert by_teacher[~unlabelled].ne(0).any(dim=1).all()
        with_unlabelled = gradient(case, student, SoftTargets(logits=teacher, weight=weight, use_unlabelled=True))
        assert with_unlabelled[unlabelled].ne(0).any(dim=1).all()


def test_the_loss_is_the_weighted_sum_of_hard_and_soft_losses(case: TeacherCase) -> None:
    student, teacher = random_logits(case), random_logits(case, seed=1)
    for use_unlabelled in (False, True):
        hard = loss(case, student, None)
        soft = loss(case, student, SoftTargets(logits=teacher, use_unlabelled=use_unlabelled))
        weighted = loss(case, student, SoftTargets(logits=teacher, weight=0.25, use_unlabelled=use_unlabelled))
        assert_close(weighted, 0.25 * soft + 0.75 * hard)


def test_labels_have_no_effect_at_a_weight_of_1(case: TeacherCase) -> None:
    student, soft = random_logits(case), SoftTargets(logits=random_logits(case, seed=1))
    batch, mask = case.train.slice(0, ROWS), case.task.codec.labelled(case.train.labels["t"][:ROWS])
    labels = batch.labels["t"].clone()
    labels[mask] = labels[mask].flip(0)
    changed = Batch(inputs=batch.inputs, labels={"t": labels}, weights={})
    assert torch.equal(gradient(case, student, soft), gradient(case, student, soft, changed))
    assert not torch.equal(gradient(case, student, None), gradient(case, student, None, changed))


def test_a_batch_without_labels_has_a_loss_only_with_use_unlabelled(case: TeacherCase) -> None:
    batch = unlabelled(case)
    rows = len(batch.labels["t"])
    student, teacher = random_logits(case)[:rows], random_logits(case, seed=1)[:rows]
    soft = SoftTargets(logits=teacher, weight=0.5)
    assert task_losses((case.task,), {"t": student}, batch, {"t": soft}) == {}
    expected = 0.5 * case.task.distillation(student, teacher).mean()
    assert_close(loss(case, student, replace(soft, use_unlabelled=True), batch), expected)


def test_a_paused_task_has_no_distillation_loss(case: TeacherCase) -> None:
    soft = SoftTargets(logits=random_logits(case), use_unlabelled=True)
    logits, batch = {"t": random_logits(case, seed=1)}, case.train.slice(0, ROWS)
    assert task_losses((case.task,), logits, batch, {"t": soft}, {"t"}) == {}


def test_soft_targets_are_weighted_like_labels(case: TeacherCase) -> None:
    student, teacher = random_logits(case), random_logits(case, seed=1)
    weights = torch.rand(len(case.train), generator=torch.Generator().manual_seed(0))
    weights[::5] = 0
    batch = case.with_weights(weights).slice(0, ROWS)
    weighted = loss(case, student, SoftTargets(logits=teacher, use_unlabelled=True), batch)
    per_row = case.task.distillation(student, teacher)
    assert_close(weighted, (weights[:ROWS] * per_row).sum() / weights[:ROWS].sum())
    row_gradients = gradient(case, student, SoftTargets(logits=teacher, weight=0.5, use_unlabelled=True), batch)
    assert row_gradients[weights[:ROWS] == 0].eq(0).all()


def test_task_parameters_have_a_gradient_from_unlabelled_rows_only_with_use_unlabelled(
    small: Small, case: TeacherCase
) -> None:
    batch = unlabelled(case)
    for use_unlabelled in (False, True):
        network = Network.seeded(case.problem, case.encoder, 0)
        logits = network(batch.inputs)
        soft = SoftTargets(logits=torch.zeros_like(logits["t"]), weight=0.5, use_unlabelled=use_unlabelled)
        losses = task_losses((case.task,), logits, batch, {"t": soft})
        if losses:
            Mean().build(network.tasks).backward(losses, network.shared())
        assert all((parameter.grad is not None) == use_unlabelled for parameter in network.task_parameters(0))
