"""The training loop: reproducible, and faithful to the declared stopping and selection."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import mtl_core.training.loop
from mtl_core.config.budget import budget_of
from mtl_core.data.encoded import EncodedSplit
from mtl_core.errors import DataError, TrainingError
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of
from mtl_core.tasks.regression import RegressionObjective
from mtl_core.training import TrainingResult, train
from mtl_core.training.epoch import optimizer_of, train_epoch
from mtl_core.training.scores import standard_errors
from tests.small import Small
from tests.training.runs import RecordedTraining, run, same, to_json, weights

TASKS = ("late", "band", "minutes", "rare")


def test_the_seed_decides_the_weights(small: Small, tmp_path: Path) -> None:
    first, result = run(small, tmp_path / "first")
    repeated, repeated_result = run(small, tmp_path / "repeated")
    other, _ = run(small, tmp_path / "other", seed=1)
    assert same(first, repeated)
    assert to_json(result) == to_json(repeated_result)
    assert not same(first, other)


def test_golden_loss_curve(small: Small) -> None:
    """Twelve epochs of the summed loss; another curve means that the mathematics changed."""
    problem = small.declared()
    torch.set_num_threads(1)
    network = Network.seeded(problem, small.encoder, 0)
    balancing = problem.training.balancing.build(network.tasks)
    optimizer = optimizer_of(network, balancing, problem.training)
    budget = budget_of(problem.training, len(small.train))
    curve = [
        sum(train_epoch(network, balancing, optimizer, small.train, problem.training, budget, epoch=n).values())
        for n in range(1, 13)
    ]
    golden = Path(__file__).with_name("golden_curve.json")
    np.testing.assert_allclose(curve, json.loads(golden.read_text()), rtol=2e-3)


def first_stops(result: TrainingResult) -> dict[str, int]:
    """Task -> the epoch after which it first stopped."""
    return {task: epoch.number for epoch in reversed(result.epochs) for task in epoch.stopped}


def test_under_hold_a_stopped_task_is_distilled_and_keeps_its_score(small: Small, tmp_path: Path) -> None:
    _, result = run(small, tmp_path, epochs=25, stopping={"policy": "hold", "patience": 1})
    stops = {task: epoch.number for epoch in result.epochs for task in epoch.stopped}
    assert stops
    for task, stop in stops.items():
        later = result.epochs[stop:]
        assert all(task in epoch.distilled for epoch in later)
        best = max(epoch.scores[task] for epoch in result.epochs[:stop])
        assert all(epoch.scores[task] > best - 6 for epoch in later), task
    assert all(np.isfinite(result.epochs[result.chosen - 1].scores[task]) for task in stops)


def test_under_joint_all_tasks_stop_together(small: Small, tmp_path: Path) -> None:
    _, result = run(small, tmp_path, epochs=40, learning_rate=0.05, stopping={"policy": "joint", "patience": 1})
    assert len(result.epochs) < 40
    assert set(result.epochs[-1].stopped) == set(TASKS)
    assert not any(epoch.distilled for epoch in result.epochs)


def test_a_paused_task_and_the_optimisers_state_of_it_stay_bit_identical(small: Small, tmp_path: Path) -> None:
    """With weight decay and momentum."""
    training = RecordedTraining(
        small, tmp_path, epochs=9, weight_decay=0.1, stopping={"policy": "freeze", "patience": 1}
    )
    steps = math.ceil(len(small.train) / 64)
    epochs = training.result.epochs
    for epoch in epochs[1:]:
        shared_before, shared_after = training.shared(epoch.number - 1), training.shared(epoch.number)
        assert not all(torch.equal(a, b) for a, b in zip(shared_before, shared_after, strict=True))
        for task in TASKS:
            before, after = training.task_state(task, epoch.number - 1), training.task_state(task, epoch.number)
            assert any(key.endswith("exp_avg_sq") for key in before)
            assert any(key.endswith("weight average") for key in before)
            if task in epoch.paused:
                assert same(before, after)
            else:
                values = [key for key in before if key.endswith(("weight", "weight average"))]
                assert not any(torch.equal(before[key], after[key]) for key in values)
                (step_count,) = {float(after[key] - before[key]) for key in before if key.endswith(".step")}
                assert 0 < step_count <= steps
    assert any(epoch.paused for epoch in epochs)


@pytest.mark.parametrize(("end", "task"), [("any", None), ({"first": "band"}, "band"), ({"first": "rare"}, "rare")])
def test_training_ends_with_the_first_or_the_named_task(
    small: Small, tmp_path: Path, end: object, task: str | None
) -> None:
    _, result = run(small, tmp_path, epochs=20, stopping={"policy": "freeze", "patience": 1, "end": end})
    stops = first_stops(result)
    assert len(result.epochs) == (min(stops.values()) if task is None else stops[task]) < 20


def test_a_task_that_starts_late_is_paused_and_has_no_score_before(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RegressionObjective, "start_epoch", property(lambda task: 8))
    stopping = {"policy": "freeze", "patience": 1}
    training = RecordedTraining(small, tmp_path, epochs=16, learning_rate=0.1, stopping=stopping)
    epochs = training.result.epochs
    assert {task for task, epoch in first_stops(training.result).items() if epoch < 8} >= {"late", "band", "rare"}
    assert len(epochs) > 8
    for epoch in epochs:
        started = epoch.number >= 8
        assert ("minutes" in epoch.paused) == (not started)
        for record in (epoch.values, epoch.scores, epoch.losses):
            assert math.isfinite(record["minutes"]) == started
    states = [training.task_state("minutes", epoch) for epoch in range(1, 9)]
    heads = [{key: tensor for key, tensor in state.items() if "weight" in key} for state in states]
    assert any(key.endswith("average") for key in heads[0])
    assert all(same(heads[0], head) for head in heads[:7])
    assert not any(torch.equal(heads[6][key], heads[7][key]) for key in heads[6])
    average_steps = [{int(head[key]) for key in head if key.endswith("average steps")} for head in heads[6:8]]
    assert average_steps[0] == {0}
    (steps,) = average_steps[1]
    assert 0 < steps <= math.ceil(len(small.train) / 64) < max(training.steps[7])
    first_predictions = predictions_of(training.evaluated(8), small.validation)
    expected = standard_errors(small.tasks, small.validation, first_predictions)["minutes"]
    assert training.result.standard_errors["minutes"] == expected
    assert training.result.chosen >= 8


@pytest.mark.parametrize("averaged", [True, False])
@pytest.mark.parametrize(("by", "chosen"), [("mean", 1), ("worst", 2)])
def test_the_model_has_the_weights_of_the_epoch_that_the_declared_criterion_chooses(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, chosen: int, averaged: bool
) -> None:
    """A task loses 9 standard errors, or two lose 4 each."""
    scores = iter([(0.0, 9.0, 9.0, 0.0), (5.0, 5.0, 9.0, 0.0), (9.0, 0.0, 0.0, 0.0)])
    monkeypatch.setattr(mtl_core.training.loop, "normalised", lambda *_: dict(zip(TASKS, next(scores), strict=True)))
    options = {"checkpoint": by, "average_weights": averaged, "calibration": False}
    training = RecordedTraining(small, tmp_path, epochs=3, stopping={"policy": "joint"}, **options)
    assert training.result.chosen == chosen
    assert same(weights(training.trained), training.averages[chosen - 1])
    assert same(weights(training.trained), training.weights[chosen - 1]) == (not averaged)


def test_a_loss_that_is_not_finite_is_refused_before_an_update(small: Small) -> None:
    problem = small.declared()
    network = Network.seeded(problem, small.encoder, 0)
    before = weights(network)
    balancing = problem.training.balancing.build(network.tasks)
    optimizer = optimizer_of(network, balancing, problem.training)
    labels = small.train.labels | {"minutes": torch.full_like(small.train.labels["minutes"], torch.inf)}
    split = EncodedSplit(small.train.inputs, labels)
    budget = budget_of(problem.training, len(split))
    with pytest.raises(TrainingError, match=r"epoch 1, step 1: .*minutes \(inf\).*learning_rate"):
        train_epoch(network, balancing, optimizer, split, problem.training, budget, epoch=1)
    assert same(before, weights(network))


def test_labels_that_a_loss_is_not_defined_for_are_refused_before_anything_is_written(
    small: Small, tmp_path: Path
) -> None:
    """Bounds by the minimum of the training labels in the encoder, or by the labels of either split."""
    counts = small.problem.tasks["minutes"].model_copy(update={"loss": "poisson"})
    problem = small.problem.model_copy(update={"tasks": small.problem.tasks | {"minutes": counts}})
    minutes = small.encoder.tasks[2].model_copy(update={"minimum": 0.0, "mean": 1.0})
    codecs = (*small.encoder.tasks[:2], minutes, *small.encoder.tasks[3:])
    without_minimum = small.encoder.model_copy(update={"tasks": codecs})
    positive = EncodedSplit(small.train.inputs, small.train.labels | {"minutes": small.train.labels["minutes"].abs()})
    for encoder, train_split in (
        (small.encoder, small.train),
        (without_minimum, small.train),
        (without_minimum, positive),
    ):
        with pytest.raises(DataError, match=r"task 'minutes': .* poisson .* found -"):
            train(problem, encoder, train_split, small.validation, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
