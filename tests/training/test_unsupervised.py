"""Unsupervised tasks: their start, their targets, and their training up to the exported model."""

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from sklearn.metrics import normalized_mutual_info_score
from torch.testing import assert_close

from mtl_core.config import parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.model.inference import logits_of
from mtl_core.nn.centroids import Centroids
from mtl_core.tasks.clustering import ClusteringObjective
from mtl_core.training import TrainingResult
from mtl_core.training import unsupervised as module
from mtl_core.training.losses import task_losses
from mtl_core.training.unsupervised import unsupervised_targets
from tests.small import Small, document, prepared
from tests.training.runs import CrashInjector, Weights, same, to_json, train_small, weights

loop = importlib.import_module("mtl_core.training.loop")
ROWS = 600
GENRES = np.array(["Drama", "War", "Western"])
CENTRES = np.array([[2.5, 0, 0], [0, 2.5, 0], [0, 0, 2.5], [-2, -2, -2]])


def rows() -> pa.Table:
    """Four groups in three numbers; a binary label, and multilabels as text and as columns, that depend on these."""
    random = np.random.default_rng(0)
    group = random.integers(0, 4, ROWS)
    x = CENTRES[group] + random.normal(size=(ROWS, 3))
    labels = np.stack([group == 0, group < 2, x[:, 2] > 0], axis=1)
    texts = ["|".join(GENRES[row]) or "-" for row in labels]
    return pa.table(
        {
            "key": pa.array(np.arange(ROWS)),
            "x": x[:, 0],
            "y": x[:, 1],
            "z": x[:, 2],
            "group": pa.array([f"g{number}" for number in group], mask=random.random(ROWS) < 0.3),
            "late": (x[:, 0] + x[:, 1] > 0).astype(int),
            "genres": pa.array(texts, mask=random.random(ROWS) < 0.2),
            "drama": pa.array(labels[:, 0], mask=random.random(ROWS) < 0.5),
            "war": pa.array(labels[:, 1], mask=random.random(ROWS) < 0.5),
            "copies": random.integers(0, 3, ROWS),
        }
    )


TASKS: dict[str, Any] = {
    "late": {"kind": "binary", "target": "late", "weight_column": "copies"},
    "genres": {"kind": "multilabel", "target": "genres", "none": "-"},
    "cells": {"kind": "multilabel", "columns": ["drama", "war"], "positive_weight": "balanced"},
    "group": {"kind": "clustering", "target": "group", "clusters": 4},
    "free": {"kind": "clustering", "clusters": 5, "warm_up": 2, "weight_column": "copies"},
}
GROUP, FREE = 3, 4


def params(**training: Any) -> dict[str, Any]:
    # Without bins, since the groups are spherical in the numbers themselves.
    features = {name: {"kind": "numeric", "bins": 0} for name in ("x", "y", "z")}
    return document(**{"epochs": 4, **training}) | {"features": features, "tasks": TASKS}


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return prepared(tmp_path_factory.mktemp("groups"), params(), rows())


def train_groups(groups: Small, folder: Path, **training: Any) -> tuple[Network, TrainingResult]:
    return train_small(groups, folder, problem=parse_problem(params(**training)))


def clustering(groups: Small, position: int) -> ClusteringObjective:
    task = groups.tasks[position]
    assert isinstance(task, ClusteringObjective)
    return task


def seeded(groups: Small, seed: int = 0) -> Network:
    return Network.seeded(groups.problem, groups.encoder, seed)


def targets_of(groups: Small, network: Network, epoch: int, **options: Any) -> Any:
    return unsupervised_targets(network, groups.train, epoch=epoch, seed=0, **options)


def changed_weights(network: Network, before: Weights) -> list[str]:
    return [name for name, tensor in weights(network).items() if not torch.equal(tensor, before[name])]


def test_unsupervised_tasks_learn_from_their_start_epoch_on(groups: Small, tmp_path: Path) -> None:
    network, result = train_groups(groups, tmp_path, epochs=8, stopping={"patience": 8})
    for name, start in (("group", 2), ("free", 3)):
        losses = [epoch.losses[name] for epoch in result.epochs]
        assert [math.isnan(loss) for loss in losses] == [number < start for number in range(1, 9)]
        assert losses[-1] < 0.8 * losses[start - 1]
        values = [epoch.values[name] for epoch in result.epochs]
        assert [math.isnan(value) for value in values] == [number < start for number in range(1, 9)]
    values = [epoch.values["group"] for epoch in result.epochs[1:]]
    assert values[0] > 0.3  # by the initial k-means
    assert max(values) > values[0] + 0.05
    assert result.chosen >= 3  # every task has started
    link = clustering(groups, GROUP).inverse_link
    probabilities = torch.cat([link(logits["group"]) for _, logits in logits_of(network, groups.validation)])
    labels = groups.validation.labels["group"]
    mask = labels >= 0
    nmi = normalized_mutual_info_score(labels[mask].numpy(), probabilities[mask].argmax(dim=1).numpy())
    assert nmi == pytest.approx(result.epochs[result.chosen - 1].values["group"])


def test_before_its_start_epoch_a_task_takes_no_part(groups: Small, tmp_path: Path) -> None:
    network = seeded(groups)
    before = weights(network.heads[GROUP])
    assert targets_of(groups, network, 1) == {}
    batch = groups.train.slice(0, 64)
    assert list(task_losses(groups.tasks, network(batch.inputs), batch, {})) == [0, 1, 2]
    trained, result = train_groups(groups, tmp_path, epochs=1, weight_decay=0.1)
    assert same(before, weights(trained.heads[GROUP]))
    assert math.isnan(result.epochs[0].losses["group"])
    assert "group" in result.epochs[0].paused


def test_the_initial_centroids_are_those_of_k_means(groups: Small) -> None:
    network = seeded(groups)
    layer = network.heads[GROUP].last
    assert isinstance(layer, Centroids)
    before = weights(network)
    assert list(targets_of(groups, network, 2)) == ["group"]
    assert changed_weights(network, before) == [f"heads.{GROUP}.last.centroids"]
    network.eval()
    with torch.no_grad():
        points = layer.points(network.heads[GROUP].hidden(network.represent(groups.train.inputs)[GROUP]))
    nearest = torch.cdist(points, layer.centroids).argmin(dim=1)
    means = torch.stack([points[nearest == cluster].mean(dim=0) for cluster in range(4)])
    assert_close(layer.centroids.detach(), means, rtol=1e-4, atol=1e-4)


def test_targets_depend_on_the_network_and_the_seed_alone(groups: Small) -> None:
    """Outputs of all training rows in order, in evaluation mode."""
    network, other = seeded(groups), seeded(groups)
    other.train()
    torch.manual_seed(5)
    targets, repeated = targets_of(groups, network, 3), targets_of(groups, other, 3)
    assert same(weights(network), weights(other))
    for name, position in (("group", GROUP), ("free", FREE)):
        assert torch.equal(targets[name].logits, repeated[name].logits)
        assert (targets[name].weight, len(targets[name].logits)) == (1, len(groups.train))
        logits = torch.cat([logits[name] for _, logits in logits_of(network, groups.train)])
        expected = clustering(groups, position).target_logits(logits, groups.train.weights.get(name))
        assert_close(targets[name].logits, expected)
    assert_close(targets["free"].logits.softmax(dim=1).sum(dim=1), torch.ones(len(groups.train)))
    unweighted = EncodedSplit(groups.train.inputs, groups.train.labels)
    without_weights = unsupervised_targets(seeded(groups), unweighted, epoch=3, seed=0)
    assert not torch.allclose(without_weights["free"].logits, targets["free"].logits)


def test_centroids_are_initialised_in_the_start_epoch_alone(groups: Small) -> None:
    network = seeded(groups)
    targets_of(groups, network, 2)
    before = weights(network)
    targets_of(groups, network, 4)
    assert changed_weights(network, before) == []
    targets_of(groups, network, 3)
    assert changed_weights(network, before) == [f"heads.{FREE}.last.centroids"]


def test_excluded_tasks_have_no_targets(groups: Small) -> None:
    assert list(targets_of(groups, seeded(groups), 5, excluded=("group", "late"))) == ["free"]
    assert targets_of(groups, seeded(groups), 5, excluded=("group", "free")) == {}


@pytest.mark.parametrize("policy", ["hold", "freeze"])
def test_a_stopped_task_has_the_targets_of_its_policy(
    groups: Small, tmp_path: Path, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under `hold` constant ones of its best epoch, under `freeze` none."""
    logits: list[dict[str, torch.Tensor]] = []
    original = loop.train_epoch

    def train_epoch(*arguments: Any, soft_targets: Any, **options: Any) -> Any:
        logits.append({name: targets.logits.clone() for name, targets in soft_targets.items()})
        return original(*arguments, soft_targets=soft_targets, **options)

    monkeypatch.setattr(loop, "train_epoch", train_epoch)
    stop = {"patience": 1, "min_improvement": 1e6}
    _, result = train_groups(
        groups, tmp_path, epochs=6, stopping={"policy": policy, "patience": 9, "tasks": {"group": stop}}
    )
    assert [epoch.number for epoch in result.epochs if "group" in epoch.stopped] == [3]
    assert not torch.equal(logits[1]["group"], logits[2]["group"])
    if policy == "hold":
        assert torch.equal(logits[3]["group"], logits[4]["group"])
        assert torch.equal(logits[4]["group"], logits[5]["group"])
    else:
        assert not any("group" in of_epoch for of_epoch in logits[3:])
    assert not torch.equal(logits[4]["free"], logits[5]["free"])


def test_the_initial_centroids_are_computed_from_a_sample(groups: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    network, sizes = seeded(groups), []
    original = ClusteringObjective.initial_parameters

    def recording(task: ClusteringObjective, layer: Any, x: torch.Tensor, weights: Any, k_means: Any) -> Any:
        sizes.append((len(x), None if weights is None else len(weights)))
        return original(task, layer, x, weights, k_means)

    monkeypatch.setattr(ClusteringObjective, "initial_parameters", recording)
    monkeypatch.setattr(module, "MAX_SAMPLE_ROWS", 100)
    assert len(targets_of(groups, network, 3)["free"].logits) == len(groups.train)
    targets_of(groups, network, 2)
    assert sizes == [(100, 100), (100, None)]
    monkeypatch.setattr(module, "MAX_SAMPLE_ROWS", 10**6)
    targets_of(groups, network, 2)
    assert sizes[2] == (len(groups.train), None)


def test_every_row_has_a_gradient_but_those_of_weight_0(groups: Small) -> None:
    network, batch = seeded(groups), groups.train.slice(0, 200)
    soft = {name: targets.take(torch.arange(200)) for name, targets in targets_of(groups, network, 3).items()}
    logits = network(batch.inputs)
    losses = task_losses(groups.tasks, logits, batch, soft)
    assert list(losses) == [0, 1, 2, GROUP, FREE]
    (gradient,) = torch.autograd.grad(losses[GROUP], logits["group"], retain_graph=True)
    unlabelled = batch.labels["group"] < 0
    assert unlabelled.any()
    assert gradient[unlabelled].abs().sum(dim=1).gt(0).all()
    (gradient,) = torch.autograd.grad(losses[FREE], logits["free"])
    assert gradient[batch.weights["free"] == 0].eq(0).all()


@pytest.mark.parametrize("policy", ["hold", "freeze"])
def test_a_training_that_crashed_at_every_point_is_bit_identical(groups: Small, tmp_path: Path, policy: str) -> None:
    problem = parse_problem(params(epochs=7, stopping={"policy": policy, "patience": 1}))
    expected, uninterrupted = train_small(groups, tmp_path / "uninterrupted", problem=problem)
    assert any(epoch.stopped for epoch in uninterrupted.epochs)
    resumed, result = CrashInjector().run(groups, tmp_path / "crashed", problem=problem)
    assert same(weights(expected), resumed)
    assert to_json(result) == to_json(uninterrupted)


@pytest.mark.parametrize("policy", ["hold", "freeze", "joint"])
def test_training_waits_for_a_task_that_starts_late(groups: Small, tmp_path: Path, policy: str) -> None:
    late = {**TASKS, "free": {**TASKS["free"], "warm_up": 5}}
    problem = parse_problem(params(stopping={"policy": policy, "patience": 1}) | {"tasks": late})
    assert problem.training.epochs < 6
    problem = problem.model_copy(update={"training": problem.training.model_copy(update={"epochs": 8})})
    _, result = train_small(groups, tmp_path, problem=problem)
    stops = {task: epoch.number for epoch in result.epochs for task in epoch.stopped}
    assert stops.get("free", 8) >= 6
    assert len(result.epochs) >= 6
    assert math.isfinite(result.epochs[5].values["free"])
    assert result.standard_errors["free"] not in (0, 1)
