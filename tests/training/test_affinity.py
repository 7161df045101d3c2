"""Watching the tasks' gradients: what it tells, and that the training does not notice it."""

import copy
import json
import math
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from torch import Tensor

from mtl_core.config import RelatednessOptions, parse_problem
from mtl_core.config.budget import budget_of
from mtl_core.data.encoded import Batch
from mtl_core.distillation.soft_targets import SoftTargets
from mtl_core.errors import ProblemError
from mtl_core.model import Network
from mtl_core.training import affinity, train
from mtl_core.training.affinity import Probe
from mtl_core.training.epoch import optimizer_of, train_epoch
from mtl_core.training.history import Relations
from mtl_core.training.losses import task_losses
from tests.grid import TRUNKS, small_trunk
from tests.small import Small, document, prepared, table
from tests.training.runs import Crashes, run, same, weights, without_times

NAMES = ("late", "band", "minutes", "rare")
BATCH = 64
ALL = {"every": 1, "affinity": True}
NEVER = {"every": 0}


class Trained:
    """A network of the small problem after an epoch, with its optimiser and a batch."""

    def __init__(self, small: Small, **training: Any) -> None:
        problem = small.declared(batch_size=BATCH, **training)
        self.tasks = small.tasks
        torch.set_num_threads(1)
        self.network = Network.seeded(problem, small.encoder, 0)
        balancer = problem.training.balancing.build(self.network.tasks)
        self.optimizer = optimizer_of(self.network, balancer, problem.training)
        train_epoch(
            *(self.network, balancer, self.optimizer, small.train, problem.training),
            budget_of(problem.training, len(small.train)),
            epoch=1,
        )
        self.optimizer.zero_grad()
        self.batch: Batch = small.train.slice(0, 200)

    def measure(self, batch: Batch | None = None, **options: Any) -> Relations:
        probe = Probe(self.network, self.optimizer, RelatednessOptions(**(ALL | options)), 1)
        probe.measure(0, 1, batch or self.batch, {})
        found = probe.relations()
        assert found is not None
        return found

    def losses(self, network: Network) -> dict[int, Tensor]:
        network.eval()
        return task_losses(self.tasks, network(self.batch.inputs), self.batch, {})

    def gradients(self, position: int) -> list[Tensor]:
        """Gradients of one task's loss by the shared parameters, by a pass of its own."""
        network = copy.deepcopy(self.network)
        self.losses(network)[position].backward()
        return [torch.zeros_like(p) if p.grad is None else p.grad for p in network.shared().parameters]


@pytest.fixture(scope="module")
def trained(small: Small) -> Trained:
    """Not to be changed."""
    return Trained(small)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_the_weights_are_the_same_to_the_bit_whether_it_looks_or_not(small: Small, tmp_path: Path, trunk: str) -> None:
    model = document()["model"] | {"trunk": small_trunk(trunk)}
    training = {"epochs": 2, "batch_size": 256, "stopping": {"policy": "hold", "patience": 1}}
    found = {}
    for name, options in {"all": ALL, "never": NEVER}.items():
        problem = parse_problem(document(**training, relatedness=options) | {"model": model})
        network, outcome = train(problem, small.encoder, small.train, small.validation, tmp_path / name)
        found[name] = weights(network), [epoch.losses for epoch in outcome.epochs]
        watched = [epoch.relatedness is not None for epoch in outcome.epochs]
        assert watched == [name == "all" and trunk != "single_task"] * 2
    assert same(found["all"][0], found["never"][0])
    assert str(found["all"][1]) == str(found["never"][1])


def test_a_balancing_that_draws_random_numbers_draws_the_same(small: Small, tmp_path: Path) -> None:
    training = {"epochs": 2, "balancing": {"method": "random"}}
    with_looks, _ = run(small, tmp_path / "a", **training, relatedness=ALL)
    without, _ = run(small, tmp_path / "b", **training, relatedness=NEVER)
    assert same(with_looks, without)


@pytest.mark.parametrize("training", [True, False])
def test_a_look_leaves_weights_gradients_mode_and_random_state_alone(trained: Trained, training: bool) -> None:
    network, optimizer = trained.network, trained.optimizer
    network.train(training)
    before, state, drawn = weights(network), copy.deepcopy(optimizer.state_dict()), torch.get_rng_state()
    trained.measure()
    assert same(before, weights(network))
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(module.training is training for module in network.modules())
    assert torch.equal(drawn, torch.get_rng_state())
    assert str(state) == str(optimizer.state_dict())


def test_a_look_that_fails_leaves_the_mode_alone(trained: Trained) -> None:
    trained.network.train()
    broken = replace(trained.batch, labels={})
    with pytest.raises(KeyError):
        trained.measure(broken)
    assert trained.network.training


def test_the_cosines_are_those_of_gradients_taken_one_by_one(trained: Trained) -> None:
    rows = [torch.cat([part.flatten() for part in trained.gradients(position)]) for position in range(4)]
    found = trained.measure().cosines
    for a, b in combinations(range(4), 2):
        expected = torch.nn.functional.cosine_similarity(rows[a], rows[b], dim=0).item()
        assert found[NAMES[a]][NAMES[b]] == pytest.approx(expected, abs=1e-5)
    assert sum(map(len, found.values())) == 6


def test_the_affinities_are_what_a_step_by_hand_does(trained: Trained) -> None:
    """Equation 1 of TAG, with the step that AdamW's own code takes without momentum."""
    found = trained.measure().affinities
    before = trained.losses(trained.network)
    for source in range(4):
        network = copy.deepcopy(trained.network)
        shared = network.shared().parameters
        optimizer = torch.optim.AdamW(shared, lr=0.01, weight_decay=0.0)
        for mine, theirs, gradient in zip(
            shared, trained.network.shared().parameters, trained.gradients(source), strict=True
        ):
            state = trained.optimizer.state[theirs]
            beta, step = 0.9, state["step"].item() + 1
            mine.grad = gradient / 4
            # The average that makes the corrected momentum the gradient itself.
            average = mine.grad * ((1 - beta**step) - (1 - beta)) / beta
            optimizer.state[mine] = {
                "step": state["step"].clone(),
                "exp_avg": average,
                "exp_avg_sq": state["exp_avg_sq"].clone(),
            }
        optimizer.step()
        after = trained.losses(network)
        for target in range(4):
            expected = 1 - after[target].item() / before[target].item()
            assert found[NAMES[source]][NAMES[target]] == pytest.approx(expected, abs=2e-5)


def test_looks_are_counted_over_the_whole_training(small: Small, tmp_path: Path) -> None:
    steps = math.ceil(len(small.train) / BATCH)
    _, outcome = run(small, tmp_path, epochs=4, batch_size=BATCH, relatedness={"every": 7})
    counts = [epoch.relatedness.probes if epoch.relatedness else 0 for epoch in outcome.epochs]
    assert counts == [number * steps // 7 - (number - 1) * steps // 7 for number in range(1, 5)]
    assert all(epoch.relatedness and not epoch.relatedness.affinities for epoch in outcome.epochs)
    _, outcome = run(small, tmp_path / "rare", epochs=2, batch_size=BATCH, relatedness={"every": steps + 1})
    assert [epoch.relatedness is None for epoch in outcome.epochs] == [True, False]


def test_before_the_first_step_there_is_no_affinity(small: Small) -> None:
    fresh = Trained(small)
    fresh.optimizer.state.clear()
    found = fresh.measure()
    assert found.cosines
    assert found.affinities == {}


def test_a_training_that_was_killed_at_any_moment_tells_the_same(small: Small, tmp_path: Path) -> None:
    training = {"epochs": 3, "relatedness": {"every": 5, "affinity": True}}
    whole, outcome = run(small, tmp_path / "whole", **training)
    killed, again = Crashes().run(small, tmp_path / "killed", **training)
    assert same(whole, killed)
    assert without_times(outcome) == without_times(again)
    assert outcome.epochs[-1].relatedness is not None


def test_a_task_at_rest_and_a_held_one_are_watched_too(small: Small, tmp_path: Path) -> None:
    for policy in ("freeze", "hold"):
        stopping = {"policy": policy, "patience": 1, "tasks": {"late": {"min_improvement": 1_000}}}
        _, outcome = run(small, tmp_path / policy, epochs=3, stopping=stopping, relatedness=ALL)
        last = outcome.epochs[-1]
        assert "late" in (last.distilled if policy == "hold" else last.paused)
        assert last.relatedness is not None
        assert set(last.relatedness.affinities) == set(NAMES)


def test_a_task_without_a_label_in_the_batch_is_left_out(trained: Trained) -> None:
    labels = trained.batch.labels | {"rare": torch.full_like(trained.batch.labels["rare"], -1)}
    found = trained.measure(replace(trained.batch, labels=labels))
    assert set(found.cosines) == {"late", "band"}
    assert all(set(targets) == {"late", "band", "minutes"} for targets in found.affinities.values())
    nothing = {name: torch.full_like(values, -1) for name, values in labels.items()}
    nothing["minutes"] = torch.full_like(labels["minutes"], math.nan)
    assert trained.measure(replace(trained.batch, labels=nothing)) == Relations(cosines={}, probes=1)


@pytest.mark.parametrize("shift", [-1e6, math.nan, math.inf])
def test_a_loss_that_is_not_above_0_is_no_target_and_nothing_is_ever_nan(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    def shifted(*arguments: Any) -> dict[int, Tensor]:
        losses = task_losses(*arguments)
        return losses | {1: losses[1] + shift}

    monkeypatch.setattr(affinity, "task_losses", shifted)
    found = trained.measure()
    assert all("band" not in targets for targets in found.affinities.values())
    assert "band" in found.affinities  # its gradient is as it was
    assert "NaN" not in json.dumps(found.model_dump())


def test_a_gradient_that_is_0_has_no_cosine(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    def silenced(*arguments: Any) -> dict[int, Tensor]:
        losses = task_losses(*arguments)
        return losses | {0: losses[0] * 0 + 1}

    monkeypatch.setattr(affinity, "task_losses", silenced)
    found = trained.measure()
    assert set(found.cosines) == {"band", "minutes"}
    assert found.affinities["late"] == dict.fromkeys(NAMES, 0.0)  # a step of length 0


def test_a_task_that_teaches_itself_is_watched_where_it_has_soft_targets(tmp_path: Path) -> None:
    declared = document(batch_size=BATCH)
    declared["tasks"]["group"] = {"kind": "clustering", "clusters": 3, "warm_up": 1}
    small = prepared(tmp_path, declared, table(300))
    options = {"epochs": 3, "relatedness": ALL}
    problem = parse_problem(declared | {"training": declared["training"] | options})
    _, outcome = train(problem, small.encoder, small.train, small.validation, tmp_path / "scratch")
    watched = [epoch.relatedness.affinities.keys() for epoch in outcome.epochs if epoch.relatedness]
    assert ["group" in tasks for tasks in watched] == ["group" not in epoch.paused for epoch in outcome.epochs]
    assert "group" in watched[-1]


def test_soft_targets_of_a_task_with_labels_do_not_count(trained: Trained) -> None:
    probe = Probe(trained.network, trained.optimizer, RelatednessOptions(**ALL), 1)
    soft = {"minutes": SoftTargets(logits=torch.full((200, 1), 100.0))}
    probe.measure(0, 1, trained.batch, soft)
    assert probe.relations() == trained.measure()


def test_one_task_alone_is_not_watched(tmp_path: Path) -> None:
    declared = document(relatedness=ALL, epochs=1)
    declared["tasks"] = {"late": declared["tasks"]["late"]}
    small = prepared(tmp_path, declared, table(300))
    _, outcome = train(small.problem, small.encoder, small.train, small.validation, tmp_path / "scratch")
    assert outcome.epochs[0].relatedness is None


def test_what_it_tells_survives_the_file() -> None:
    relations = Relations(cosines={"a": {"b": 0.1}}, affinities={"a": {"a": 1 / 3, "b": -0.2}}, probes=2)
    assert Relations.model_validate_json(relations.model_dump_json()) == relations


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"every": -1}, "training.relatedness.every"),
        ({"every": 0, "affinity": True}, "affinity: needs measurements, found `every: 0`"),
        ({"evry": 3}, "training.relatedness.evry"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ProblemError) as refused:
        parse_problem(document(relatedness=options))
    assert words in str(refused.value)


def test_the_defaults_look_now_and_then_and_say_cosines_alone() -> None:
    assert parse_problem(document()).training.relatedness == RelatednessOptions(every=100, affinity=False)


def test_the_rows_are_there(small: Small) -> None:
    """The laws above need batches in which every task has a label."""
    assert isinstance(table(), pa.Table)
    assert all(task.trains_on(small.train.slice(0, 200).labels[task.name]).any() for task in small.tasks)
