"""Tasks that teach themselves: when they begin, what teaches them, that they learn, and that all of it repeats."""

import importlib
import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.metrics import normalized_mutual_info_score
from torch.testing import assert_close

from flows.layout import Layout
from flows.stages import check, export, prepare
from flows.stages import train as train_stage
from mtl_core.config import parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.errors import CheckFailed
from mtl_core.export.session import open_graph, run_graph
from mtl_core.model import Network
from mtl_core.model.inference import logits_of
from mtl_core.nn.centroids import Centroids
from mtl_core.tasks.clustering import ClusteringObjective
from mtl_core.training import Epoch, TrainingResult, train
from mtl_core.training import unsupervised as module
from mtl_core.training.losses import task_losses
from mtl_core.training.unsupervised import unsupervised_targets
from tests.small import Small, document, prepared
from tests.training.runs import Callbacks

loop = importlib.import_module("mtl_core.training.loop")
ROWS = 600
GENRES = np.array(["Drama", "War", "Western"])
CENTRES = np.array([[2.5, 0, 0], [0, 2.5, 0], [0, 0, 2.5], [-2, -2, -2]])


def rows() -> pa.Table:
    """Four groups in three numbers, and what follows from them: a yes or no, labels as a text and as columns."""
    random = np.random.default_rng(0)
    group = random.integers(0, 4, ROWS)
    x = CENTRES[group] + random.normal(size=(ROWS, 3))
    on = np.stack([group == 0, group < 2, x[:, 2] > 0], axis=1)
    texts = ["|".join(GENRES[row]) or "-" for row in on]
    return pa.table(
        {
            "key": pa.array(np.arange(ROWS)),
            "x": x[:, 0],
            "y": x[:, 1],
            "z": x[:, 2],
            "group": pa.array([f"g{place}" for place in group], mask=random.random(ROWS) < 0.3),
            "late": (x[:, 0] + x[:, 1] > 0).astype(int),
            "genres": pa.array(texts, mask=random.random(ROWS) < 0.2),
            "drama": pa.array(on[:, 0], mask=random.random(ROWS) < 0.5),
            "war": pa.array(on[:, 1], mask=random.random(ROWS) < 0.5),
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


def declared(**training: Any) -> dict[str, Any]:
    # The groups are round in the numbers as they are; pieces of them would bend that.
    features = {name: {"kind": "numeric", "bins": 0} for name in ("x", "y", "z")}
    return document(**{"epochs": 4, **training}) | {"features": features, "tasks": TASKS}


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return prepared(tmp_path_factory.mktemp("groups"), declared(), rows())


def run(groups: Small, scratch: Path, **training: Any) -> tuple[Network, TrainingResult]:
    problem = parse_problem(declared(**training))
    return train(problem, groups.encoder, groups.train, groups.validation, scratch)


def clustering(groups: Small, position: int) -> ClusteringObjective:
    found = groups.tasks[position]
    assert isinstance(found, ClusteringObjective)
    return found


def seeded(groups: Small, seed: int = 0) -> Network:
    return Network.seeded(groups.problem, groups.encoder, seed)


def targets_of(groups: Small, network: Network, number: int, **options: Any) -> Any:
    return unsupervised_targets(network, groups.train, epoch=number, seed=0, **options)


def weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_it_learns_from_itself(groups: Small, tmp_path: Path) -> None:
    network, outcome = run(groups, tmp_path, epochs=8, stopping={"patience": 8})
    for name, start in (("group", 2), ("free", 3)):
        losses = [epoch.losses[name] for epoch in outcome.epochs]
        assert [math.isnan(loss) for loss in losses] == [number < start for number in range(1, 9)]
        assert losses[-1] < 0.8 * losses[start - 1]
        values = [epoch.values[name] for epoch in outcome.epochs]
        assert [math.isnan(value) for value in values] == [number < start for number in range(1, 9)]
    values = [epoch.values["group"] for epoch in outcome.epochs[1:]]
    assert values[0] > 0.3, "k-means finds more than the trivial prediction, which has 0"
    assert max(values) > values[0] + 0.05, "and learning from itself more than k-means"
    assert outcome.chosen >= 3, "no epoch is the model before every task has begun"
    probabilities = torch.cat([task_of(groups, logits) for _, logits in logits_of(network, groups.validation)])
    labels = groups.validation.labels["group"]
    known = labels >= 0
    found = normalized_mutual_info_score(labels[known].numpy(), probabilities[known].argmax(dim=1).numpy())
    assert found == pytest.approx(outcome.epochs[outcome.chosen - 1].values["group"])


def task_of(groups: Small, logits: dict[str, torch.Tensor]) -> torch.Tensor:
    return clustering(groups, GROUP).inverse_link(logits["group"])


def test_before_it_begins_it_takes_no_part(groups: Small, tmp_path: Path) -> None:
    network = seeded(groups)
    before = weights(network.heads[GROUP])
    assert targets_of(groups, network, 1) == {}
    batch = groups.train.slice(0, 64)
    assert list(task_losses(groups.tasks, network(batch.inputs), batch, {})) == [0, 1, 2]
    trained, outcome = run(groups, tmp_path, epochs=1, weight_decay=0.1)
    assert same(before, weights(trained.heads[GROUP]))
    assert math.isnan(outcome.epochs[0].losses["group"])
    assert "group" in outcome.epochs[0].paused


def test_it_begins_with_k_means_on_its_points(groups: Small) -> None:
    network = seeded(groups)
    first = network.heads[GROUP].last
    assert isinstance(first, Centroids)
    kept = weights(network)
    soft = targets_of(groups, network, 2)
    assert list(soft) == ["group"]
    changed = [name for name, tensor in weights(network).items() if not torch.equal(tensor, kept[name])]
    assert changed == [f"heads.{GROUP}.last.centroids"]
    network.eval()
    with torch.no_grad():
        seen = network.represent(groups.train.inputs)[GROUP]
        points = first.points(network.heads[GROUP].hidden(seen))
    nearest = torch.cdist(points, first.centroids).argmin(dim=1)
    means = torch.stack([points[nearest == cluster].mean(dim=0) for cluster in range(4)])
    assert_close(first.centroids.detach(), means, rtol=1e-4, atol=1e-4)


def test_the_targets_are_of_the_whole_training_split_as_the_network_is(groups: Small) -> None:
    """Computed in evaluation mode, in the order of the rows, from no more than the network and the seed."""
    network, other = seeded(groups), seeded(groups)
    other.train()
    torch.manual_seed(5)
    found, again = (targets_of(groups, one, 3) for one in (network, other))
    assert same(weights(network), weights(other))
    for name, position in (("group", GROUP), ("free", FREE)):
        assert torch.equal(found[name].logits, again[name].logits)
        assert (found[name].weight, len(found[name].logits)) == (1, len(groups.train))
        logits = torch.cat([logits[name] for _, logits in logits_of(network, groups.train)])
        expected = clustering(groups, position).target_logits(logits, groups.train.weights.get(name))
        assert_close(found[name].logits, expected)
    assert_close(found["free"].logits.softmax(dim=1).sum(dim=1), torch.ones(len(groups.train)))
    unweighted = EncodedSplit(groups.train.inputs, groups.train.labels)
    fresh = unsupervised_targets(seeded(groups), unweighted, epoch=3, seed=0)
    assert not torch.allclose(fresh["free"].logits, found["free"].logits), "the weights of rows count"


def test_centroids_are_placed_once_only(groups: Small) -> None:
    network = seeded(groups)
    targets_of(groups, network, 2)
    placed = weights(network)
    targets_of(groups, network, 4)
    assert same(placed, weights(network)), "neither begins with epoch 4"
    targets_of(groups, network, 3)
    changed = [name for name, tensor in weights(network).items() if not torch.equal(tensor, placed[name])]
    assert changed == [f"heads.{FREE}.last.centroids"]


def test_who_learns_otherwise_or_rests_is_left_out(groups: Small) -> None:
    assert list(targets_of(groups, seeded(groups), 5, excluded=("group", "late"))) == ["free"]
    assert targets_of(groups, seeded(groups), 5, excluded=("group", "free")) == {}


@pytest.mark.parametrize("policy", ["hold", "freeze"])
def test_once_stopped_it_makes_no_targets_any_more(
    groups: Small, tmp_path: Path, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held it learns from its own best weights, whose targets stay the same; at rest it learns from nothing."""
    taught: list[dict[str, torch.Tensor]] = []
    whole = loop.train_epoch

    def train_epoch(*arguments: Any, soft_targets: Any, **options: Any) -> Any:
        taught.append({name: targets.logits.clone() for name, targets in soft_targets.items()})
        return whole(*arguments, soft_targets=soft_targets, **options)

    monkeypatch.setattr(loop, "train_epoch", train_epoch)
    soon = {"patience": 1, "min_improvement": 1e6}
    _, outcome = run(groups, tmp_path, epochs=6, stopping={"policy": policy, "patience": 9, "tasks": {"group": soon}})
    assert [epoch.number for epoch in outcome.epochs if "group" in epoch.stopped] == [3]
    assert not torch.equal(taught[1]["group"], taught[2]["group"]), "anew before every epoch"
    if policy == "hold":
        assert torch.equal(taught[3]["group"], taught[4]["group"])
        assert torch.equal(taught[4]["group"], taught[5]["group"])
    else:
        assert not any("group" in soft for soft in taught[3:])
    assert not torch.equal(taught[4]["free"], taught[5]["free"]), "the other goes on"


def test_a_large_split_is_sampled_to_begin(groups: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    network, sizes = seeded(groups), []
    whole = ClusteringObjective.initial_parameters

    def start(task: ClusteringObjective, layer: Any, x: torch.Tensor, *others: Any) -> dict[str, torch.Tensor]:
        sizes.append((len(x), len(others[0]) if others[0] is not None else None))
        return whole(task, layer, x, *others)

    monkeypatch.setattr(ClusteringObjective, "initial_parameters", start)
    monkeypatch.setattr(module, "SAMPLE", 100)
    assert len(targets_of(groups, network, 3)["free"].logits) == len(groups.train)
    targets_of(groups, network, 2)
    assert sizes == [(100, 100), (100, None)]
    monkeypatch.setattr(module, "SAMPLE", 10**6)
    targets_of(groups, network, 2)
    assert sizes[2] == (len(groups.train), None)


def test_every_row_teaches_also_one_without_a_class(groups: Small) -> None:
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
    assert gradient[batch.weights["free"] == 0].eq(0).all(), "but none that weighs nothing"


class CrashError(Exception):
    """Stands for a crash between two epochs."""


@pytest.mark.parametrize("policy", ["hold", "freeze"])
def test_interrupted_after_any_epoch_it_goes_on_to_the_same_weights(groups: Small, tmp_path: Path, policy: str) -> None:
    options = {"epochs": 7, "stopping": {"policy": policy, "patience": 1}}
    expected, undisturbed = run(groups, tmp_path / "undisturbed", **options)
    stopped = {task for epoch in undisturbed.epochs for task in epoch.stopped}
    assert stopped, "some task must stop, and some must not, for the law to say anything"

    def interrupt(epoch: Epoch) -> None:
        if epoch.number not in seen:
            seen.add(epoch.number)
            raise CrashError

    seen: set[int] = set()
    problem = parse_problem(declared(**options))
    for _ in undisturbed.epochs:
        with pytest.raises(CrashError):
            train(
                problem,
                groups.encoder,
                groups.train,
                groups.validation,
                tmp_path / "cut",
                Callbacks(on_epoch=interrupt),
            )
    resumed, outcome = run(groups, tmp_path / "cut", **options)
    assert same(weights(expected), weights(resumed))
    assert outcome.chosen == undisturbed.chosen
    losses = [[epoch.losses for epoch in one.epochs] for one in (outcome, undisturbed)]
    np.testing.assert_equal(losses[0], losses[1])


@pytest.mark.parametrize("policy", ["hold", "freeze", "joint"])
def test_it_is_not_stopped_before_it_has_begun(groups: Small, tmp_path: Path, policy: str) -> None:
    """However long it waits, and however soon all others have stopped."""
    late = {**TASKS, "free": {**TASKS["free"], "warm_up": 5}}
    problem = parse_problem(declared(stopping={"policy": policy, "patience": 1}) | {"tasks": late})
    assert problem.training.epochs < 6
    problem = problem.model_copy(update={"training": problem.training.model_copy(update={"epochs": 8})})
    _, outcome = train(problem, groups.encoder, groups.train, groups.validation, tmp_path)
    stops = {task: epoch.number for epoch in outcome.epochs for task in epoch.stopped}
    assert stops.get("free", 8) >= 6
    assert len(outcome.epochs) >= 6
    assert math.isfinite(outcome.epochs[5].values["free"])
    assert outcome.standard_errors["free"] not in (0, 1), "its unit of noise is that of its first score"


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """The problem's folder after the stages from prepare to check."""
    folder = tmp_path_factory.mktemp("stages")
    layout = Layout(folder)
    (folder / "data").mkdir()
    pq.write_table(rows(), folder / "data" / "part.parquet")
    (folder / "params.yaml").write_text(json.dumps(declared()))
    layout.validation.mkdir(parents=True)
    nothing = pa.table({"part": pa.array([], pa.string()), "row": pa.array([], pa.int64())})
    pq.write_table(nothing, layout.quarantine)
    for stage in (prepare, train_stage, export):
        stage.run(folder)
    with suppress(CheckFailed):  # what chance decides after four epochs; the checks are looked at one by one
        check.run(folder)
    return layout


def test_the_graph_says_what_the_network_says(stages: Layout) -> None:
    checks = {entry["name"]: entry["value"] for entry in json.loads(stages.checks.read_text())["checks"]}
    assert checks["parity"] < 1e-5
    assert checks["parity on adversarial rows"] < 1e-5
    encoder, raw = Encoder.load(stages.encoder), pq.read_table(stages.encoded / "test.parquet")
    names = [codec.name for codec in encoder.tasks]
    found = run_graph(open_graph(stages.graph.read_bytes()), raw, encoder.inputs, names)
    assert {name: values.shape[1:] for name, values in found.items()} == {
        "late": (),
        "genres": (3,),
        "cells": (2,),
        "group": (4,),
        "free": (5,),
    }
    for name in ("group", "free"):
        np.testing.assert_allclose(found[name].sum(axis=1), 1, rtol=1e-5)
    assert ((found["genres"] > 0) & (found["genres"] < 1)).all()


def test_the_stages_carry_both_kinds_to_the_end(stages: Layout) -> None:
    table = pq.read_table(stages.predictions)
    widths = {field.name: getattr(field.type, "list_size", 0) for field in table.schema}
    labels = {"late": 0, "genres": 3, "cells": 2, "group": 0, "free": 0}
    predictions = {"late": 0, "genres": 3, "cells": 2, "group": 4, "free": 5}
    assert {name: widths[f"label/{name}"] for name in labels} == labels
    assert {name: widths[f"prediction/{name}"] for name in predictions} == predictions
    raw = pq.read_table(stages.encoded / "test.parquet")
    assert table["label/cells"].to_pylist() == [
        [-1 if answer is None else int(answer) for answer in row]
        for row in zip(raw["drama"].to_pylist(), raw["war"].to_pylist(), strict=True)
    ]
    outputs = {output["name"]: output for output in json.loads(stages.signature.read_text())["outputs"]}
    assert outputs["cells"]["labels"] == ["drama", "war"]
    assert (outputs["free"]["form"], outputs["free"]["clusters"]) == ("cluster_probabilities", 5)
    evaluated = json.loads(stages.evaluation.read_text())
    assert evaluated["free"]["nmi"]["value"] is None
    assert evaluated["group"]["nmi"]["value"] > evaluated["group"]["nmi"]["trivial"] == 0
