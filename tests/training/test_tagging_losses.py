"""Losses of tagging tasks: the sum over the tokens of a text, averaged over texts."""

import math
from typing import Any

import pyarrow as pa
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from mtl_core.data.encoded import Batch
from mtl_core.distillation import SoftTargets
from mtl_core.tasks.tagging import TaggingObjective
from mtl_core.tasks.tagging_codec import END_OF_ROW
from mtl_core.training.losses import task_losses
from tests.tagging import SPANS
from tests.tasks.declared import fit_objective, task

TAGS = 5
U, E = -1, END_OF_ROW
LABELS = torch.tensor(
    [
        [1, 2, 0, E, U],  # padding is unlabelled
        [U, U, E, U, U],
        [3, E, U, U, U],
        [E, U, U, U, U],  # an empty text
        [0, 0, 0, 1, E],
    ],
    dtype=torch.int16,
)
ROWS, LENGTH = LABELS.shape
WEIGHTS = torch.tensor([2.0, 5.0, 0.0, 7.0, 0.5])


@pytest.fixture(scope="module")
def objective() -> TaggingObjective:
    spans = pa.array([[{"start": 0, "end": 1, "label": label} for label in "ab"]], SPANS)
    fitted: TaggingObjective = fit_objective(task("tagging"), spans)
    return fitted


def is_present(labels: Tensor) -> Tensor:
    """(B, L) True for tokens and the end mark."""
    ends = labels.eq(END_OF_ROW).int()
    return ends.flip(1).cumsum(1).flip(1) > 0


def loss(
    objective: TaggingObjective,
    logits: Tensor,
    labels: Tensor = LABELS,
    weights: Tensor | None = None,
    soft: SoftTargets | None = None,
) -> Tensor | None:
    batch = Batch(inputs={}, labels={"t": labels}, weights={} if weights is None else {"t": weights})
    return task_losses((objective,), {"t": logits}, batch, {} if soft is None else {"t": soft}).get(0)


def logits_of(labels: Tensor = LABELS, *members: int) -> Tensor:
    """Random logits with a certain O where there is no token, as a network gives."""
    logits = torch.randn(*labels.shape, *members, TAGS)
    is_token = is_present(labels) & (labels != END_OF_ROW)
    certain = torch.tensor([0.0, *[-1e4] * (TAGS - 1)])
    return logits.where(is_token.reshape(*labels.shape, *[1] * (logits.ndim - 2)), certain)


def soft_targets(logits: Tensor, labels: Tensor = LABELS, **options: Any) -> SoftTargets:
    """The logits of a teacher, NaN behind the end mark."""
    return SoftTargets(logits=logits.where(is_present(labels)[..., None], math.nan), **options)


def by_hand(logits: Tensor, rows: dict[int, float]) -> float:
    """Weighted mean of the rows' sums, from probabilities token by token."""
    total = 0.0
    for row, weight in rows.items():
        for token in range(LENGTH):
            if (label := int(LABELS[row, token])) >= 0:
                total -= weight * math.log(float(logits[row, token].double().softmax(0)[label]))
    return total / sum(rows.values())


def test_the_loss_is_the_mean_over_labelled_texts_of_the_sum_over_their_tokens(objective: TaggingObjective) -> None:
    logits = logits_of()
    assert float(loss(objective, logits)) == pytest.approx(by_hand(logits, {0: 1, 2: 1, 4: 1}))  # type: ignore[arg-type]
    weighted = loss(objective, logits, weights=WEIGHTS)
    assert float(weighted) == pytest.approx(by_hand(logits, {0: 2.0, 4: 0.5}))  # type: ignore[arg-type]


def test_only_tokens_of_labelled_texts_of_positive_weight_have_gradients(objective: TaggingObjective) -> None:
    for weights, trained in ((None, [0, 2, 4]), (WEIGHTS, [0, 4])):
        logits = torch.randn(ROWS, LENGTH, TAGS, requires_grad=True)
        torch.autograd.backward(loss(objective, logits, weights=weights))  # type: ignore[arg-type]
        assert logits.grad is not None
        expected = LABELS.ge(0) & torch.isin(torch.arange(ROWS), torch.tensor(trained))[:, None]
        assert torch.equal(logits.grad.ne(0).any(2), expected)


def test_a_batch_without_a_labelled_token_of_positive_weight_has_no_loss(objective: TaggingObjective) -> None:
    assert loss(objective, logits_of(LABELS[1:2]), LABELS[1:2]) is None
    assert loss(objective, logits_of(LABELS[3:4]), LABELS[3:4]) is None
    assert loss(objective, logits_of(), weights=torch.zeros(ROWS)) is None
    soft = soft_targets(logits_of(LABELS[1:2]), LABELS[1:2])
    assert loss(objective, logits_of(LABELS[1:2]), LABELS[1:2], soft=soft) is None


def test_padding_and_the_other_texts_of_a_batch_do_not_change_a_texts_loss(objective: TaggingObjective) -> None:
    logits = logits_of()
    alone = [loss(objective, logits[[row]], LABELS[[row]]) for row in (0, 2, 4)]
    assert_close(loss(objective, logits), torch.stack(alone).mean())  # type: ignore[arg-type]
    wider, padded = F.pad(logits, (0, 0, 0, 3), value=9.0), F.pad(LABELS, (0, 3), value=-1)
    assert_close(loss(objective, wider, padded), loss(objective, logits))
    cut = slice(0, 4)
    assert_close(loss(objective, logits[[0], cut], LABELS[[0], cut]), alone[0])


def test_the_loss_of_members_is_the_mean_of_their_losses(objective: TaggingObjective) -> None:
    logits = logits_of(LABELS, 3)
    teacher = soft_targets(logits_of(), weight=0.3, use_unlabelled=True)
    for soft in (None, teacher):
        for weights in (None, WEIGHTS):
            single = [loss(objective, logits[:, :, m], weights=weights, soft=soft) for m in range(3)]
            expected = torch.stack(single).mean()  # type: ignore[arg-type]
            assert_close(loss(objective, logits, weights=weights, soft=soft), expected)


def test_soft_targets_that_are_certain_of_the_labels_give_the_loss_of_the_labels(objective: TaggingObjective) -> None:
    certain = 1e4 * F.one_hot(LABELS.clamp(min=0).long(), TAGS).float()
    logits = logits_of()
    for weights in (None, WEIGHTS):
        for share in (0.4, 1.0):
            soft = soft_targets(certain, weight=share)
            assert_close(loss(objective, logits, weights=weights, soft=soft), loss(objective, logits, weights=weights))


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_soft_targets_of_unlabelled_texts_count_only_where_declared(
    objective: TaggingObjective, weights: Tensor | None
) -> None:
    """All texts have soft targets; the empty one has no token, so its sum is 0."""
    logits, teacher = logits_of(), logits_of()
    cross_entropy = -(teacher.softmax(2) * logits.log_softmax(2)).sum(2)  # (B, L)
    sums = cross_entropy.where(is_present(LABELS), 0.0).sum(1)
    of_rows = torch.ones(ROWS) if weights is None else weights
    for use_unlabelled, counted in ((True, range(ROWS)), (False, (0, 2, 4))):
        rows = list(counted)
        expected = (sums * of_rows)[rows].sum() / of_rows[rows].sum()
        soft = soft_targets(teacher, use_unlabelled=use_unlabelled)
        assert_close(loss(objective, logits, weights=weights, soft=soft), expected)


def test_soft_targets_and_labels_are_mixed_by_the_weight(objective: TaggingObjective) -> None:
    logits, teacher = logits_of(), logits_of()
    hard = loss(objective, logits)
    soft = loss(objective, logits, soft=soft_targets(teacher))
    mixed = loss(objective, logits, soft=soft_targets(teacher, weight=0.3))
    assert_close(mixed, 0.3 * soft + 0.7 * hard)  # type: ignore[operator]


def test_a_batch_of_unlabelled_texts_has_only_the_loss_of_soft_targets(objective: TaggingObjective) -> None:
    labels = LABELS[1:2]
    logits, teacher = logits_of(labels), logits_of(labels)
    full = loss(objective, logits, labels, soft=soft_targets(teacher, labels, use_unlabelled=True))
    half = loss(objective, logits, labels, soft=soft_targets(teacher, labels, weight=0.5, use_unlabelled=True))
    assert_close(half, 0.5 * full)  # type: ignore[operator]


def test_a_finite_loss_has_finite_gradients_beside_a_teachers_padding(objective: TaggingObjective) -> None:
    logits = logits_of().requires_grad_()
    torch.autograd.backward(loss(objective, logits, soft=soft_targets(logits_of(), weight=0.5)))  # type: ignore[arg-type]
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
