"""Losses, links, distillation and the trivial prediction of each kind of task."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.strategies import patient
from tests.tasks.declared import fit, task

NAMES = ["binary", "multiclass", "squared", "absolute", "huber"]
TASKS: dict[str, Any] = {
    "binary": fit(task("binary"), pa.array([0, 1])),
    "multiclass": fit(task("multiclass"), pa.array(["a", "b", "c"])),
    **{loss: fit(task("regression", loss=loss), pa.array([90.0, 110.0])) for loss in ("squared", "absolute", "huber")},
}
"""The regressions have mean 100 and deviation 10."""
LABELS = {
    "binary": torch.tensor([0, 1, 1, -1], dtype=torch.int8),
    "multiclass": torch.tensor([0, 2, 1, -1], dtype=torch.int16),
    **dict.fromkeys(("squared", "absolute", "huber"), torch.tensor([100.0, 80.0, 145.0, float("nan")])),
}
values = st.integers(-300, 300).map(lambda tenths: tenths / 10)


def logits_for(name: str) -> st.SearchStrategy[Tensor]:
    """(4, outputs) logits."""
    width = TASKS[name].outputs
    return st.lists(values, min_size=4 * width, max_size=4 * width).map(lambda row: torch.tensor(row).view(4, width))


def truth(name: str) -> Tensor:
    """(4, outputs) logits that say the labels outright."""
    labels = LABELS[name]
    if name == "binary":
        return (labels.float()[:, None] * 2 - 1) * 40
    if name == "multiclass":
        return torch.nn.functional.one_hot(labels.clamp(min=0).long(), 3).float() * 80
    return ((labels.nan_to_num(100) - 100) / 10)[:, None]


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@patient
def test_loss_is_one_finite_number_per_row_and_least_at_the_truth(name: str, data: st.DataObject) -> None:
    fitted, labels = TASKS[name], LABELS[name]
    logits = data.draw(logits_for(name)).requires_grad_()
    losses = fitted.loss(logits, labels)
    assert losses.shape == (4,)
    assert losses.isfinite().all(), "on the unlabelled row too"
    known = fitted.labelled(labels)
    assert known.tolist() == [True, True, True, False]
    best = fitted.loss(truth(name), labels)
    assert (losses >= best - 1e-6)[known].all()
    assert best[known].max() < 1e-6
    (gradient,) = torch.autograd.grad(torch.where(known, losses, 0.0).sum(), logits)
    assert gradient.isfinite().all()
    assert not gradient[~known].any(), "a masked row moves nothing"


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@patient
def test_distillation_is_least_where_student_and_teacher_agree(name: str, data: st.DataObject) -> None:
    fitted = TASKS[name]
    teacher, student = data.draw(logits_for(name)), data.draw(logits_for(name))
    agreed, apart = fitted.distillation(teacher, teacher), fitted.distillation(student, teacher)
    assert agreed.shape == (4,)
    assert (agreed <= apart + 1e-4).all()
    at = teacher.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(fitted.distillation(at, teacher).sum(), at)
    assert gradient.abs().max() < 1e-5


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@patient
def test_link_speaks_the_users_units(name: str, data: st.DataObject) -> None:
    logits = data.draw(logits_for(name))
    found = TASKS[name].link(logits)
    if name == "multiclass":
        assert found.shape == (4, 3)
        torch.testing.assert_close(found.sum(dim=1), torch.ones(4))
    else:
        assert found.shape == (4,)
    if name in ("binary", "multiclass"):
        assert ((found >= 0) & (found <= 1)).all()
    else:
        torch.testing.assert_close(found, 100 + 10 * logits[:, 0])


def test_golden_losses() -> None:
    """By hand: log 2, log 3, and distances in deviations."""
    zero = {name: torch.zeros(4, TASKS[name].outputs) for name in NAMES}
    losses = {name: TASKS[name].loss(zero[name], LABELS[name])[:3].tolist() for name in NAMES}
    assert losses["binary"] == pytest.approx([np.log(2)] * 3)
    assert losses["multiclass"] == pytest.approx([np.log(3)] * 3)
    assert losses["squared"] == pytest.approx([0, 4, 20.25])
    assert losses["absolute"] == pytest.approx([0, 2, 4.5])
    assert losses["huber"] == pytest.approx([0, 1.5, 4.0])


@given(labels=st.lists(st.sampled_from([-1, 0, 1]), min_size=1).filter(lambda found: {0, 1} <= {*found}))
@patient
def test_trivial_binary_is_the_best_constant(labels: list[int]) -> None:
    fitted, known = TASKS["binary"], np.array([label for label in labels if label >= 0])
    best = fitted.trivial(np.array(labels, dtype=np.int8))
    assert (best.shape, best.dtype) == ((), np.float32)
    assert_no_constant_is_better(fitted.declared.metric_named("log_loss"), known, best, np.linspace(0.01, 0.99, 99))
    assert_no_constant_is_better(fitted.declared.metric_named("brier"), known, best, np.linspace(0, 1, 101))


@given(labels=st.lists(st.sampled_from([-1, 0, 1, 2]), min_size=1))
@patient
def test_trivial_multiclass_is_the_best_constant_with_one_more_row_of_each_class(labels: list[int]) -> None:
    fitted, known = TASKS["multiclass"], np.array([label for label in [*labels, 0, 1, 2] if label >= 0])
    best = fitted.trivial(np.array(labels, dtype=np.int16))
    assert (best.shape, best.dtype) == ((3,), np.float32)
    assert best.sum() == pytest.approx(1)
    assert best.min() > 0
    others = np.random.default_rng(0).dirichlet([1, 1, 1], 100)
    assert_no_constant_is_better(fitted.declared.metric_named("log_loss"), known, best, others)


@pytest.mark.parametrize(("name", "metric"), [("squared", "rmse"), ("absolute", "mae"), ("huber", "mae")])
@given(labels=st.lists(st.one_of(st.just(float("nan")), st.floats(-100, 100, width=32)), min_size=1))
@patient
def test_trivial_regression_is_the_best_constant(name: str, metric: str, labels: list[float]) -> None:
    fitted, known = TASKS[name], np.array([label for label in [*labels, 0.0] if label == label], dtype=np.float32)
    best = fitted.trivial(np.array([*labels, 0.0], dtype=np.float32))
    assert (best.shape, best.dtype) == ((), np.float32)
    assert_no_constant_is_better(fitted.declared.metric_named(metric), known, best, np.linspace(-100, 100, 101))


def assert_no_constant_is_better(metric: Any, labels: Any, best: Any, others: Any) -> None:
    def score(constant: Any) -> float:
        constant = np.asarray(constant, dtype=np.float32)
        return float(metric.oriented(metric(labels, np.broadcast_to(constant, (len(labels), *constant.shape)))))

    assert score(best) >= max(score(other) for other in others) - 1e-4
