"""Calibration and thresholds of a network on the validation split."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mtl_core.config import parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of, uncalibrated_predictions_of
from mtl_core.tasks.calibrated import CalibratedObjective
from mtl_core.training import TrainingResult, train
from mtl_core.training.calibration import calibrate
from mtl_core.training.scores import metric_values
from mtl_core.training.thresholds import tune_thresholds
from tests.small import Small, document
from tests.training.runs import run, same, train_small, weights


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
