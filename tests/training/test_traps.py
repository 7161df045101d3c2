"""The traps of stopping tasks apart on one model, each as a test. Most public code falls into one or another."""

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
from tests.training.runs import Watched, Weights, run, same, weights

TASKS = ("late", "band", "minutes", "rare")
METHODS = list(tagged(AnyBalancing))
NEEDED: dict[str, dict[str, Any]] = {"constant": {"weights": dict.fromkeys(TASKS, 1.0)}}
"""Required options of balancings."""


def measured(small: Small, network: Network) -> dict[str, float]:
    tasks = small.tasks
    return metric_values(tasks, small.validation, predictions_of(network, small.validation))


@pytest.mark.parametrize("averaged", [True, False])
def test_a_frozen_head_under_a_moving_trunk_is_scored_on_the_trunk_as_it_is(
    small: Small, tmp_path: Path, averaged: bool
) -> None:
    """Its value changes while it rests, and what is reported in the end is not its best but what the model has.

    Scored is the average of the weights where that is declared: a head at rest keeps its own, and its trunk's moves.
    """
    stopping = {"policy": "freeze", "patience": 1}
    seen = Watched(small, tmp_path, epochs=12, learning_rate=0.08, stopping=stopping, average_weights=averaged)
    epochs, outcome = seen.outcome.epochs, seen.outcome
    for epoch in epochs:
        assert epoch.values == measured(small, seen.after(epoch.number))
        assert same(seen.averages[epoch.number - 1], seen.weights[epoch.number - 1]) == (not averaged)
    rested = [(task, epoch.number) for epoch in epochs for task in epoch.paused]
    assert rested
    for task, number in rested:
        assert same(seen.own(task, number - 1), seen.own(task, number))
        # Not the value: `rare` has so few rows that its AUC may stay where it is, at 1.
        was, now = (predictions_of(seen.after(n), small.validation)[task] for n in (number - 1, number))
        assert not np.array_equal(was, now)
    assert any(epochs[number - 1].values[task] != epochs[number - 2].values[task] for task, number in rested)
    assert {task: outcome.final(task) for task in TASKS} == measured(small, seen.final)
    assert any(outcome.final(task) != outcome.best(task) for task, _ in rested)


def known_of(optimizer: torch.optim.Optimizer, parameters: tuple[nn.Parameter, ...]) -> Weights:
    """The parameters, and all that the optimiser knows of them."""
    found = {str(place): parameter.detach().clone() for place, parameter in enumerate(parameters)}
    for place, parameter in enumerate(parameters):
        found |= {f"{place} {key}": value.clone() for key, value in optimizer.state[parameter].items()}
    return found


@pytest.mark.parametrize(
    ("trunk", "method"),
    [*((trunk, "mean") for trunk in TRUNKS), *(("shared_bottom", method) for method in METHODS if method != "mean")],
)
def test_weight_decay_and_momentum_move_nothing_that_rests(small: Small, trunk: str, method: str) -> None:
    """Nor does the trunk's own part for a task, nor a balancing; and after its rest the task goes on where it was."""
    changed = document(weight_decay=0.1, balancing={"method": method, **NEEDED.get(method, {})}, batch_size=256)
    changed["model"]["trunk"] = {"kind": trunk}
    problem, tasks = parse_problem(changed), small.tasks
    network = Network.seeded(problem, small.encoder, 0)
    balancer = problem.training.balancing.build(network.tasks)
    optimizer = optimizer_of(network, balancer, problem.training)

    def known() -> list[Weights]:
        return [known_of(optimizer, network.task_parameters(position)) for position in range(len(tasks))]

    def epoch(number: int, *resting: str) -> dict[str, float]:
        budget = budget_of(problem.training, len(small.train))
        arguments = (network, balancer, optimizer, small.train, problem.training, budget)
        return train_epoch(*arguments, epoch=number, paused=resting)

    epoch(1)
    before = known()
    assert all(any(key.endswith("exp_avg") and value.any() for key, value in own.items()) for own in before)
    losses = epoch(2, "band", "rare")
    after = known()
    assert [same(*pair) for pair in zip(before, after, strict=True)] == [False, True, False, True]
    assert [math.isnan(losses[task]) for task in TASKS] == [False, True, False, True]
    rest = weights(network)
    epoch(3, *TASKS)
    assert same(rest, weights(network)), "with all at rest nothing moves, shared or not"
    epoch(4)
    again = known()
    assert not any(same(*pair) for pair in zip(after, again, strict=True))
    steps = {float(again[1][key] - before[1][key]) for key in before[1] if key.endswith("step")}
    assert steps == {float(math.ceil(len(small.train) / 256))}, "its state was kept, not begun anew"


@pytest.mark.parametrize("trunk", TRUNKS)
def test_no_network_has_running_statistics_that_a_task_at_rest_could_see_move(small: Small, trunk: str) -> None:
    changed = document()
    changed["model"]["trunk"] = {"kind": trunk}
    network = Network.seeded(parse_problem(changed), small.encoder, 0)
    assert not any(isinstance(module, _NormBase) for module in network.modules())
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    network.train()
    network(small.train.slice(0, 200).inputs)
    assert same(before, dict(network.named_buffers()))


@pytest.mark.parametrize("policy", ["joint", "freeze", "hold"])
def test_a_task_whose_score_breaks_down_stops_and_does_not_run_on(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """Undefined from the third epoch on, while all others improve for ever."""
    told = iter(range(20))

    def scores(*_: object) -> dict[str, float]:
        number = next(told)
        return dict.fromkeys(TASKS, float(number)) | ({"late": math.nan} if number >= 2 else {})

    monkeypatch.setattr(mtl_core.training.loop, "normalised", scores)
    stopping = {"policy": policy, "patience": 2}
    _, outcome = run(small, tmp_path, epochs=7, batch_size=512, stopping=stopping)
    together = policy == "joint"
    assert [epoch.stopped for epoch in outcome.epochs[:4]] == [(), (), (), TASKS if together else ("late",)]
    assert len(outcome.epochs) == (4 if together else 7)
    assert outcome.chosen == 2, "the last epoch in which every task has a score"


def test_a_task_that_never_has_a_score_keeps_nobody_training(small: Small, tmp_path: Path) -> None:
    """The validation split has one class of `rare` only, whose AUC is undefined; it trains all the same."""
    labels = small.validation.labels | {"rare": torch.ones_like(small.validation.labels["rare"])}
    validation = EncodedSplit(small.validation.inputs, labels)
    problem = small.declared(epochs=30, learning_rate=0.03, stopping={"policy": "freeze", "patience": 1})
    _, outcome = train(problem, small.encoder, small.train, validation, tmp_path)
    assert len(outcome.epochs) < 30
    assert all(math.isnan(epoch.scores["rare"]) and math.isfinite(epoch.losses["rare"]) for epoch in outcome.epochs)
    assert {task for epoch in outcome.epochs for task in epoch.stopped} == {"late", "band", "minutes"}
    assert math.isnan(outcome.best("rare"))
    assert outcome.standard_errors["rare"] == 1


def test_a_network_that_broke_down_has_no_score_and_no_crash(small: Small) -> None:
    network = Network.seeded(small.problem, small.encoder, 0)
    with torch.no_grad():
        network.heads[0].last.bias.fill_(math.nan)
        network.heads[2].last.bias.fill_(math.nan)
    values = measured(small, network)
    scores = normalised(small.tasks, values, dict.fromkeys(TASKS, 1.0))
    assert [math.isfinite(scores[task]) for task in TASKS] == [False, True, False, True]


def test_negative_scores_stop_like_any_other(small: Small, tmp_path: Path) -> None:
    """The mean absolute error as a score is below 0; an improvement of 5 % of it would go the wrong way."""
    stopping = {"policy": "freeze", "patience": 2, "min_improvement": 1.0}
    _, outcome = run(small, tmp_path, epochs=30, learning_rate=0.02, stopping=stopping)
    assert all(epoch.scores["minutes"] < 0 for epoch in outcome.epochs)
    assert any("minutes" in epoch.stopped for epoch in outcome.epochs)
    assert len(outcome.epochs) < 30


def test_the_model_is_chosen_on_validation_and_training_never_sees_the_test_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop is given no test split; the stage opens none, and needs none.

    The choice follows from the scores on validation alone.
    """
    given = inspect.signature(train).parameters.values()
    assert [p.name for p in given if p.annotation is EncodedSplit] == ["train_split", "validation"]
    problem, layout = document(epochs=3, finetune_heads={"epochs": 2}), Layout(tmp_path)
    (tmp_path / "data").mkdir()
    pq.write_table(table(), tmp_path / "data" / "part.parquet")
    (tmp_path / "params.yaml").write_text(json.dumps(problem), encoding="utf-8")
    nothing = tmp_path / "quarantine.parquet"
    pq.write_table(pa.table({"part": pa.array([], pa.string()), "row": pa.array([], pa.int64())}), nothing)
    prepare(tmp_path, parse_problem(problem), nothing, layout.encoded)
    for path in (layout.encoded / "test", layout.encoded / "test.parquet", tmp_path / "data"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    opened: list[str] = []
    real = EncodedSplit.open
    monkeypatch.setattr(EncodedSplit, "open", lambda path, encoder: opened.append(path.name) or real(path, encoder))
    stage.run(tmp_path)
    assert opened == ["train", "validation"]
    history = json.loads(layout.history.read_text(encoding="utf-8"))
    assert history["chosen"] == best_epoch([epoch["scores"] for epoch in history["epochs"]])


def test_a_head_refitted_on_the_final_trunk_makes_no_task_worse_on_validation(small: Small, tmp_path: Path) -> None:
    """A high learning rate: most refits are for the worse, and are taken back."""
    refitting = {"epochs": 3, "patience": 3, "learning_rate": 0.15}
    options = {"epochs": 4, "stopping": {"policy": "freeze"}, "calibration": False}
    plain, without = run(small, tmp_path / "off", **options)
    refitted, outcome = run(small, tmp_path / "on", **options, finetune_heads=refitting)
    network = Network.seeded(small.problem, small.encoder, 0)
    network.load_state_dict(refitted)
    now = measured(small, network)
    assert {refit.kept for refit in outcome.refits} == {True, False}, "or the law says little"
    for task, refit in zip(small.tasks, outcome.refits, strict=True):
        gain = task.metric.oriented(now[task.name]) - task.metric.oriented(without.final(task.name))
        assert gain > 0 if refit.kept else gain == 0
        assert outcome.final(task.name) == now[task.name]
    assert all(torch.equal(plain[key], refitted[key]) for key in plain if not key.startswith("heads."))
