"""Calibration: known temperatures and biases are recovered, and log loss on validation never rises."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtl_core.config import parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of, uncalibrated_predictions_of
from mtl_core.tasks.calibrated import CalibratedObjective, OutputGroup
from mtl_core.training import TrainingResult, train
from mtl_core.training.calibration import calibrate
from mtl_core.training.calibration_fit import MIN_SCALE, VECTOR_ROWS, Fit, fit_group
from mtl_core.training.scores import metric_values
from mtl_core.training.thresholds import tune_thresholds
from tests.small import Small, document
from tests.strategies import patient
from tests.tasks.declared import objective, task
from tests.training.runs import run, same, train_small, weights

CLASSES = ["a", "b", "c", "d"]
LETTERS = pa.array(CLASSES * 10)
KINDS: dict[str, Any] = {
    "binary": objective(task("binary"), pa.array([0, 1])),
    "multiclass": objective(task("multiclass"), LETTERS),
    "ordinal": objective(task("ordinal", classes=CLASSES), LETTERS),
    "multilabel": objective(task("multilabel", min_count=1), pa.array(["a|b", "b|c", "a"])),
}
WEIGHTED: dict[str, Any] = {
    "binary": objective(task("binary", positive_weight=8.0), pa.array([0, 1])),
    "multiclass": objective(task("multiclass", class_weights={"a": 8.0}), LETTERS),
    "ordinal": objective(task("ordinal", classes=CLASSES, class_weights={"d": 8.0}), LETTERS),
    "multilabel": objective(task("multilabel", min_count=1, positive_weight=8.0), pa.array(["a|b", "b|c", "a"])),
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


def overconfident(small: Small, factor: float = 4.0) -> Network:
    """A trained network whose last layers are multiplied by the factor."""
    network = Network.seeded(small.problem, small.encoder, 0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    rows = small.train.slice(0, len(small.train))
    for _ in range(30):
        optimizer.zero_grad()
        logits = network(rows.inputs)
        losses = []
        for fitted in network.objectives:
            labels = rows.labels[fitted.name]
            losses.append(fitted.loss(logits[fitted.name], labels)[fitted.trains_on(labels)].mean())
        torch.stack(losses).sum().backward()
        optimizer.step()
    with torch.no_grad():
        for head in network.heads:
            for parameter in head.last.parameters():
                parameter.mul_(factor)
    return network


def log_losses(small: Small, predictions: dict[str, Any]) -> dict[str, float]:
    losses = {}
    for fitted in small.tasks:
        if isinstance(fitted, CalibratedObjective):
            labels = small.validation.flat_labels(fitted.name).numpy()
            mask = fitted.codec.labelled(labels)
            losses[fitted.name] = fitted.options.metric_named("log_loss")(labels[mask], predictions[fitted.name][mask])
    return losses


def test_a_network_is_calibrated_in_place(small: Small) -> None:
    network = overconfident(small)
    before, weights_before = predictions_of(network, small.validation), weights(network)
    records = {record.task: record for record in calibrate(network, small.validation)}
    after = predictions_of(network, small.validation)
    assert list(records) == ["late", "band", "rare"]
    losses_before, losses_after = log_losses(small, before), log_losses(small, after)
    for name, record in records.items():
        assert record.log_loss_before == pytest.approx(losses_before[name], rel=1e-6)
        assert record.log_loss_after == pytest.approx(losses_after[name], rel=1e-6)
        assert losses_after[name] <= losses_before[name]
    assert losses_after["late"] < losses_before["late"] - 0.1
    assert records["late"].method == "temperature"
    assert records["late"].temperatures[0] > 2
    assert records["late"].ece_after < records["late"].ece_before
    np.testing.assert_array_equal(before["minutes"], after["minutes"])
    order = np.lexsort([after["late"], before["late"]])
    assert (np.diff(after["late"][order]) >= 0).all()  # the ranking stays
    other_weights = {name: tensor for name, tensor in weights(network).items() if "calibration" not in name}
    assert same(other_weights, {name: weights_before[name] for name in other_weights})
    uncalibrated = uncalibrated_predictions_of(network, small.validation)
    assert set(uncalibrated) == {name for name, record in records.items() if record.method != "identity"}
    for name, predictions in uncalibrated.items():
        np.testing.assert_array_equal(predictions, before[name])


def test_a_second_calibration_changes_nothing(small: Small) -> None:
    network = overconfident(small)
    first, stored = calibrate(network, small.validation), weights(network)
    assert calibrate(network, small.validation) == first
    assert same(weights(network), stored)


def test_a_disabled_calibration_is_the_identity_with_its_metrics(small: Small) -> None:
    network = overconfident(small)
    calibrate(network, small.validation)
    records = calibrate(network, small.validation, enabled=False)
    assert all(calibration.is_identity for calibration in network.calibration)
    assert {(record.method, record.reason) for record in records} == {("identity", "off")}
    assert all(record.log_loss_before == record.log_loss_after > 0 for record in records)


def relabelled(split: EncodedSplit, **labels: Tensor) -> EncodedSplit:
    return EncodedSplit(split.inputs, split.labels | labels, split.weights)


@pytest.mark.parametrize(
    ("positive", "negative", "fitted"), [(0, 0, False), (50, 0, False), (0, 50, False), (9, 50, False), (10, 50, True)]
)
def test_calibration_needs_ten_rows_of_two_classes(small: Small, positive: int, negative: int, fitted: bool) -> None:
    network = overconfident(small)
    labels = torch.full_like(small.validation.flat_labels("late"), -1)
    labels[:positive], labels[positive : positive + negative] = 1, 0
    record = calibrate(network, relabelled(small.validation, late=labels))[0]
    assert (record.method != "identity") == fitted
    assert fitted or "10 labelled validation rows" in record.reason
    assert (record.log_loss_before is None) == (positive + negative == 0)
    assert np.isfinite(predictions_of(network, small.validation)["late"]).all()


def test_with_a_logit_that_is_not_finite_the_calibration_is_the_identity(small: Small) -> None:
    network = overconfident(small)
    network.heads[0].last.bias.data.fill_(float("nan"))
    record = calibrate(network, small.validation)[0]
    assert (record.method, record.reason) == ("identity", "a logit is not finite")
    assert record.log_loss_before is None


TUNED = {
    "late": {"kind": "binary", "target": "minutes", "at_least": 1, "threshold": {"maximize": "f1"}},
    "band": {"kind": "multiclass", "target": "minutes", "edges": [-1, 1], "classes": ["low", "mid", "high"]},
}


@pytest.fixture(scope="module")
def tuned(small: Small) -> Any:
    """The small problem and encoder with those two tasks."""
    problem = parse_problem(document() | {"tasks": TUNED})
    codecs = {codec.name: codec for codec in small.encoder.tasks}
    late = codecs["late"].model_copy(update={"at_least": 1.0})
    return problem, small.encoder.model_copy(update={"tasks": (late, codecs["band"])})


def test_thresholds_are_tuned_after_calibration_and_stored_with_the_weights(
    small: Small, tuned: Any, tmp_path: Path
) -> None:
    network, result = train(*tuned, small.train, small.validation, tmp_path)
    ((name, (threshold,)),) = [(record.task, record.thresholds) for record in result.thresholds]
    assert name == "late"
    late = network.objectives[0]
    assert late.signature()["threshold"] == threshold == late.thresholds[0]
    labels = small.validation.flat_labels("late").numpy()
    mask = labels >= 0
    probabilities = predictions_of(network, small.validation)["late"][mask]
    values = {metric.name: metric(labels[mask], probabilities) for metric in late.metrics}
    untuned_values = {metric.name: metric(labels[mask], probabilities) for metric in tuned[0].tasks["late"].metrics}
    assert values["f1"] >= untuned_values["f1"]
    restored = Network.build(*tuned)
    restored.load_state_dict(weights(network))
    assert restored.objectives[0].thresholds == (threshold,)
    assert tune_thresholds(restored, small.validation) == result.thresholds
    unlabelled = torch.full_like(small.validation.flat_labels("late"), -1)
    (record,) = tune_thresholds(restored, relabelled(small.validation, late=unlabelled))
    assert (record.thresholds, record.untuned) == ((0.5,), 1)


def test_a_training_ends_with_the_calibration_unless_it_is_disabled(small: Small, tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 2, "finetune_heads": {"epochs": 1}}
    network, result = train_small(small, tmp_path / "calibrated", **options)
    assert [record.task for record in result.calibrations] == ["late", "band", "rare"]
    fitted = [record for record in result.calibrations if record.method != "identity"]
    assert fitted
    assert all(result.final(record.task) == record.value for record in fitted)
    values = metric_values(network.objectives, small.validation, predictions_of(network, small.validation))
    assert {task: result.final(task) for task in values} == values
    assert TrainingResult.model_validate_json(result.model_dump_json()).calibrations == result.calibrations
    uncalibrated, uncalibrated_result = run(small, tmp_path / "uncalibrated", calibration=False, **options)
    assert {record.reason for record in uncalibrated_result.calibrations} == {"off"}
    calibrated = weights(network)
    names = [name for name in calibrated if "calibration" not in name]
    assert all(torch.equal(calibrated[name], uncalibrated[name]) for name in names)
