"""Calibration: it finds a known temperature, never makes log loss on validation worse, and changes nothing else."""

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
from tests.tasks.declared import fit_objective, task
from tests.training.runs import Crashes, run, same, weights

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
    """Logits in float64 of that task, those of an ordinal one falling."""
    random = np.random.default_rng(seed)
    logits = 2 * random.normal(size=(rows, fitted.outputs))
    if fitted.codec.kind == "ordinal":
        logits = logits[:, :1] - np.array([-1.5, 0.0, 1.0])
    return torch.from_numpy(logits)


def drawn(fitted: Any, logits: Tensor, seed: int = 0) -> Tensor:
    """Labels that happen as often as the logits say."""
    random, chances = np.random.default_rng(seed + 1), fitted.inverse_link(logits).numpy()
    if fitted.codec.kind in ("binary", "multilabel"):
        return torch.from_numpy((random.random(chances.shape) < chances).astype(np.int8))
    at_most = chances.cumsum(axis=1)[:, :-1]
    return torch.from_numpy((random.random((len(chances), 1)) > at_most).sum(axis=1).astype(np.int16))


def fits(fitted: Any, logits: Tensor, labels: Tensor) -> list[tuple[OutputGroup, Fit]]:
    return [(group, fit_group(fitted, group)) for group in fitted.groups(logits, labels) if group.is_sufficient]


@pytest.mark.parametrize("temperature", [0.4, 3.0])
@pytest.mark.parametrize("kind", KINDS)
def test_it_finds_a_known_temperature(kind: str, temperature: float) -> None:
    fitted = KINDS[kind]
    logits = logits_of(fitted, 6_000)
    found = fits(fitted, temperature * logits, drawn(fitted, logits))
    assert len(found) == (3 if kind == "multilabel" else 1)
    for _, fit in found:
        assert fit.method == "temperature"
        np.testing.assert_allclose(1 / fit.scale, temperature, rtol=0.1)
        assert not fit.bias.any()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_calibrated_stays_as_it_is(kind: str) -> None:
    fitted = KINDS[kind]
    logits = logits_of(fitted, 6_000)
    for _, fit in fits(fitted, logits, drawn(fitted, logits)):
        np.testing.assert_allclose(fit.scale, 1, atol=0.1)
        assert not fit.bias.any()


def test_each_label_has_its_own_temperature_and_rare_ones_share_one() -> None:
    fitted = KINDS["multilabel"]
    logits = logits_of(fitted, 4_000)
    labels = drawn(fitted, logits)
    labels[60:, 1:] = -1
    labels[:60, 1:] = torch.from_numpy(np.arange(120).reshape(60, 2) % 13 == 0)  # five yes each, ten together
    found = fits(fitted, logits * torch.tensor([2.0, 5.0, 5.0]), labels)
    assert [group.outputs for group, _ in found] == [(0,), (1, 2)]
    assert [group.counts for group, _ in found][1] == (110, 10)
    assert 1 / found[0][1].scale[0] == pytest.approx(2, rel=0.1)
    assert found[1][1].scale[0] == found[1][1].scale[1] < 0.5


def test_vector_scaling_is_for_classes_on_enough_rows_and_must_pay() -> None:
    fitted = KINDS["multiclass"]
    logits = logits_of(fitted, VECTOR_ROWS)
    labels = drawn(fitted, logits)
    stretched = logits * torch.tensor([1.0, 2.0, 4.0, 8.0]) + torch.tensor([0.0, 1.0, -1.0, 2.0])
    ((_, fit),) = fits(fitted, stretched, labels)
    assert fit.method == "vector"
    np.testing.assert_allclose(1 / fit.scale, [1, 2, 4, 8], rtol=0.3)
    ((_, fewer),) = fits(fitted, stretched[1:], labels[1:])
    assert fewer.method == "temperature"
    rare = torch.where(labels == 3, 0, labels)
    rare[:9] = 3
    ((_, lacking),) = fits(fitted, stretched, rare)
    assert lacking.method == "temperature", "a class of nine rows gets no bias"


@pytest.mark.parametrize("kind", WEIGHTED)
def test_it_takes_back_the_bias_of_class_weights(kind: str) -> None:
    """Logits of a network that learned each yes, or the first or last class, eight times as often."""
    fitted, plain = WEIGHTED[kind], KINDS[kind]
    logits = logits_of(fitted, 4_000)
    labels = drawn(fitted, logits)
    bias = np.log(8) * (torch.eye(4)[0] if kind == "multiclass" else torch.ones(fitted.outputs))
    ((_, fit), *_) = fits(fitted, logits + bias, labels)
    assert fit.method in ("temperature_and_bias", "vector")
    relative = fit.bias - (fit.bias[1:].mean() if kind == "multiclass" else 0)
    assert float(relative[0]) == pytest.approx(-np.log(8), abs=0.35)
    ((_, without), *_) = fits(plain, logits + bias, labels)
    if kind != "multiclass":
        assert not without.bias.any(), "without weights there is nothing to take back"


DECISIONS = {"binary": "f1", "multiclass": "macro_f1", "ordinal": "weighted_kappa", "multilabel": "micro_f1"}


@pytest.mark.parametrize("kind", DECISIONS)
def test_class_weights_go_on_moving_decisions_where_the_tasks_own_metric_is_of_them(kind: str) -> None:
    declared = WEIGHTED[kind].options.model_dump(exclude_unset=True) | {"metric": DECISIONS[kind]}
    options = task(**declared, **({"threshold": 0.5} if kind == "binary" else {}))
    fitted = options.objective(WEIGHTED[kind].codec)
    logits = logits_of(fitted, 4_000)
    labels, bias = drawn(fitted, logits), np.log(8) * torch.eye(fitted.outputs)[0]
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
def test_no_fit_is_worse_than_none_and_none_breaks(kind: str, seed: int, rows: int, size: float) -> None:
    """Also for labels that follow the logits perfectly, or not at all, and for logits of any size."""
    fitted = KINDS[kind]
    random = np.random.default_rng(seed)
    logits = logits_of(fitted, rows, seed)
    labels = drawn(fitted, logits * random.choice([0.0, 1.0, 1e6]), seed)
    if kind == "multilabel" and rows > 1:
        labels[random.random(labels.shape) < 0.2] = -1
        labels[0], labels[1] = 0, 1
    known = fitted.codec.labelled(labels)
    for group, fit in fits(fitted, size * logits[known], labels[known]):
        before = fitted.log_loss(group.values, group.labels).sum()
        assert fit.loss <= before
        assert fit.scale.isfinite().all()
        assert fit.bias.isfinite().all()
        assert (fit.scale >= MIN_SCALE).all()


@pytest.mark.parametrize("kind", WEIGHTED)
def test_the_order_of_rows_does_not_matter(kind: str) -> None:
    fitted = WEIGHTED[kind]
    logits = logits_of(fitted, 2_000)
    labels = drawn(fitted, logits)
    order = torch.from_numpy(np.random.default_rng(0).permutation(2_000))
    for (_, one), (_, other) in zip(
        fits(fitted, 3 * logits, labels), fits(fitted, 3 * logits[order], labels[order]), strict=True
    ):
        assert one.method == other.method
        torch.testing.assert_close(one.scale, other.scale, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(one.bias, other.bias, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_perfectly_separated_labels_have_a_finite_temperature(kind: str) -> None:
    fitted = KINDS[kind]
    logits = logits_of(fitted, 400)
    for _, fit in fits(fitted, logits, drawn(fitted, 1e6 * logits)):
        assert 1 < float(fit.scale.min()) <= float(fit.scale.max()) < 30


def overconfident(small: Small, factor: float = 4.0) -> Network:
    """A trained network whose heads are too sure: their last layers are multiplied."""
    network = Network.seeded(small.problem, small.encoder, 0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    rows = small.train.slice(0, len(small.train))
    for _ in range(30):
        optimizer.zero_grad()
        logits = network(rows.inputs)
        losses = []
        for one in network.objectives:
            known = one.trains_on(rows.labels[one.name])
            losses.append(one.loss(logits[one.name], rows.labels[one.name])[known].mean())
        torch.stack(losses).sum().backward()
        optimizer.step()
    with torch.no_grad():
        for head in network.heads:
            for parameter in head.last.parameters():
                parameter.mul_(factor)
    return network


def losses_of(small: Small, predictions: dict[str, Any], split: EncodedSplit | None = None) -> dict[str, float]:
    split, found = split or small.validation, {}
    for one in small.tasks:
        if isinstance(one, CalibratedObjective):
            labels = split.flat_labels(one.name).numpy()
            known = one.codec.labelled(labels)
            found[one.name] = one.options.metric_named("log_loss")(labels[known], predictions[one.name][known])
    return found


def test_a_network_is_calibrated_in_place(small: Small) -> None:
    network = overconfident(small)
    before, stored = predictions_of(network, small.validation), weights(network)
    found = {record.task: record for record in calibrate(network, small.validation)}
    after = predictions_of(network, small.validation)
    assert list(found) == ["late", "band", "rare"], "a regression has no probabilities"
    first, last = losses_of(small, before), losses_of(small, after)
    for name, record in found.items():
        assert record.log_loss_before == pytest.approx(first[name], rel=1e-6)
        assert record.log_loss_after == pytest.approx(last[name], rel=1e-6)
        assert last[name] <= first[name]
    assert last["late"] < first["late"] - 0.1
    assert found["late"].method == "temperature"
    assert found["late"].temperatures[0] > 2
    assert found["late"].ece_after < found["late"].ece_before
    np.testing.assert_array_equal(before["minutes"], after["minutes"])
    order = np.lexsort([after["late"], before["late"]])
    assert (np.diff(after["late"][order]) >= 0).all(), "the ranking stays, and ties of float32 may come apart"
    untouched = {name: tensor for name, tensor in weights(network).items() if "calibration" not in name}
    assert same(untouched, {name: tensor for name, tensor in stored.items() if name in untouched})
    uncalibrated = uncalibrated_predictions_of(network, small.validation)
    assert set(uncalibrated) == {name for name, record in found.items() if record.method != "identity"}
    for name, predictions in uncalibrated.items():
        np.testing.assert_array_equal(predictions, before[name])


def test_calibrated_again_it_is_the_same_to_the_bit(small: Small) -> None:
    network = overconfident(small)
    first, stored = calibrate(network, small.validation), weights(network)
    assert calibrate(network, small.validation) == first
    assert same(weights(network), stored)


def test_switched_off_it_is_the_identity_and_still_measured(small: Small) -> None:
    network = overconfident(small)
    calibrate(network, small.validation)
    found = calibrate(network, small.validation, enabled=False)
    assert all(calibration.is_identity for calibration in network.calibration)
    assert {(record.method, record.reason) for record in found} == {("identity", "off")}
    assert all(record.log_loss_before == record.log_loss_after > 0 for record in found)


def relabelled(split: EncodedSplit, **labels: Tensor) -> EncodedSplit:
    return EncodedSplit(split.inputs, split.labels | labels, split.weights)


@pytest.mark.parametrize(
    ("yes", "no", "fitted"), [(0, 0, False), (50, 0, False), (0, 50, False), (9, 50, False), (10, 50, True)]
)
def test_too_few_labels_leave_the_identity(small: Small, yes: int, no: int, fitted: bool) -> None:
    network = overconfident(small)
    labels = torch.full_like(small.validation.flat_labels("late"), -1)
    labels[:yes], labels[yes : yes + no] = 1, 0
    record = calibrate(network, relabelled(small.validation, late=labels))[0]
    assert (record.method != "identity") == fitted
    assert fitted or record.reason == "fewer than two classes with 10 labelled validation rows"
    assert (record.log_loss_before is None) == (yes + no == 0)
    assert np.isfinite(predictions_of(network, small.validation)["late"]).all()


def test_a_logit_that_is_not_finite_leaves_the_identity(small: Small) -> None:
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


def trained(small: Small, tuned: Any, folder: Path) -> tuple[Network, TrainingResult]:
    return train(*tuned, small.train, small.validation, folder)


def test_thresholds_are_tuned_after_calibration_and_stored_with_the_weights(
    small: Small, tuned: Any, tmp_path: Path
) -> None:
    network, outcome = trained(small, tuned, tmp_path)
    ((name, (threshold,)),) = [(record.task, record.thresholds) for record in outcome.thresholds]
    assert name == "late"
    late = network.objectives[0]
    assert late.signature()["threshold"] == threshold == late.thresholds[0]
    labels = small.validation.flat_labels("late").numpy()
    known = labels >= 0
    chances = predictions_of(network, small.validation)["late"][known]
    values = {metric.name: metric(labels[known], chances) for metric in late.metrics}
    at_half = {metric.name: metric(labels[known], chances) for metric in tuned[0].tasks["late"].metrics}
    assert values["f1"] >= at_half["f1"]
    again = Network.build(*tuned)
    again.load_state_dict(weights(network))
    assert again.objectives[0].thresholds == (threshold,), "the export reads it from the weights"
    assert tune_thresholds(again, small.validation) == outcome.thresholds
    nothing = torch.full_like(small.validation.flat_labels("late"), -1)
    (left,) = tune_thresholds(again, relabelled(small.validation, late=nothing))
    assert (left.thresholds, left.untuned) == ((0.5,), 1)


def test_a_training_is_calibrated_and_goes_on_after_a_kill_to_the_same_bits(small: Small, tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 2, "finetune_heads": {"epochs": 1}}
    expected, outcome = run(small, tmp_path / "undisturbed", **options)
    assert [record.task for record in outcome.calibrations] == ["late", "band", "rare"]
    fitted = [record for record in outcome.calibrations if record.method != "identity"]
    assert fitted
    assert all(outcome.final(record.task) == record.value for record in fitted)
    network = Network.build(small.declared(**options), small.encoder)
    network.load_state_dict(expected)
    values = metric_values(network.objectives, small.validation, predictions_of(network, small.validation))
    assert {task: outcome.final(task) for task in values} == values
    assert TrainingResult.model_validate_json(outcome.model_dump_json()).calibrations == outcome.calibrations
    found, resumed = Crashes().run(small, tmp_path / "cut", **options)
    assert same(found, expected)
    assert resumed.calibrations == outcome.calibrations
    without, off = run(small, tmp_path / "off", calibration=False, **options)
    assert {record.reason for record in off.calibrations} == {"off"}
    untouched = {name: tensor for name, tensor in without.items() if "calibration" not in name}
    assert same(untouched, {name: tensor for name, tensor in expected.items() if name in untouched})
