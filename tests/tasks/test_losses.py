"""Losses, links, distillation and the baseline of each kind of task."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.strategies import patient
from tests.tasks.declared import fit_codec, fit_objective, task

DISTANCES = ("squared", "absolute", "huber")


def regression(loss: str, minimum: float, maximum: float) -> Any:
    """A regression of numbers with mean 100, deviation 10 and that range."""
    declared = task("regression", loss=loss)
    codec = fit_codec(declared, pa.array([90.0, 110.0])).model_copy(update={"minimum": minimum, "maximum": maximum})
    return declared.objective(codec)


TASKS: dict[str, Any] = {
    "binary": fit_objective(task("binary"), pa.array([0, 1])),
    "multiclass": fit_objective(task("multiclass"), pa.array(["a", "b", "c"])),
    "ordinal": fit_objective(task("ordinal", classes=["low", "mid", "high"]), pa.array(["low", "mid"])),
    "multilabel": fit_objective(task("multilabel", min_count=1), pa.array(["a|b|c", "b", "c"])),
    "quantiles": fit_objective(task("quantiles"), pa.array([90.0, 110.0])),
    **{loss: regression(loss, 0.0 if loss == "poisson" else -1e38, 1e38) for loss in (*DISTANCES, "poisson")},
}
"""The numbers have mean 100 and deviation 10."""
NAMES = list(TASKS)
NUMBERS = torch.tensor([100.0, 0.0, 145.0, float("nan")])
LABELS = {
    "binary": torch.tensor([0, 1, 1, -1], dtype=torch.int8),
    "multiclass": torch.tensor([0, 2, 1, -1], dtype=torch.int16),
    "ordinal": torch.tensor([0, 2, 1, -1], dtype=torch.int16),
    "multilabel": torch.tensor([[1, 0, -1], [-1, -1, 1], [0, 0, 0], [-1, -1, -1]], dtype=torch.int8),
    **dict.fromkeys((*DISTANCES, "quantiles", "poisson"), NUMBERS),
}
"""Four rows each."""
few_examples = settings(patient, max_examples=20)


def logits_for(name: str) -> st.SearchStrategy[Tensor]:
    """(4, outputs) logits; those of an ordinal task fall from left to right, as from its last layer."""
    width = TASKS[name].outputs
    tenths = st.lists(st.integers(-800, 800), min_size=4 * width, max_size=4 * width)
    rows = tenths.map(lambda row: torch.tensor(row).view(4, width) / 10)
    if name == "ordinal":
        return rows.map(lambda logits: logits.sort(dim=1, descending=True).values - 0.01 * torch.arange(width))
    return rows


def perfect_logits(name: str) -> Tensor:
    """(4, outputs) logits that predict the labels."""
    labels = LABELS[name]
    match name:
        case "binary":
            return (labels.float()[:, None] * 2 - 1) * 40
        case "multilabel":
            return (labels.float() * 2 - 1) * 40
        case "multiclass":
            return torch.nn.functional.one_hot(labels.clamp(min=0).long(), 3).float() * 80
        case "ordinal":
            return torch.where(labels[:, None] > torch.arange(2), 40.0, -40.0) - torch.arange(2)
        case "quantiles":
            lowest = (labels.nan_to_num(100) - 100) / 10
            return torch.stack([lowest, *[torch.full((4,), -40.0)] * 2], dim=1)
        case "poisson":
            return (labels.nan_to_num(100) / 100).log().clamp(min=-40)[:, None]
    return ((labels.nan_to_num(100) - 100) / 10)[:, None]


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@few_examples
def test_a_loss_is_finite_per_row_and_minimal_for_the_labels(name: str, data: st.DataObject) -> None:
    objective, labels = TASKS[name], LABELS[name]
    logits = data.draw(logits_for(name)).requires_grad_()
    losses = objective.loss(logits, labels)
    assert losses.shape == (4,)
    assert losses.isfinite().all(), "on the unlabelled row too"
    known = objective.codec.labelled(labels)
    assert known.tolist() == [True, True, True, False]
    minimum = objective.loss(perfect_logits(name), labels)
    assert (losses >= minimum - 1e-6)[known].all()
    assert minimum[known].max() < 1e-6
    (gradient,) = torch.autograd.grad(torch.where(known, losses, 0.0).sum(), logits)
    assert gradient.isfinite().all()
    assert not gradient[~known].any(), "unlabelled rows have no gradient"


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@few_examples
def test_distillation_is_minimal_where_student_and_teacher_agree(name: str, data: st.DataObject) -> None:
    objective = TASKS[name]
    teacher, student = data.draw(logits_for(name)), data.draw(logits_for(name))
    minimum, losses = objective.distillation(teacher, teacher), objective.distillation(student, teacher)
    assert minimum.shape == (4,)
    assert (minimum <= losses + 1e-4).all()
    equal = teacher.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(objective.distillation(equal, teacher).sum(), equal)
    assert gradient.abs().max() < 1e-5


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@few_examples
def test_predictions_are_in_the_users_units(name: str, data: st.DataObject) -> None:
    logits = data.draw(logits_for(name))
    predictions = TASKS[name].inverse_link(logits)
    assert predictions.isfinite().all()
    has_columns = name in ("multiclass", "ordinal", "multilabel", "quantiles")
    assert predictions.shape == ((4, 3) if has_columns else (4,))
    if name in ("multiclass", "ordinal"):
        torch.testing.assert_close(predictions.sum(dim=1), torch.ones(4))
    if name in ("binary", "multiclass", "ordinal"):
        assert ((predictions >= 0) & (predictions <= 1)).all()
    if name == "multilabel":
        torch.testing.assert_close(predictions, 1 / (1 + (-logits).exp()))
    if name in DISTANCES:
        torch.testing.assert_close(predictions, 100 + 10 * logits[:, 0])
    if name == "quantiles":
        torch.testing.assert_close(predictions[:, 0], 100 + 10 * logits[:, 0])
        assert (predictions.diff(dim=1) >= 0).all()
    if name == "poisson":
        assert (predictions > 0).all()
        expected = 100 * logits[:, 0].double().exp()
        torch.testing.assert_close(predictions.double(), expected.clamp(np.exp(-60), np.exp(60)), rtol=1e-4, atol=0)


@pytest.mark.parametrize("loss", [*DISTANCES, "poisson"])
@given(logit=st.floats(-1e6, 1e6, width=32))
@few_examples
def test_predicted_numbers_lie_in_the_range_of_the_training_labels(loss: str, logit: float) -> None:
    logits = torch.tensor([[logit]])
    limited, unlimited = (regression(loss, *ends).inverse_link(logits) for ends in ((80.0, 145.0), (0.0, 1e38)))
    torch.testing.assert_close(limited, unlimited.clamp(80.0, 145.0))


def moderate_logits_for(name: str) -> st.SearchStrategy[Tensor]:
    """Logits of predictions that differ in float32 and are not clipped, in the normalised form of `to_logits`."""

    def scaled(logits: Tensor) -> Tensor:
        if name == "multiclass":
            return (logits / 20).log_softmax(dim=1)
        if name == "ordinal":
            return logits / 20 - torch.arange(2)
        return logits / 8

    return logits_for(name).map(scaled)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@few_examples
def test_to_logits_inverts_the_inverse_link(name: str, data: st.DataObject) -> None:
    objective, logits = TASKS[name], data.draw(moderate_logits_for(name))
    predictions = objective.inverse_link(logits)
    restored = objective.to_logits(predictions.numpy())
    assert (restored.shape, restored.dtype) == (logits.shape, np.float32)
    exact = logits.double() if name == "quantiles" else logits  # differences of float32 quantiles are rounded
    np.testing.assert_allclose(objective.to_logits(objective.inverse_link(exact).numpy()), logits, rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(objective.inverse_link(torch.from_numpy(restored)), predictions, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_logits_of_extreme_predictions_are_finite(name: str) -> None:
    """Probabilities of 0 and 1, quantiles that touch and cross, rates of 0 and below, as other models predict them."""
    objective = TASKS[name]
    extreme = {
        "binary": np.array([0.0, 1.0]),
        **dict.fromkeys(("multiclass", "ordinal", "multilabel"), np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])),
        "quantiles": np.array([[100.0, 100.0, 120.0], [120.0, 100.0, 90.0]]),
        "poisson": np.array([0.0, -1.0]),
    }.get(name, np.array([-1e30, 1e30]))
    logits = torch.from_numpy(objective.to_logits(extreme))
    assert logits.isfinite().all()
    predictions = objective.inverse_link(logits).numpy()
    if name == "poisson":
        np.testing.assert_allclose(predictions, 100e-6, rtol=1e-4)
    else:
        expected = np.sort(extreme, axis=1) if name == "quantiles" else extreme
        np.testing.assert_allclose(predictions, expected, rtol=1e-6, atol=1e-4)


def test_golden_losses() -> None:
    """Computed by hand: log 2, log 3, and distances in deviations."""
    zero = {name: torch.zeros(4, TASKS[name].outputs) for name in NAMES}
    zero["ordinal"] = torch.log(torch.tensor([[2.0, 0.5]] * 4))  # the odds of 2/3 and 1/3
    losses = {name: TASKS[name].loss(zero[name], LABELS[name])[:3].tolist() for name in NAMES}
    assert losses["binary"] == losses["multilabel"] == pytest.approx([np.log(2)] * 3)
    assert losses["multiclass"] == losses["ordinal"] == pytest.approx([np.log(3)] * 3)
    assert losses["squared"] == pytest.approx([0, 100, 20.25])
    assert losses["absolute"] == pytest.approx([0, 10, 4.5])
    assert losses["huber"] == pytest.approx([0, 9.5, 4.0])
    low, high = np.log(2), 2 * np.log(2)  # the upper quantiles, in deviations from the mean, which is the lowest
    by_hand = [
        0.5 * low + 0.1 * high,
        0.9 * 10 + 0.5 * (10 + low) + 0.1 * (10 + high),
        0.1 * 4.5 + 0.5 * (4.5 - low) + 0.9 * (4.5 - high),
    ]
    assert losses["quantiles"] == pytest.approx([loss / 3 for loss in by_hand])
    assert losses["poisson"] == pytest.approx([0, 100, 145 * np.log(1.45) - 45])


def assert_no_constant_is_better(metric: Any, labels: Any, baseline: Any, others: Any) -> None:
    def score(constant: Any) -> float:
        constant = np.asarray(constant, dtype=np.float32)
        return float(metric.oriented(metric(labels, np.broadcast_to(constant, (len(labels), *constant.shape)))))

    assert score(baseline) >= max(score(other) for other in others) - 1e-4


@given(labels=st.lists(st.sampled_from([-1, 0, 1]), min_size=1).filter(lambda labels: {0, 1} <= {*labels}))
@patient
def test_the_baseline_of_binary_tasks_is_the_best_constant(labels: list[int]) -> None:
    objective, known = TASKS["binary"], np.array([label for label in labels if label >= 0])
    baseline = objective.baseline(np.array(labels, dtype=np.int8))
    assert (baseline.shape, baseline.dtype) == ((), np.float32)
    for metric in map(objective.options.metric_named, ("log_loss", "brier")):
        assert_no_constant_is_better(metric, known, baseline, np.linspace(0.01, 0.99, 99))


@pytest.mark.parametrize(
    ("name", "metric"), [("multiclass", "log_loss"), ("ordinal", "log_loss"), ("ordinal", "ranked_probability_score")]
)
@given(labels=st.lists(st.sampled_from([-1, 0, 1, 2]), min_size=1))
@patient
def test_the_baseline_of_classes_is_the_best_constant_for_an_additional_row_per_class(
    name: str, metric: str, labels: list[int]
) -> None:
    objective, known = TASKS[name], np.array([label for label in [*labels, 0, 1, 2] if label >= 0])
    baseline = objective.baseline(np.array(labels, dtype=np.int16))
    assert (baseline.shape, baseline.dtype) == ((3,), np.float32)
    assert baseline.sum() == pytest.approx(1)
    assert baseline.min() > 0
    others = np.random.default_rng(0).dirichlet([1, 1, 1], 100)
    assert_no_constant_is_better(objective.options.metric_named(metric), known, baseline, others)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("squared", "rmse"),
        ("absolute", "mae"),
        ("huber", "mae"),
        ("poisson", "rmse"),
        ("poisson", "poisson_deviance"),
        ("quantiles", "pinball"),
    ],
)
@given(labels=st.lists(st.one_of(st.just(float("nan")), st.floats(-100, 100, width=32)), min_size=1))
@patient
def test_the_baseline_of_numbers_is_the_best_constant(name: str, metric: str, labels: list[float]) -> None:
    column = np.array([*labels, 1.0], dtype=np.float32)
    others: Any = np.linspace(0.1 if name == "poisson" else -100, 100, 101)
    if name == "poisson":
        column = np.abs(column)
    objective, known, baseline = TASKS[name], column[~np.isnan(column)], TASKS[name].baseline(column)
    if name == "quantiles":
        random = np.random.default_rng(0)
        others = np.sort(np.concatenate([random.uniform(-100, 100, (100, 3)), random.choice(known, (100, 3))]), axis=1)
    assert (baseline.shape, baseline.dtype) == ((3,) if name == "quantiles" else (), np.float32)
    assert_no_constant_is_better(objective.options.metric_named(metric), known, baseline, others)
