"""Calibration methods: known temperatures and biases are recovered, and no fit is worse than the identity."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtl_core.tasks.calibrated import OutputGroup
from mtl_core.training.calibration_fit import MIN_SCALE, VECTOR_ROWS, Fit, fit_group
from tests.strategies import patient
from tests.tasks.declared import fit_objective, task

CLASSES = ["a", "b", "c", "d"]
LETTERS = pa.array(CLASSES * 10)
KINDS: dict[str, Any] = {
    "binary": fit_objective(task("binary"), pa.array([0, 1])),
    "multiclass": fit_objective(task("multiclass"), LETTERS),
    "ordinal": fit_objective(task("ordinal", classes=CLASSES), LETTERS),
    "multilabel": fit_objective(task("multilabel", min_count=1), pa.array(["a|b", "b|c", "a"])),
}
WEIGHTED: dict[str, Any] = {
    "binary": fit_objective(task("binary", positive_weight=8.0), pa.array([0, 1])),
    "multiclass": fit_objective(task("multiclass", class_weights={"a": 8.0}), LETTERS),
    "ordinal": fit_objective(task("ordinal", classes=CLASSES, class_weights={"d": 8.0}), LETTERS),
    "multilabel": fit_objective(task("multilabel", min_count=1, positive_weight=8.0), pa.array(["a|b", "b|c", "a"])),
}


def logits_of(fitted: Any, rows: int, seed: int = 0) -> Tensor:
    """Logits in float64 of that task; in descending order for an ordinal one."""
    random = np.random.default_rng(seed)
    logits = 2 * random.normal(size=(rows, fitted.outputs))
    if fitted.codec.kind == "ordinal":
        logits = logits[:, :1] - np.array([-1.5, 0.0, 1.0])
    return torch.from_numpy(logits)


def sampled_labels(fitted: Any, logits: Tensor, seed: int = 0) -> Tensor:
    """Labels with the probabilities of the logits."""
    random, probabilities = np.random.default_rng(seed + 1), fitted.inverse_link(logits).numpy()
    if fitted.codec.kind in ("binary", "multilabel"):
        return torch.from_numpy((random.random(probabilities.shape) < probabilities).astype(np.int8))
    cumulative = probabilities.cumsum(axis=1)[:, :-1]
    return torch.from_numpy((random.random((len(probabilities), 1)) > cumulative).sum(axis=1).astype(np.int16))


def fits(fitted: Any, logits: Tensor, labels: Tensor) -> list[tuple[OutputGroup, Fit]]:
    return [(group, fit_group(fitted, group)) for group in fitted.groups(logits, labels) if group.is_sufficient]


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("kind", KINDS)
def test_a_known_temperature_is_recovered(kind: str, temperature: float) -> None:
    fitted = KINDS[kind]
    logits = logits_of(fitted, 6_000)
    group_fits = fits(fitted, temperature * logits, sampled_labels(fitted, logits))
    assert len(group_fits) == (3 if kind == "multilabel" else 1)
    for _, fit in group_fits:
        assert fit.method == "temperature" or temperature == 1
        np.testing.assert_allclose(1 / fit.scale, temperature, rtol=0.1)
        assert not fit.bias.any()


def test_labels_have_separate_temperatures_but_rare_ones_share_one() -> None:
    fitted = KINDS["multilabel"]
    logits = logits_of(fitted, 4_000)
    labels = sampled_labels(fitted, logits)
    labels[60:, 1:] = -1
    labels[:60, 1:] = torch.from_numpy(np.arange(120).reshape(60, 2) % 13 == 0)  # five positive rows each
    (frequent, frequent_fit), (rare, rare_fit) = fits(fitted, logits * torch.tensor([2.0, 5.0, 5.0]), labels)
    assert (frequent.outputs, rare.outputs) == ((0,), (1, 2))
    assert rare.counts == (110, 10)
    assert 1 / frequent_fit.scale[0] == pytest.approx(2, rel=0.1)
    assert rare_fit.scale[0] == rare_fit.scale[1] < 0.5


def test_vector_scaling_needs_enough_rows_of_every_class() -> None:
    fitted = KINDS["multiclass"]
    logits = logits_of(fitted, VECTOR_ROWS)
    labels = sampled_labels(fitted, logits)
    stretched = logits * torch.tensor([1.0, 2.0, 4.0, 8.0]) + torch.tensor([0.0, 1.0, -1.0, 2.0])
    ((_, fit),) = fits(fitted, stretched, labels)
    assert fit.method == "vector"
    np.testing.assert_allclose(1 / fit.scale, [1, 2, 4, 8], rtol=0.3)
    ((_, with_fewer_rows),) = fits(fitted, stretched[1:], labels[1:])
    assert with_fewer_rows.method == "temperature"
    rare = torch.where(labels == 3, 0, labels)
    rare[:9] = 3
    ((_, with_a_rare_class),) = fits(fitted, stretched, rare)
    assert with_a_rare_class.method == "temperature"


@pytest.mark.parametrize("kind", WEIGHTED)
def test_the_bias_of_class_weights_is_removed(kind: str) -> None:
    """Logits of a network that was trained with weight 8 on positive rows, or on the first or last class."""
    fitted, unweighted = WEIGHTED[kind], KINDS[kind]
    logits = logits_of(fitted, 4_000)
    labels = sampled_labels(fitted, logits)
    bias = np.log(8) * (torch.eye(4)[0] if kind == "multiclass" else torch.ones(fitted.outputs))
    ((_, fit), *_) = fits(fitted, logits + bias, labels)
    assert fit.method in ("temperature_and_bias", "vector")
    relative = fit.bias - (fit.bias[1:].mean() if kind == "multiclass" else 0)
    assert float(relative[0]) == pytest.approx(-np.log(8), abs=0.35)
    ((_, unweighted_fit), *_) = fits(unweighted, logits + bias, labels)
    if kind != "multiclass":
        assert not unweighted_fit.bias.any()


DECISIONS = {"binary": "f1", "multiclass": "macro_f1", "ordinal": "weighted_kappa", "multilabel": "micro_f1"}


@pytest.mark.parametrize("kind", DECISIONS)
def test_the_bias_of_class_weights_stays_where_the_metric_rates_decisions(kind: str) -> None:
    declared = WEIGHTED[kind].options.model_dump(exclude_unset=True) | {"metric": DECISIONS[kind]}
    options = task(**declared, **({"threshold": 0.5} if kind == "binary" else {}))
    fitted = options.objective(WEIGHTED[kind].codec)
    logits = logits_of(fitted, 4_000)
    labels, bias = sampled_labels(fitted, logits), np.log(8) * torch.eye(fitted.outputs)[0]
    for group, fit in fits(fitted, 2 * logits + bias, labels):
        assert fit.method == "temperature"
        assert not fit.bias.any()
        if kind != "ordinal":
            columns = group.values.shape[1]
            before, after = (fitted.inverse_link(z) for z in (group.values, group.values * fit.scale[:columns]))
            decisions = [p.argmax(1) if columns > 1 else p.flatten() >= 0.5 for p in (before, after)]
            assert torch.equal(*decisions)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 150), size=st.sampled_from([1e-9, 0.3, 1.0, 5.0, 1e3, 1e30]))
@patient
def test_fits_are_finite_and_never_worse_than_the_identity(kind: str, seed: int, rows: int, size: float) -> None:
    """Also for perfectly separated labels, labels that do not depend on the logits, and logits of any size."""
    fitted = KINDS[kind]
    random = np.random.default_rng(seed)
    logits = logits_of(fitted, rows, seed)
    labels = sampled_labels(fitted, logits * random.choice([0.0, 1.0, 1e6]), seed)
    if kind == "multilabel" and rows > 1:
        labels[random.random(labels.shape) < 0.2] = -1
        labels[0], labels[1] = 0, 1
    mask = fitted.codec.labelled(labels)
    for group, fit in fits(fitted, size * logits[mask], labels[mask]):
        before = fitted.log_loss(group.values, group.labels).sum()
        assert fit.loss <= before
        assert fit.scale.isfinite().all()
        assert fit.bias.isfinite().all()
        assert (fit.scale >= MIN_SCALE).all()


@pytest.mark.parametrize("kind", WEIGHTED)
def test_fits_do_not_depend_on_the_order_of_rows(kind: str) -> None:
    fitted = WEIGHTED[kind]
    logits = logits_of(fitted, 2_000)
    labels = sampled_labels(fitted, logits)
    order = torch.from_numpy(np.random.default_rng(0).permutation(2_000))
    permuted = fits(fitted, 3 * logits[order], labels[order])
    for (_, a), (_, b) in zip(fits(fitted, 3 * logits, labels), permuted, strict=True):
        assert a.method == b.method
        torch.testing.assert_close(a.scale, b.scale, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(a.bias, b.bias, rtol=1e-4, atol=1e-4)
