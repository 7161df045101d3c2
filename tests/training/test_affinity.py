"""Gradient cosines and affinities: their values, and that measuring does not change the training."""

import copy
import json
import math
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mtl_core.config import RelatednessOptions, parse_problem
from mtl_core.config.budget import budget_of
from mtl_core.data.encoded import Batch
from mtl_core.distillation.soft_targets import SoftTargets
from mtl_core.errors import ProblemError
from mtl_core.model import Network
from mtl_core.training import affinity
from mtl_core.training.affinity import Probe
from mtl_core.training.epoch import optimizer_of, train_epoch
from mtl_core.training.history import TaskRelatedness
from mtl_core.training.losses import task_losses
from tests.grid import TRUNKS, small_trunk
from tests.small import Small, document, prepared, table
from tests.training.runs import run, same, weights

NAMES = ("late", "band", "minutes", "rare")
BATCH = 64
EVERY_STEP = {"every": 1, "affinity": True}
NONE = {"every": 0}


class Trained:
    """A network of the small problem after an epoch, its optimiser, and a batch in which every task has labels."""

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
        assert all(task.trains_on(self.batch.labels[task.name]).any() for task in self.tasks)

    def measure(self, batch: Batch | None = None, **options: Any) -> TaskRelatedness:
        probe = Probe(self.network, self.optimizer, RelatednessOptions(**(EVERY_STEP | options)), 1)
        probe.measure(0, 1, batch or self.batch, {})
        relatedness = probe.result()
        assert relatedness is not None
        return relatedness

    def losses(self, network: Network) -> dict[int, Tensor]:
        network.eval()
        return task_losses(self.tasks, network(self.batch.inputs), self.batch, {})

    def gradients(self, position: int) -> list[Tensor]:
        """Gradients of a task's loss on the shared parameters, from a backward pass on a copy."""
        network = copy.deepcopy(self.network)
        self.losses(network)[position].backward()
        return [torch.zeros_like(p) if p.grad is None else p.grad for p in network.shared().parameters]


@pytest.fixture(scope="module")
def trained(small: Small) -> Trained:
    """Tests must not modify it."""
    return Trained(small)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_measuring_does_not_change_weights_and_losses(small: Small, tmp_path: Path, trunk: str) -> None:
    model = document()["model"] | {"trunk": small_trunk(trunk)}
    training = {"epochs": 2, "batch_size": 256, "stopping": {"policy": "hold", "patience": 1}}
    trainings = []
    for options in (EVERY_STEP, NONE):
        problem = parse_problem(document(**training, relatedness=options) | {"model": model})
        trained, result = run(small, tmp_path / str(options["every"]), problem=problem)
        trainings.append((trained, [epoch.losses for epoch in result.epochs]))
        measured = [epoch.relatedness is not None for epoch in result.epochs]
        assert measured == [options == EVERY_STEP and trunk != "single_task"] * 2
    assert same(trainings[0][0], trainings[1][0])
    assert str(trainings[0][1]) == str(trainings[1][1])


def test_measuring_does_not_change_random_balancing(small: Small, tmp_path: Path) -> None:
    training = {"epochs": 2, "balancing": {"method": "random"}}
    measured, _ = run(small, tmp_path / "measured", **training, relatedness=EVERY_STEP)
    plain, _ = run(small, tmp_path / "plain", **training, relatedness=NONE)
    assert same(measured, plain)


@pytest.mark.parametrize("training", [True, False])
def test_a_measurement_leaves_weights_gradients_mode_and_random_state_unchanged(
    trained: Trained, training: bool
) -> None:
    network, optimizer = trained.network, trained.optimizer
    network.train(training)
    before, state, random_state = weights(network), copy.deepcopy(optimizer.state_dict()), torch.get_rng_state()
    trained.measure()
    assert same(before, weights(network))
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(module.training is training for module in network.modules())
    assert torch.equal(random_state, torch.get_rng_state())
    assert str(state) == str(optimizer.state_dict())


def test_a_measurement_that_fails_does_not_change_the_mode(trained: Trained) -> None:
    trained.network.train()
    with pytest.raises(KeyError):
        trained.measure(replace(trained.batch, labels={}))
    assert trained.network.training


def test_cosines_are_those_of_separate_gradients(trained: Trained) -> None:
    rows = [torch.cat([part.flatten() for part in trained.gradients(position)]) for position in range(4)]
    cosines = trained.measure().cosines
    for a, b in combinations(range(4), 2):
        expected = torch.nn.functional.cosine_similarity(rows[a], rows[b], dim=0).item()
        assert cosines[NAMES[a]][NAMES[b]] == pytest.approx(expected, abs=1e-5)
    assert sum(map(len, cosines.values())) == 6


def test_affinities_are_those_of_a_step_of_adamw_without_momentum(trained: Trained) -> None:
    """Equation 1 of TAG."""
    affinities = trained.measure().affinities
    before = trained.losses(trained.network)
    for source in range(4):
        network = copy.deepcopy(trained.network)
        shared = network.shared().parameters
        optimizer = torch.optim.AdamW(shared, lr=0.01, weight_decay=0.0)
        originals = trained.network.shared().parameters
        for parameter, original, gradient in zip(shared, originals, trained.gradients(source), strict=True):
            state = trained.optimizer.state[original]
            beta, step = 0.9, state["step"].item() + 1
            parameter.grad = gradient / 4
            # With this average the bias-corrected momentum equals the gradient.
            average = parameter.grad * ((1 - beta**step) - (1 - beta)) / beta
            optimizer.state[parameter] = {
                "step": state["step"].clone(),
                "exp_avg": average,
                "exp_avg_sq": state["exp_avg_sq"].clone(),
            }
        optimizer.step()
        after = trained.losses(network)
        for target in range(4):
            expected = 1 - after[target].item() / before[target].item()
            assert affinities[NAMES[source]][NAMES[target]] == pytest.approx(expected, abs=2e-5)


def test_steps_between_measurements_are_counted_over_all_epochs(small: Small, tmp_path: Path) -> None:
    steps = math.ceil(len(small.train) / BATCH)
    _, result = run(small, tmp_path, epochs=4, batch_size=BATCH, relatedness={"every": 7})
    counts = [epoch.relatedness.measurements if epoch.relatedness else 0 for epoch in result.epochs]
    assert counts == [number * steps // 7 - (number - 1) * steps // 7 for number in range(1, 5)]
    assert all(epoch.relatedness and not epoch.relatedness.affinities for epoch in result.epochs)
    _, result = run(small, tmp_path / "rare", epochs=2, batch_size=BATCH, relatedness={"every": steps + 1})
    assert [epoch.relatedness is None for epoch in result.epochs] == [True, False]


def test_before_the_first_step_there_is_no_affinity(small: Small) -> None:
    fresh = Trained(small)
    fresh.optimizer.state.clear()
    relatedness = fresh.measure()
    assert relatedness.cosines
    assert relatedness.affinities == {}


def test_paused_and_distilled_tasks_are_measured_too(small: Small, tmp_path: Path) -> None:
    for policy in ("freeze", "hold"):
        stopping = {"policy": policy, "patience": 1, "tasks": {"late": {"min_improvement": 1_000}}}
        _, result = run(small, tmp_path / policy, epochs=3, stopping=stopping, relatedness=EVERY_STEP)
        last = result.epochs[-1]
        assert "late" in (last.distilled if policy == "hold" else last.paused)
        assert last.relatedness is not None
        assert set(last.relatedness.affinities) == set(NAMES)


def test_a_task_without_a_label_in_the_batch_has_no_cosine_and_no_affinity(trained: Trained) -> None:
    labels = trained.batch.labels | {"rare": torch.full_like(trained.batch.labels["rare"], -1)}
    relatedness = trained.measure(replace(trained.batch, labels=labels))
    assert set(relatedness.cosines) == {"late", "band"}
    assert all(set(targets) == {"late", "band", "minutes"} for targets in relatedness.affinities.values())
    unlabelled = {name: torch.full_like(values, -1) for name, values in labels.items()}
    unlabelled["minutes"] = torch.full_like(labels["minutes"], math.nan)
    assert trained.measure(replace(trained.batch, labels=unlabelled)) == TaskRelatedness(cosines={}, measurements=1)


@pytest.mark.parametrize("shift", [-1e6, math.nan, math.inf])
def test_a_loss_that_is_not_above_0_is_no_target_of_affinities(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    def shifted(*arguments: Any) -> dict[int, Tensor]:
        losses = task_losses(*arguments)
        return losses | {1: losses[1] + shift}

    monkeypatch.setattr(affinity, "task_losses", shifted)
    relatedness = trained.measure()
    assert all("band" not in targets for targets in relatedness.affinities.values())
    assert "band" in relatedness.affinities  # its gradient has not changed
    assert "NaN" not in json.dumps(relatedness.model_dump())


def test_a_gradient_that_is_0_has_no_cosine(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    def constant(*arguments: Any) -> dict[int, Tensor]:
        losses = task_losses(*arguments)
        return losses | {0: losses[0] * 0 + 1}

    monkeypatch.setattr(affinity, "task_losses", constant)
    relatedness = trained.measure()
    assert set(relatedness.cosines) == {"band", "minutes"}
    assert relatedness.affinities["late"] == dict.fromkeys(NAMES, 0.0)  # a step of length 0


def test_an_unsupervised_task_is_measured_from_its_start_on(tmp_path: Path) -> None:
    params = document(batch_size=BATCH, epochs=3, relatedness=EVERY_STEP)
    params["tasks"]["group"] = {"kind": "clustering", "clusters": 3, "warm_up": 1}
    small = prepared(tmp_path, params, table(300))
    _, result = run(small, tmp_path / "training", problem=small.problem)
    measured = [epoch.relatedness.affinities.keys() for epoch in result.epochs if epoch.relatedness]
    assert ["group" in tasks for tasks in measured] == ["group" not in epoch.paused for epoch in result.epochs]
    assert "group" in measured[-1]


def test_soft_targets_of_a_supervised_task_are_ignored(trained: Trained) -> None:
    probe = Probe(trained.network, trained.optimizer, RelatednessOptions(**EVERY_STEP), 1)
    soft = {"minutes": SoftTargets(logits=torch.full((200, 1), 100.0))}
    probe.measure(0, 1, trained.batch, soft)
    assert probe.result() == trained.measure()


def test_a_single_task_is_not_measured(tmp_path: Path) -> None:
    params = document(relatedness=EVERY_STEP, epochs=1)
    params["tasks"] = {"late": params["tasks"]["late"]}
    small = prepared(tmp_path, params, table(300))
    _, result = run(small, tmp_path / "training", problem=small.problem)
    assert result.epochs[0].relatedness is None


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"every": -1}, r"training\.relatedness\.every"),
        ({"every": 0, "affinity": True}, "affinity: .* `every: 0`"),
        ({"evry": 3}, r"training\.relatedness\.evry"),
    ],
)
def test_refused_options(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ProblemError, match=match):
        parse_problem(document(relatedness=options))


def test_by_default_cosines_are_measured_every_100_steps() -> None:
    assert parse_problem(document()).training.relatedness == RelatednessOptions(every=100, affinity=False)
