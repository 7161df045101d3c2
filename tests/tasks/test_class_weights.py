"""Class weights and label smoothing: their effect on the loss, and on nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.strategies import patient
from tests.tasks.declared import fit_codec, fit_objective, task

CLASSES = ["low", "mid", "high"]
COLUMN = pa.array(["low"] * 6 + ["mid"] * 3 + ["high", None, ""])
YES = pa.array([0] * 6 + [1] * 2 + [None])


def binary(**options: Any) -> Any:
    return fit_objective(task("binary", **options), YES)


def multiclass(**options: Any) -> Any:
    return fit_objective(task("multiclass", classes=CLASSES, **options), COLUMN)


def ordinal(**options: Any) -> Any:
    return fit_objective(task("ordinal", classes=CLASSES, **options), COLUMN)


PLAIN: dict[str, Any] = {"binary": binary(), "multiclass": multiclass(), "ordinal": ordinal()}
DOUBLED: dict[str, Any] = {
    "binary": (binary(positive_weight=2), 1),
    "binary, smoothed": (binary(positive_weight=2, label_smoothing=0.2), 1),
    "multiclass": (multiclass(class_weights={"mid": 2}), 1),
    "multiclass, smoothed": (multiclass(class_weights={"high": 2}, label_smoothing=0.2), 2),
    "ordinal": (ordinal(class_weights={"low": 2.0}), 0),
}


def sample(objective: Any, seed: int, rows: int = 12) -> tuple[Tensor, Tensor]:
    """(rows, outputs) logits, (rows,) labels, some unlabelled; every class occurs."""
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, objective.outputs, generator=random).sort(dim=1, descending=True).values
    classes = 2 if objective.codec.kind == "binary" else 3
    labels = torch.cat([torch.arange(-1, classes), torch.randint(-1, classes, (rows - classes - 1,), generator=random)])
    return logits, labels.to(torch.int16)


def without_weights(objective: Any) -> Any:
    option = "positive_weight" if objective.codec.kind == "binary" else "class_weights"
    return objective.options.model_copy(update={option: None}).objective(objective.codec)


@pytest.mark.parametrize("name", DOUBLED)
@given(seed=st.integers(0, 1_000))
@patient
def test_twice_the_weight_equals_twice_the_rows(name: str, seed: int) -> None:
    """Weights change the sum of losses only: a mean divides by the number of rows, whatever their weights."""
    objective, weighted_class = DOUBLED[name]
    logits, labels = sample(objective, seed)
    repeated = torch.cat([torch.arange(len(labels)), torch.nonzero(labels == weighted_class)[:, 0]])
    losses = objective.loss(logits, labels)
    assert losses.isfinite().all()
    expected = without_weights(objective).loss(logits[repeated], labels[repeated])[labels[repeated] >= 0].sum()
    torch.testing.assert_close(losses[labels >= 0].sum(), expected)


@given(seed=st.integers(0, 1_000))
@patient
def test_without_smoothing_losses_equal_pytorchs(seed: int) -> None:
    objective = binary(positive_weight=3.5)
    logits, labels = sample(objective, seed)
    known = labels >= 0
    yes, weight = labels[known].float(), torch.tensor(3.5)
    expected = F.binary_cross_entropy_with_logits(logits[known, 0], yes, pos_weight=weight, reduction="none")
    torch.testing.assert_close(objective.loss(logits, labels)[known], expected)

    objective = multiclass(class_weights={"low": 0.5, "high": 4})
    logits, labels = sample(objective, seed)
    known = labels >= 0
    weights = torch.tensor([0.5, 1.0, 4.0])
    expected = F.cross_entropy(logits[known], labels[known].long(), weights, reduction="none")
    torch.testing.assert_close(objective.loss(logits, labels)[known], expected)


BALANCED: dict[str, tuple[Callable[..., Any], str, tuple[float, ...]]] = {
    "binary": (binary, "positive_weight", (8 / 12, 8 / 4)),
    "multiclass": (multiclass, "class_weights", (10 / 18, 10 / 9, 10 / 3)),
    "ordinal": (ordinal, "class_weights", (10 / 18, 10 / 9, 10 / 3)),
}


@pytest.mark.parametrize("name", BALANCED)
def test_balanced_gives_all_classes_the_same_total_weight_and_rows_1_on_average(name: str) -> None:
    make_objective, option, factors = BALANCED[name]
    objective = make_objective(**{option: "balanced"})
    assert objective.class_factors == pytest.approx(factors)
    labels = objective.codec.encode(YES if name == "binary" else COLUMN)
    per_class = np.bincount(labels[labels >= 0]) * np.asarray(objective.class_factors)
    np.testing.assert_allclose(per_class, per_class.sum() / len(per_class))
    assert per_class.sum() == pytest.approx((labels >= 0).sum())


def test_balanced_factors_do_not_depend_on_parts_and_follow_the_order_of_the_classes() -> None:
    learned = task("multiclass", class_weights="balanced")
    assert fit_codec(learned, COLUMN) == fit_codec(learned, COLUMN[:4], COLUMN[4:])
    assert fit_codec(learned, COLUMN).classes == ("high", "low", "mid")
    assert fit_objective(learned, COLUMN).class_factors == pytest.approx((10 / 3, 10 / 18, 10 / 9))
    parts = fit_objective(task("binary", positive_weight="balanced"), YES[:7], YES[7:])
    assert parts.class_factors == binary(positive_weight="balanced").class_factors


def test_a_declared_class_without_rows_has_factor_1() -> None:
    declared = task("ordinal", classes=["none", *CLASSES], class_weights="balanced")
    assert fit_objective(declared, COLUMN).class_factors == pytest.approx((1, 10 / 18, 10 / 9, 10 / 3))


def test_bands_are_weighted_by_name() -> None:
    bands = task("ordinal", classes=["early", "late"], edges=[0], class_weights={"late": 3})
    assert fit_objective(bands, pa.array([-1.0, 2.0, None])).class_factors == (1, 3)


@given(seed=st.integers(0, 1_000), smoothing=st.sampled_from([0.1, 0.5, 0.9]))
@patient
def test_smoothing_spreads_its_share_evenly_over_all_classes(seed: int, smoothing: float) -> None:
    objective = multiclass(label_smoothing=smoothing)
    logits, labels = sample(objective, seed)
    known = labels >= 0
    spread = (1 - smoothing) * F.one_hot(labels[known].long(), 3) + smoothing / 3
    expected = -(spread * logits[known].log_softmax(dim=1)).sum(dim=1)
    torch.testing.assert_close(objective.loss(logits, labels)[known], expected)

    objective = binary(label_smoothing=smoothing)
    logits, labels = sample(objective, seed)
    known = labels >= 0
    yes = (1 - smoothing) * labels[known].float() + smoothing / 2
    probability = logits[known, 0].sigmoid()
    expected = -(yes * probability.log() + (1 - yes) * (1 - probability).log())
    torch.testing.assert_close(objective.loss(logits, labels)[known], expected, rtol=1e-4, atol=1e-5)


def test_a_smoothed_loss_is_minimal_at_its_share_and_finite() -> None:
    objective = binary(label_smoothing=0.2)
    logits = torch.tensor([[np.log(9.0)], [80.0], [-80.0]], dtype=torch.float32, requires_grad=True)
    losses = objective.loss(logits, torch.ones(3, dtype=torch.int8))
    (gradients,) = torch.autograd.grad(losses.sum(), logits)
    assert losses.isfinite().all()
    assert gradients[0].item() == pytest.approx(0, abs=1e-6)
    assert losses[0] < losses[1:].min()


@pytest.mark.parametrize("name", PLAIN)
def test_the_default_loss_has_no_factors(name: str) -> None:
    objective = PLAIN[name]
    assert objective.class_factors == ()
    logits, labels = sample(objective, 0, rows=50)
    classes = labels.clamp(min=0).long()
    expected = {
        "binary": lambda: F.binary_cross_entropy_with_logits(logits[:, 0], classes.float(), reduction="none"),
        "multiclass": lambda: F.cross_entropy(logits, classes, reduction="none"),
        "ordinal": lambda: -objective.inverse_link(logits).log().gather(1, classes[:, None])[:, 0],
    }[name]()
    exact = {} if name == "ordinal" else {"rtol": 0, "atol": 0}
    torch.testing.assert_close(objective.loss(logits, labels), expected, **exact)


@pytest.mark.parametrize("name", DOUBLED)
def test_metrics_distillation_and_the_baseline_are_not_weighted(name: str) -> None:
    objective, _ = DOUBLED[name]
    plain = PLAIN[objective.codec.kind]
    logits, labels = sample(objective, 0)
    assert torch.equal(objective.distillation(logits, logits.flip(0)), plain.distillation(logits, logits.flip(0)))
    assert torch.equal(objective.inverse_link(logits), plain.inverse_link(logits))
    np.testing.assert_array_equal(objective.baseline(labels.numpy()), plain.baseline(labels.numpy()))
    known = labels >= 0
    predictions = plain.inverse_link(logits)[known].numpy()
    for metric, expected in zip(objective.metrics, plain.metrics, strict=True):
        assert metric(labels[known].numpy(), predictions) == expected(labels[known].numpy(), predictions)
