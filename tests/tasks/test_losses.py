"""Losses, links, distillation and the trivial prediction of each kind of task."""

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


def numbers(loss: str, minimum: float, maximum: float) -> Any:
    """A regression of numbers with mean 100, deviation 10 and that range."""
    declared = task("regression", loss=loss)
    codec = fit_codec(declared, pa.array([90.0, 110.0])).model_copy(update={"minimum": minimum, "maximum": maximum})
    return declared.objective(codec)


TASKS: dict[str, Any] = {
    "binary": fit_objective(task("binary"), pa.array([0, 1])),
    "multiclass": fit_objective(task("multiclass"), pa.array(["a", "b", "c"])),
    "ordinal": fit_objective(task("ordinal", classes=["low", "mid", "high"]), pa.array(["low", "mid"])),
    "quantiles": fit_objective(task("quantiles"), pa.array([90.0, 110.0])),
    **{loss: numbers(loss, 0.0 if loss == "poisson" else -1e38, 1e38) for loss in (*DISTANCES, "poisson")},
}
"""The numbers have mean 100 and deviation 10."""
NAMES = list(TASKS)
NUMBERS = torch.tensor([100.0, 0.0, 145.0, float("nan")])
LABELS = {
    "binary": torch.tensor([0, 1, 1, -1], dtype=torch.int8),
    "multiclass": torch.tensor([0, 2, 1, -1], dtype=torch.int16),
    "ordinal": torch.tensor([0, 2, 1, -1], dtype=torch.int16),
    **dict.fromkeys((*DISTANCES, "quantiles", "poisson"), NUMBERS),
}
"""Four rows each."""
few = settings(patient, max_examples=20)


def logits_for(name: str) -> st.SearchStrategy[Tensor]:
    """(4, outputs) logits; of an ordinal task such as its last layer gives, falling from left to right."""
    width = TASKS[name].outputs
    tenths = st.lists(st.integers(-800, 800), min_size=4 * width, max_size=4 * width)
    rows = tenths.map(lambda row: torch.tensor(row).view(4, width) / 10)
    if name == "ordinal":
        return rows.map(lambda logits: logits.sort(dim=1, descending=True).values - 0.01 * torch.arange(width))
    return rows


def truth(name: str) -> Tensor:
    """(4, outputs) logits that say the labels outright."""
    labels = LABELS[name]
    match name:
        case "binary":
            return (labels.float()[:, None] * 2 - 1) * 40
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
@few
def test_loss_is_one_finite_number_per_row_and_least_at_the_truth(name: str, data: st.DataObject) -> None:
    fitted, labels = TASKS[name], LABELS[name]
    logits = data.draw(logits_for(name)).requires_grad_()
    losses = fitted.loss(logits, labels)
    assert losses.shape == (4,)
    assert losses.isfinite().all(), "on the unlabelled row too"
    known = fitted.codec.labelled(labels)
    assert known.tolist() == [True, True, True, False]
    best = fitted.loss(truth(name), labels)
    assert (losses >= best - 1e-6)[known].all()
    assert best[known].max() < 1e-6
    (gradient,) = torch.autograd.grad(torch.where(known, losses, 0.0).sum(), logits)
    assert gradient.isfinite().all()
    assert not gradient[~known].any(), "a masked row moves nothing"


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@few
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
@few
def test_link_speaks_the_users_units(name: str, data: st.DataObject) -> None:
    logits = data.draw(logits_for(name))
    found = TASKS[name].inverse_link(logits)
    assert found.isfinite().all()
    if name in ("multiclass", "ordinal", "quantiles"):
        assert found.shape == (4, 3)
    else:
        assert found.shape == (4,)
    if name in ("multiclass", "ordinal"):
        torch.testing.assert_close(found.sum(dim=1), torch.ones(4))
    if name in ("binary", "multiclass", "ordinal"):
        assert ((found >= 0) & (found <= 1)).all()
    if name in DISTANCES:
        torch.testing.assert_close(found, 100 + 10 * logits[:, 0])
    if name == "quantiles":
        torch.testing.assert_close(found[:, 0], 100 + 10 * logits[:, 0])
        assert (found.diff(dim=1) >= 0).all()
    if name == "poisson":
        assert (found > 0).all()
        expected = 100 * logits[:, 0].double().exp()
        torch.testing.assert_close(found.double(), expected.clamp(np.exp(-60), np.exp(60)), rtol=1e-4, atol=0)


@pytest.mark.parametrize("loss", [*DISTANCES, "poisson"])
@given(logit=st.floats(-1e6, 1e6, width=32))
@few
def test_predicted_numbers_lie_in_the_range_of_the_training_labels(loss: str, logit: float) -> None:
    found, free = (numbers(loss, *ends).inverse_link(torch.tensor([[logit]])) for ends in ((80.0, 145.0), (0.0, 1e38)))
    torch.testing.assert_close(found, free.clamp(80.0, 145.0))


def moderate(name: str) -> st.SearchStrategy[Tensor]:
    """Logits as a link's inverse gives them, of predictions that float32 tells apart and that nothing clips."""

    def tamed(logits: Tensor) -> Tensor:
        if name == "multiclass":
            return (logits / 20).log_softmax(dim=1)
        if name == "ordinal":
            return logits / 20 - torch.arange(2)
        return logits / 8

    return logits_for(name).map(tamed)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@few
def test_unlink_is_the_inverse_of_link(name: str, data: st.DataObject) -> None:
    fitted, logits = TASKS[name], data.draw(moderate(name))
    predictions = fitted.inverse_link(logits)
    found = fitted.to_logits(predictions.numpy())
    assert (found.shape, found.dtype) == (logits.shape, np.float32)
    exact = logits.double() if name == "quantiles" else logits  # the steps of float32 quantiles are themselves rounded
    np.testing.assert_allclose(fitted.to_logits(fitted.inverse_link(exact).numpy()), logits, rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(fitted.inverse_link(torch.from_numpy(found)), predictions, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_unlink_of_what_is_too_sure_is_finite(name: str) -> None:
    """Probabilities of 0 and 1, quantiles that touch and cross, rates of 0 and below, as other models give them."""
    fitted = TASKS[name]
    sure = {
        "binary": np.array([0.0, 1.0]),
        **dict.fromkeys(("multiclass", "ordinal"), np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])),
        "quantiles": np.array([[100.0, 100.0, 120.0], [120.0, 100.0, 90.0]]),
        "poisson": np.array([0.0, -1.0]),
    }.get(name, np.array([-1e30, 1e30]))
    logits = torch.from_numpy(fitted.to_logits(sure))
    assert logits.isfinite().all()
    found = fitted.inverse_link(logits).numpy()
    if name == "poisson":
        np.testing.assert_allclose(found, 100e-6, rtol=1e-4)
    else:
        expected = np.sort(sure, axis=1) if name == "quantiles" else sure
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-4)


def test_golden_losses() -> None:
    """Computed by hand: log 2, log 3, and distances in deviations."""
    zero = {name: torch.zeros(4, TASKS[name].outputs) for name in NAMES}
    zero["ordinal"] = torch.log(torch.tensor([[2.0, 0.5]] * 4))  # the odds of 2 and 1 in 3
    losses = {name: TASKS[name].loss(zero[name], LABELS[name])[:3].tolist() for name in NAMES}
    assert losses["binary"] == pytest.approx([np.log(2)] * 3)
    assert losses["multiclass"] == pytest.approx([np.log(3)] * 3)
    assert losses["ordinal"] == pytest.approx([np.log(3)] * 3)
    assert losses["squared"] == pytest.approx([0, 100, 20.25])
    assert losses["absolute"] == pytest.approx([0, 10, 4.5])
    assert losses["huber"] == pytest.approx([0, 9.5, 4.0])
    low, high = np.log(2), 2 * np.log(2)  # the upper quantiles, in deviations above the mean; the lowest is there
    by_hand = [
        0.5 * low + 0.1 * high,
        0.9 * 10 + 0.5 * (10 + low) + 0.1 * (10 + high),
        0.1 * 4.5 + 0.5 * (4.5 - low) + 0.9 * (4.5 - high),
    ]
    assert losses["quantiles"] == pytest.approx([loss / 3 for loss in by_hand])
    assert losses["poisson"] == pytest.approx([0, 100, 145 * np.log(1.45) - 45])


@given(labels=st.lists(st.sampled_from([-1, 0, 1]), min_size=1).filter(lambda found: {0, 1} <= {*found}))
@patient
def test_trivial_binary_is_the_best_constant(labels: list[int]) -> None:
    fitted, known = TASKS["binary"], np.array([label for label in labels if label >= 0])
    best = fitted.baseline(np.array(labels, dtype=np.int8))
    assert (best.shape, best.dtype) == ((), np.float32)
    assert_no_constant_is_better(fitted.options.metric_named("log_loss"), known, best, np.linspace(0.01, 0.99, 99))
    assert_no_constant_is_better(fitted.options.metric_named("brier"), known, best, np.linspace(0, 1, 101))


@pytest.mark.parametrize(
    ("name", "metric"), [("multiclass", "log_loss"), ("ordinal", "log_loss"), ("ordinal", "ranked_probability_score")]
)
@given(labels=st.lists(st.sampled_from([-1, 0, 1, 2]), min_size=1))
@patient
def test_trivial_classes_are_the_best_constant_with_one_more_row_of_each_class(
    name: str, metric: str, labels: list[int]
) -> None:
    fitted, known = TASKS[name], np.array([label for label in [*labels, 0, 1, 2] if label >= 0])
    best = fitted.baseline(np.array(labels, dtype=np.int16))
    assert (best.shape, best.dtype) == ((3,), np.float32)
    assert best.sum() == pytest.approx(1)
    assert best.min() > 0
    others = np.random.default_rng(0).dirichlet([1, 1, 1], 100)
    assert_no_constant_is_better(fitted.options.metric_named(metric), known, best, others)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("squared", "rmse"),
        ("absolute", "mae"),
        ("huber", "mae"),
        ("poisson", "rmse"),
        ("poisson", "poisson_deviance"),
    ],
)
@given(labels=st.lists(st.one_of(st.just(float("nan")), st.floats(-100, 100, width=32)), min_size=1))
@patient
def test_trivial_regression_is_the_best_constant(name: str, metric: str, labels: list[float]) -> None:
    column = np.array([*labels, 1.0], dtype=np.float32)
    if name == "poisson":
        column = np.abs(column)
    fitted, known, best = TASKS[name], column[~np.isnan(column)], TASKS[name].baseline(column)
    assert (best.shape, best.dtype) == ((), np.float32)
    others = np.linspace(0.1 if name == "poisson" else -100, 100, 101)
    assert_no_constant_is_better(fitted.options.metric_named(metric), known, best, others)


@given(labels=st.lists(st.one_of(st.just(float("nan")), st.floats(-100, 100, width=32)), min_size=1))
@patient
def test_trivial_quantiles_are_the_best_constants(labels: list[float]) -> None:
    column = np.array([*labels, 0.0], dtype=np.float32)
    fitted, known, best = TASKS["quantiles"], column[~np.isnan(column)], TASKS["quantiles"].baseline(column)
    assert (best.shape, best.dtype) == ((3,), np.float32)
    others = np.sort(np.random.default_rng(0).uniform(-100, 100, (100, 3)), axis=1)
    others = np.concatenate([others, np.sort(np.random.default_rng(0).choice(known, (100, 3)), axis=1)])
    assert_no_constant_is_better(fitted.options.metric_named("pinball"), known, best, others)


def assert_no_constant_is_better(metric: Any, labels: Any, best: Any, others: Any) -> None:
    def score(constant: Any) -> float:
        constant = np.asarray(constant, dtype=np.float32)
        return float(metric.oriented(metric(labels, np.broadcast_to(constant, (len(labels), *constant.shape)))))

    assert score(best) >= max(score(other) for other in others) - 1e-4
