"""Known pitfalls of stopping tasks separately in one model."""

import inspect
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

import mtl_core.training.loop
from flows.layout import Layout
from flows.stages import train as stage
from mtl_core.config import AnyBalancing, parse_problem
from mtl_core.config.budget import budget_of
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.prepare import prepare
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of
from mtl_core.schema import tagged
from mtl_core.training import train
from mtl_core.training.epoch import optimizer_of, train_epoch
from mtl_core.training.scores import metric_values, normalised
from mtl_core.training.selection import best_epoch
from tests.grid import TRUNKS
from tests.small import Small, document, table
from tests.training.runs import RecordedTraining, Weights, run, same, weights

TASKS = ("late", "band", "minutes", "rare")
METHODS = list(tagged(AnyBalancing))
NEEDED: dict[str, dict[str, Any]] = {"constant": {"weights": dict.fromkeys(TASKS, 1.0)}}
"""Required options of balancings."""


def measured(small: Small, network: Network) -> dict[str, float]:
    return metric_values(small.tasks, small.validation, predictions_of(network, small.validation))


@pytest.mark.parametrize("averaged", [True, False])
def test_a_paused_head_is_evaluated_on_the_current_trunk(small: Small, tmp_path: Path, averaged: bool) -> None:
    """Its value changes, and the final value is that of the model, not its best one.

    The average of the weights is evaluated where it is declared: that of the head stays, that of the trunk changes.
    """
    stopping = {"policy": "freeze", "patience": 1}
    options = {"epochs": 12, "learning_rate": 0.08, "stopping": stopping, "average_weights": averaged}
    training = RecordedTraining(small, tmp_path, **options)
    epochs, result = training.result.epochs, training.result
    for epoch in epochs:
        assert epoch.values == measured(small, training.evaluated(epoch.number))
        assert same(training.averages[epoch.number - 1], training.weights[epoch.number - 1]) == (not averaged)
    paused = [(task, epoch.number) for epoch in epochs for task in epoch.paused]
    assert paused
    for task, number in paused:
        assert same(training.task_state(task, number - 1), training.task_state(task, number))
        # Predictions, since the AUC of `rare` with its few rows may stay 1.
        before, after = (predictions_of(training.evaluated(n), small.validation)[task] for n in (number - 1, number))
        assert not np.array_equal(before, after)
    assert any(epochs[number - 1].values[task] != epochs[number - 2].values[task] for task, number in paused)
    assert {task: result.final(task) for task in TASKS} == measured(small, training.trained)
    assert any(result.final(task) != result.best(task) for task, _ in paused)


def state_of(optimizer: torch.optim.Optimizer, parameters: tuple[nn.Parameter, ...]) -> Weights:
    """The parameters, and the optimiser's state of them."""
    tensors = {}
    for number, parameter in enumerate(parameters):
        state = optimizer.state[parameter] | {"value": parameter.detach()}
        tensors |= {f"{number} {key}": value.clone() for key, value in state.items()}
    return tensors


@pytest.mark.parametrize(
    ("trunk", "method"),
    [*((trunk, "mean") for trunk in TRUNKS), *(("shared_bottom", method) for method in METHODS if method != "mean")],
)
def test_weight_decay_and_momentum_do_not_change_a_paused_task(small: Small, trunk: str, method: str) -> None:
    """With every trunk and every balancing; a resumed task continues with its optimiser state."""
    params = document(weight_decay=0.1, balancing={"method": method, **NEEDED.get(method, {})}, batch_size=256)
    params["model"]["trunk"] = {"kind": trunk}
    problem, tasks = parse_problem(params), small.tasks
    network = Network.seeded(problem, small.encoder, 0)
    balancer = problem.training.balancing.build(network.tasks)
    optimizer = optimizer_of(network, balancer, problem.training)

    def states() -> list[Weights]:
        return [state_of(optimizer, network.task_parameters(position)) for position in range(len(tasks))]

    def train(epoch: int, *paused: str) -> dict[str, float]:
        budget = budget_of(problem.training, len(small.train))
        arguments = (network, balancer, optimizer, small.train, problem.training, budget)
        return train_epoch(*arguments, epoch=epoch, paused=paused)

    train(1)
    before = states()
    assert all(any(key.endswith("exp_avg") and value.any() for key, value in state.items()) for state in before)
    losses = train(2, "band", "rare")
    after = states()
    assert [same(*pair) for pair in zip(before, after, strict=True)] == [False, True, False, True]
    assert [math.isnan(losses[task]) for task in TASKS] == [False, True, False, True]
    with_all_paused = weights(network)
    train(3, *TASKS)
    assert same(with_all_paused, weights(network))
    train(4)
    resumed = states()
    assert not any(same(*pair) for pair in zip(after, resumed, strict=True))
    steps = {float(resumed[1][key] - before[1][key]) for key in before[1] if key.endswith("step")}
    assert steps == {float(math.ceil(len(small.train) / 256))}


@pytest.mark.parametrize("trunk", TRUNKS)
def test_no_network_has_running_statistics(small: Small, trunk: str) -> None:
    """They would change the outputs of a paused task."""
    params = document()
    params["model"]["trunk"] = {"kind": trunk}
    network = Network.seeded(parse_problem(params), small.encoder, 0)
    assert not any(isinstance(module, _NormBase) for module in network.modules())
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    network.train()
    network(small.train.slice(0, 200).inputs)
    assert same(before, dict(network.named_buffers()))


@pytest.mark.parametrize("policy", ["joint", "freeze", "hold"])
def test_a_task_whose_score_becomes_undefined_stops(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """From the third epoch on, while all others improve in every epoch."""
    numbers = iter(range(20))

    def scores(*_: object) -> dict[str, float]:
        number = next(numbers)
        return dict.fromkeys(TASKS, float(number)) | ({"late": math.nan} if number >= 2 else {})

    monkeypatch.setattr(mtl_core.training.loop, "normalised", scores)
    stopping = {"policy": policy, "patience": 2}
    _, result = run(small, tmp_path, epochs=7, batch_size=512, stopping=stopping)
    joint = policy == "joint"
    assert [epoch.stopped for epoch in result.epochs[:4]] == [(), (), (), TASKS if joint else ("late",)]
    assert len(result.epochs) == (4 if joint else 7)
    assert result.chosen == 2  # the last epoch in which every task has a score


def test_a_task_that_never_has_a_score_trains_but_does_not_keep_training_alive(small: Small, tmp_path: Path) -> None:
    """The AUC of `rare` is undefined, since the validation split has one class of it."""
    labels = small.validation.labels | {"rare": torch.ones_like(small.validation.labels["rare"])}
    validation = EncodedSplit(small.validation.inputs, labels)
    problem = small.declared(epochs=30, learning_rate=0.03, stopping={"policy": "freeze", "patience": 1})
    _, result = train(problem, small.encoder, small.train, validation, tmp_path)
    assert len(result.epochs) < 30
    assert all(math.isnan(epoch.scores["rare"]) and math.isfinite(epoch.losses["rare"]) for epoch in result.epochs)
    assert {task for epoch in result.epochs for task in epoch.stopped} == {"late", "band", "minutes"}
    assert math.isnan(result.best("rare"))
    assert result.standard_errors["rare"] == 1


def test_predictions_that_are_not_finite_have_no_score(small: Small) -> None:
    network = Network.seeded(small.problem, small.encoder, 0)
    with torch.no_grad():
        network.heads[0].last.bias.fill_(math.nan)
        network.heads[2].last.bias.fill_(math.nan)
    values = measured(small, network)
    scores = normalised(small.tasks, values, dict.fromkeys(TASKS, 1.0))
    assert [math.isfinite(scores[task]) for task in TASKS] == [False, True, False, True]


def test_a_task_with_negative_scores_stops_like_any_other(small: Small, tmp_path: Path) -> None:
    """The score of the mean absolute error is negative; a limit relative to it would have the wrong sign."""
    stopping = {"policy": "freeze", "patience": 2, "min_improvement": 1.0}
    _, result = run(small, tmp_path, epochs=30, learning_rate=0.02, stopping=stopping)
    assert all(epoch.scores["minutes"] < 0 for epoch in result.epochs)
    assert any("minutes" in epoch.stopped for epoch in result.epochs)
    assert len(result.epochs) < 30


def test_the_model_is_chosen_on_validation_without_the_test_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop has no parameter for the test split, and the stage does not open it."""
    parameters = inspect.signature(train).parameters.values()
    assert [p.name for p in parameters if p.annotation is EncodedSplit] == ["train_split", "validation"]
    problem, layout = document(epochs=3, finetune_heads={"epochs": 2}), Layout(tmp_path)
    (tmp_path / "data").mkdir()
    pq.write_table(table(), tmp_path / "data" / "part.parquet")
    (tmp_path / "params.yaml").write_text(json.dumps(problem), encoding="utf-8")
    quarantine = tmp_path / "quarantine.parquet"
    pq.write_table(pa.table({"part": pa.array([], pa.string()), "row": pa.array([], pa.int64())}), quarantine)
    prepare(tmp_path, parse_problem(problem), quarantine, layout.encoded)
    for path in (layout.encoded / "test", layout.encoded / "test.parquet", tmp_path / "data"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    opened: list[str] = []
    open_split = EncodedSplit.open
    monkeypatch.setattr(
        EncodedSplit, "open", lambda path, encoder: opened.append(path.name) or open_split(path, encoder)
    )
    stage.run(tmp_path)
    assert opened == ["train", "validation"]
    history = json.loads(layout.history.read_text(encoding="utf-8"))
    assert history["chosen"] == best_epoch([epoch["scores"] for epoch in history["epochs"]])
