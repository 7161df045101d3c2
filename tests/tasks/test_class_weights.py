"""Class weights and label smoothing: what a class counts in the loss, and what they leave alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from tests.strategies import patient
from tests.tasks.declared import fit, objective, task

CLASSES = ["low", "mid", "high"]
COLUMN = pa.array(["low"] * 6 + ["mid"] * 3 + ["high", None, ""])
YES = pa.array([0] * 6 + [1] * 2 + [None])


def binary(**options: Any) -> Any:
    return objective(task("binary", **options), YES)


def multiclass(**options: Any) -> Any:
    return objective(task("multiclass", classes=CLASSES, **options), COLUMN)


def ordinal(**options: Any) -> Any:
    return objective(task("ordinal", classes=CLASSES, **options), COLUMN)


PLAIN: dict[str, Any] = {"binary": binary(), "multiclass": multiclass(), "ordinal": ordinal()}
DOUBLED: dict[str, Any] = {
    "binary": (binary(positive_weight=2), 1),
    "binary, smoothed": (binary(positive_weight=2, label_smoothing=0.2), 1),
    "multiclass": (multiclass(class_weights={"mid": 2}), 1),
    "multiclass, smoothed": (multiclass(class_weights={"high": 2}, label_smoothing=0.2), 2),
    "ordinal": (ordinal(class_weights={"low": 2.0}), 0),
}


def sample(fitted: Any, seed: int, rows: int = 12) -> tuple[Tensor, Tensor]:
    """(rows, outputs) logits, (rows,) labels, some unlabelled; every class occurs."""
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, fitted.outputs, generator=random).sort(dim=1, descending=True).values
    classes = 2 if fitted.codec.kind == "binary" else 3
    labels = torch.cat([torch.arange(-1, classes), torch.randint(-1, classes, (rows - classes - 1,), generator=random)])
    return logits, labels.to(torch.int16)


def _unweighted(fitted: Any) -> Any:
    """The same objective without class weights."""
    plain = {"positive_weight": None, "class_weights": None}
    known = {name: value for name, value in plain.items() if name in type(fitted.options).model_fields}
    return fitted.options.model_copy(update=known).objective(fitted.codec)


@pytest.mark.parametrize("name", DOUBLED)
@given(seed=st.integers(0, 1_000))
@patient
def test_twice_the_weight_is_twice_the_rows(name: str, seed: int) -> None:
    """Weights count in the sum: a mean is by the number of rows, whatever they weigh."""
    fitted, heavy = DOUBLED[name]
    plain = _unweighted(fitted)
    logits, labels = sample(fitted, seed)
    twice = torch.cat([torch.arange(len(labels)), torch.nonzero(labels == heavy)[:, 0]])
    known = labels >= 0
    found = fitted.loss(logits, labels)
    assert found.isfinite().all()
    repeated = plain.loss(logits[twice], labels[twice])[known[twice]].sum()
    torch.testing.assert_close(found[known].sum(), repeated)


@given(seed=st.integers(0, 1_000))
@patient
def test_without_smoothing_they_are_torchs(seed: int) -> None:
    fitted = binary(positive_weight=3.5)
    logits, labels = sample(fitted, seed)
    known = labels >= 0
    yes, weight = labels[known].float(), torch.tensor(3.5)
    theirs = F.binary_cross_entropy_with_logits(logits[known, 0], yes, pos_weight=weight, reduction="none")
    torch.testing.assert_close(fitted.loss(logits, labels)[known], theirs)

    fitted = multiclass(class_weights={"low": 0.5, "high": 4})
    logits, labels = sample(fitted, seed)
    known = labels >= 0
    weights = torch.tensor([0.5, 1.0, 4.0])
    theirs = F.cross_entropy(logits[known], labels[known].long(), weights, reduction="none")
    torch.testing.assert_close(fitted.loss(logits, labels)[known], theirs)


BALANCED: dict[str, tuple[Callable[..., Any], str, tuple[float, ...]]] = {
    "binary": (binary, "positive_weight", (8 / 12, 8 / 4)),
    "multiclass": (multiclass, "class_weights", (10 / 18, 10 / 9, 10 / 3)),
    "ordinal": (ordinal, "class_weights", (10 / 18, 10 / 9, 10 / 3)),
}


@pytest.mark.parametrize("name", BALANCED)
def test_balanced_gives_every_class_the_same_say_and_a_row_1_on_average(name: str) -> None:
    make, option, factors = BALANCED[name]
    fitted = make(**{option: "balanced"})
    assert fitted.class_factors == pytest.approx(factors)
    labels = fitted.codec.encode(YES if name == "binary" else COLUMN)
    per_class = np.bincount(labels[labels >= 0]) * np.asarray(fitted.class_factors)
    np.testing.assert_allclose(per_class, per_class.sum() / len(per_class))
    assert per_class.sum() == pytest.approx((labels >= 0).sum())


def test_balanced_counts_part_by_part_and_in_the_order_of_the_classes() -> None:
    learned = task("multiclass", class_weights="balanced")
    assert fit(learned, COLUMN) == fit(learned, COLUMN[:4], COLUMN[4:])
    assert (fit(learned, COLUMN).classes, objective(learned, COLUMN).class_factors) == (
        ("high", "low", "mid"),
        pytest.approx((10 / 3, 10 / 18, 10 / 9)),
    )
    parts = objective(task("binary", positive_weight="balanced"), YES[:7], YES[7:])
    assert parts.class_factors == binary(positive_weight="balanced").class_factors


def test_a_declared_class_without_a_row_is_left_out_of_the_balance() -> None:
    declared = task("ordinal", classes=["none", *CLASSES], class_weights="balanced")
    assert objective(declared, COLUMN).class_factors == pytest.approx((1, 10 / 18, 10 / 9, 10 / 3))


def test_bands_are_weighed_by_their_names() -> None:
    bands = task("ordinal", classes=["early", "late"], edges=[0], class_weights={"late": 3})
    assert objective(bands, pa.array([-1.0, 2.0, None])).class_factors == (1, 3)


@given(seed=st.integers(0, 1_000), smoothing=st.sampled_from([0.1, 0.5, 0.9]))
@patient
def test_smoothing_spreads_its_share_evenly_over_all_classes(seed: int, smoothing: float) -> None:
    fitted = multiclass(label_smoothing=smoothing)
    logits, labels = sample(fitted, seed)
    known = labels >= 0
    spread = (1 - smoothing) * F.one_hot(labels[known].long(), 3) + smoothing / 3
    expected = -(spread * logits[known].log_softmax(dim=1)).sum(dim=1)
    torch.testing.assert_close(fitted.loss(logits, labels)[known], expected)

    fitted = binary(label_smoothing=smoothing)
    logits, labels = sample(fitted, seed)
    known = labels >= 0
    yes = (1 - smoothing) * labels[known].float() + smoothing / 2
    chance = logits[known, 0].sigmoid()
    expected = -(yes * chance.log() + (1 - yes) * (1 - chance).log())
    torch.testing.assert_close(fitted.loss(logits, labels)[known], expected, rtol=1e-4, atol=1e-5)


def test_a_smoothed_loss_is_least_at_its_share_and_stays_finite() -> None:
    fitted = binary(label_smoothing=0.2)
    logits = torch.tensor([[np.log(9.0)], [80.0], [-80.0]], dtype=torch.float32, requires_grad=True)
    losses = fitted.loss(logits, torch.ones(3, dtype=torch.int8))
    (slopes,) = torch.autograd.grad(losses.sum(), logits)
    assert losses.isfinite().all()
    assert slopes[0].item() == pytest.approx(0, abs=1e-6)
    assert losses[0] < losses[1:].min()


@pytest.mark.parametrize("name", PLAIN)
def test_by_default_no_factor_touches_the_loss(name: str) -> None:
    fitted = PLAIN[name]
    assert fitted.class_factors == ()
    logits, labels = sample(fitted, 0, rows=50)
    known = labels.clamp(min=0).long()
    plain = {
        "binary": lambda: F.binary_cross_entropy_with_logits(logits[:, 0], known.float(), reduction="none"),
        "multiclass": lambda: F.cross_entropy(logits, known, reduction="none"),
        "ordinal": lambda: -fitted.inverse_link(logits).log().gather(1, known[:, None])[:, 0],
    }[name]()
    if name == "ordinal":
        torch.testing.assert_close(fitted.loss(logits, labels), plain)
    else:
        assert torch.equal(fitted.loss(logits, labels), plain)


@pytest.mark.parametrize("name", DOUBLED)
def test_metrics_teachers_and_the_trivial_prediction_are_not_weighed(name: str) -> None:
    fitted, _ = DOUBLED[name]
    plain = PLAIN[fitted.codec.kind]
    logits, labels = sample(fitted, 0)
    assert torch.equal(fitted.distillation(logits, logits.flip(0)), plain.distillation(logits, logits.flip(0)))
    assert torch.equal(fitted.inverse_link(logits), plain.inverse_link(logits))
    np.testing.assert_array_equal(fitted.baseline(labels.numpy()), plain.baseline(labels.numpy()))
    known = labels >= 0
    predictions = plain.inverse_link(logits)[known].numpy()
    for one, other in zip(fitted.metrics, plain.metrics, strict=True):
        assert one(labels[known].numpy(), predictions) == other(labels[known].numpy(), predictions)


ORDINAL = {"kind": "ordinal", "classes": CLASSES}
REFUSED = {
    "no weight at all": ({"kind": "binary", "positive_weight": 0}, "`balanced` or a number above 0, found 0"),
    "below 0": ({"kind": "binary", "positive_weight": -2.0}, "found -2.0"),
    "not a number": ({"kind": "binary", "positive_weight": float("nan")}, "found nan"),
    "endless": ({"kind": "binary", "positive_weight": float("inf")}, "found inf"),
    "a truth": ({"kind": "binary", "positive_weight": True}, "found True"),
    "misspelt": ({"kind": "binary", "positive_weight": "balance"}, "must be `balanced` or a number.*'balance'"),
    "smoothed away": ({"kind": "binary", "label_smoothing": 1.0}, "less than 1"),
    "smoothed backwards": ({"kind": "multiclass", "label_smoothing": -0.1}, "greater than or equal to 0"),
    "misspelt for classes": ({**ORDINAL, "class_weights": "balance"}, "must be `balanced`, or a mapping.*'balance'"),
    "a list": ({**ORDINAL, "class_weights": [1, 2, 3]}, "or a mapping of classes to weights, found .1, 2, 3"),
    "a class of weight 0": ({**ORDINAL, "class_weights": {"low": 0}}, "number above 0, found 0 for 'low'"),
    "a class of weight yes": ({**ORDINAL, "class_weights": {"low": True}}, "found True for 'low'"),
    "a class of weight text": ({**ORDINAL, "class_weights": {"low": "2"}}, "found '2' for 'low'"),
    "a number as name": ({**ORDINAL, "class_weights": {1: 2.0}}, "named by text, found 1; quote it"),
    "unknown, one near": ({**ORDINAL, "class_weights": {"hihg": 2}}, "found 'hihg'; did you mean 'high'"),
    "unknown, none near": ({**ORDINAL, "class_weights": {"x": 2}}, "found 'x'; valid: low, mid, high"),
    "smoothing of an order": ({**ORDINAL, "label_smoothing": 0.1}, "Extra inputs"),
}


@pytest.mark.parametrize(("options", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        task(**options)
