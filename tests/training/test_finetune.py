"""Heads refitted on the final trunk: better on validation, or the old ones to the bit; and nothing else moves."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mtl_core.config import Problem, parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of
from mtl_core.nn.deterministic import deterministic
from mtl_core.training import FinetunedHead, Progress, TrainingResult
from mtl_core.training.checkpoint import CheckpointStore
from mtl_core.training.finetune import finetune_heads, representations
from mtl_core.training.scores import metric_values, standard_errors
from tests.grid import TRUNKS
from tests.small import Small, document
from tests.training.runs import Weights, run, same, weights

TASKS = ("late", "band", "minutes", "rare")
LONG = {"epochs": 12, "patience": 3}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with deterministic(1):
        yield


def declared(trunk: str = "shared_bottom", **training: Any) -> Problem:
    changed = document(**{"finetune_heads": LONG, **training})
    if trunk != "shared_bottom":
        changed["model"]["trunk"] = {"kind": trunk}
    return parse_problem(changed)


def untrained(small: Small, problem: Problem) -> Network:
    return Network.seeded(problem, small.encoder, problem.training.seed)


def measured(small: Small, network: Network, split: EncodedSplit | None = None) -> dict[str, float]:
    split = split or small.validation
    return metric_values(small.tasks, split, predictions_of(network, split))


def finetune(
    small: Small,
    network: Network,
    problem: Problem,
    folder: Path,
    train_split: EncodedSplit | None = None,
    validation: EncodedSplit | None = None,
) -> dict[str, FinetunedHead]:
    tasks, validation = small.tasks, validation or small.validation
    errors = standard_errors(tasks, small.validation, predictions_of(network, small.validation))
    folder.mkdir(exist_ok=True)
    found = finetune_heads(
        *(network, train_split or small.train, validation, problem.training, 64, errors),
        *(CheckpointStore(folder, ""), Progress()),
    )
    assert not list(folder.iterdir()), "what was kept of the trunk's outputs goes again"
    return {head.task: head for head in found}


def with_labels(
    split: EncodedSplit, task: str, labels: torch.Tensor, weight: torch.Tensor | None = None
) -> EncodedSplit:
    return EncodedSplit(split.inputs, split.labels | {task: labels}, {} if weight is None else {task: weight})


@pytest.mark.parametrize("trunk", TRUNKS)
def test_it_moves_heads_alone_and_says_what_became_of_each(small: Small, tmp_path: Path, trunk: str) -> None:
    # Seeds 0, 1, 4 and 5 draw some trunk on which the untrained head of `rare` happens to rank its few rows well.
    problem = declared(trunk, seed=2)
    network = untrained(small, problem)
    before, values = weights(network), measured(small, network)
    refits = finetune(small, network, problem, tmp_path)
    after, now = weights(network), measured(small, network)
    assert set(refits) == set(TASKS)
    assert all(refit.kept for refit in refits.values()), "an untrained head gets better"
    for position, task in enumerate(TASKS):
        assert refits[task].before == values[task], "to the bit what the whole network says"
        assert refits[task].after == now[task]
        own = f"heads.{position}."
        assert not same(*({k: v for k, v in some.items() if k.startswith(own)} for some in (before, after)))
    others = ({k: v for k, v in some.items() if not k.startswith("heads.")} for some in (before, after))
    assert same(*others)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_representations_are_what_heads_see_and_one_that_tasks_share_is_kept_once(
    small: Small, tmp_path: Path, trunk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtl_core.training.finetune.ROWS", 100)  # several batches, the last one not full
    problem = declared(trunk)
    without = problem.model_copy(update={"model": problem.model.model_copy(update={"private": 0})})
    network = untrained(small, without)
    found = representations(network, small.validation, tmp_path / "kept")
    with torch.inference_mode():
        expected = network.eval().represent(small.validation.slice(0, len(small.validation)).inputs)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == torch.float32
        torch.testing.assert_close(a, b)
    files = sorted(path.name for path in (tmp_path / "kept").iterdir())
    distinct = {id(x) for x in expected}
    assert len(files) == len(distinct)
    assert (len(files) == 1) == (trunk == "shared_bottom") or trunk not in ("shared_bottom", "single_task")


def test_a_head_that_does_not_get_better_by_enough_stays_bit_for_bit(small: Small, tmp_path: Path) -> None:
    """The same refit, with a limit just above and just below what it gained, in standard errors."""
    problem = declared()
    predictions = predictions_of(untrained(small, problem), small.validation)
    error = standard_errors(small.tasks, small.validation, predictions)["minutes"]
    # One epoch, so that the limit cannot stop it earlier.
    one = {"epochs": 1, "patience": 1}
    gained = finetune(small, untrained(small, problem), declared(finetune_heads=one), tmp_path)["minutes"]
    gain = (gained.before - gained.after) / error
    assert gain > 0
    for limit, kept in ((0.999 * gain, True), (1.001 * gain, False)):
        stopping = {"policy": "freeze", "tasks": {"minutes": {"min_improvement": limit}}}
        network = untrained(small, problem)
        before = weights(network.heads[2])
        found = finetune(small, network, declared(finetune_heads=one, stopping=stopping), tmp_path)["minutes"]
        assert found.kept == kept == (not same(before, weights(network.heads[2])))
        assert found.after == (gained.after if kept else found.before)
        assert found.epochs == 1


def test_a_head_that_diverges_stays_bit_for_bit(small: Small, tmp_path: Path) -> None:
    problem = declared(finetune_heads={"learning_rate": 1e38})
    network = untrained(small, problem)
    before = weights(network)
    refits = finetune(small, network, problem, tmp_path)
    assert not any(refit.kept for refit in refits.values())
    assert all(refit.after == refit.before and refit.epochs == 3 for refit in refits.values())
    assert same(before, weights(network))


def test_it_repeats_to_the_bit_and_every_head_is_refitted_by_itself(small: Small, tmp_path: Path) -> None:
    """Neither another task's labels nor what was drawn before change a head."""
    problem = declared()
    found: list[Weights] = []
    for labels in (small.train.labels["late"], 1 - small.train.labels["late"].clamp(min=0)):
        network = untrained(small, problem)
        torch.manual_seed(len(found))
        finetune(small, network, problem, tmp_path, with_labels(small.train, "late", labels))
        found.append(weights(network))
    first, second = found
    assert [k for k in first if not torch.equal(first[k], second[k])] == [k for k in first if k.startswith("heads.0.")]
    other = untrained(small, problem)
    finetune(small, other, declared(seed=1), tmp_path)
    assert not same(first, weights(other)), "another seed, another order"


def test_early_stopping_is_its_own(small: Small, tmp_path: Path) -> None:
    most = {
        task: found.epochs
        for task, found in finetune(small, untrained(small, declared()), declared(), tmp_path).items()
    }
    assert all(3 <= epochs <= 12 for epochs in most.values())
    one = declared(finetune_heads={"epochs": 1})
    assert {found.epochs for found in finetune(small, untrained(small, one), one, tmp_path).values()} == {1}
    # Epoch 0 is the best that there will be: labels of the wrong sign make every epoch worse.
    problem = declared(finetune_heads={"patience": 2})
    network = untrained(small, problem)
    finetune(small, network, problem, tmp_path)
    wrong = with_labels(small.train, "minutes", -small.train.labels["minutes"])
    assert finetune(small, network, problem, tmp_path, wrong)["minutes"].epochs == 2


def test_more_epochs_never_cost_a_head_its_best_one(small: Small, tmp_path: Path) -> None:
    """A longer refit begins with the same epochs, so its head can only be as good or better; a fast one overshoots."""
    metrics = {task.name: task.metric for task in small.tasks}
    courses: dict[str, list[float]] = {task: [] for task in TASKS}
    for epochs in range(1, 9):
        longer = {"epochs": epochs, "patience": 8, "learning_rate": 0.1}
        problem = declared(finetune_heads=longer)
        for task, refitted in finetune(small, untrained(small, problem), problem, tmp_path / str(epochs)).items():
            courses[task].append(metrics[task].oriented(refitted.after))
    assert all(course == sorted(course) for course in courses.values())
    assert any(len(set(course)) < len(course) for course in courses.values()), "some epoch must bring nothing"


def test_rows_of_no_weight_and_rows_without_a_label_teach_nothing(small: Small, tmp_path: Path) -> None:
    """Labels are spoilt where the weight is 0; nothing changes. Where every weight is 0, nothing moves."""
    problem, labels = declared(), small.train.labels["minutes"]
    counts = (torch.arange(len(small.train)) % 3 > 0).float()
    heads = []
    for spoilt in (labels, torch.where((counts > 0) | labels.isnan(), labels, 1e6)):
        network = untrained(small, problem)
        split = with_labels(small.train, "minutes", spoilt, counts)
        assert finetune(small, network, problem, tmp_path, split)["minutes"].kept
        heads.append(weights(network.heads[2]))
    assert same(*heads)
    network = untrained(small, problem)
    before = weights(network.heads[2])
    found = finetune(small, network, problem, tmp_path, with_labels(small.train, "minutes", labels, counts * 0))[
        "minutes"
    ]
    assert not found.kept
    assert same(before, weights(network.heads[2]))


def test_left_out_are_a_task_without_a_score_and_one_that_teaches_itself(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = declared()
    network = untrained(small, problem)
    monkeypatch.setattr(network.objectives[2], "unsupervised", True)
    before = weights(network)
    one_class = with_labels(small.validation, "rare", torch.ones_like(small.validation.labels["rare"]))
    assert set(finetune(small, network, problem, tmp_path, validation=one_class)) == {"late", "band"}
    after = weights(network)
    assert all(torch.equal(before[k], after[k]) for k in before if k.startswith(("heads.2.", "heads.3.")))


def test_the_trunk_drops_nothing_out(small: Small, tmp_path: Path) -> None:
    """Its outputs are those of a trunk without dropout."""
    with_dropout = document()
    with_dropout["model"]["trunk"] |= {"dropout": 0.9}
    network = untrained(small, parse_problem(with_dropout))
    network.train()
    first = representations(network, small.train, tmp_path / "a")[0].clone()
    assert torch.equal(first, representations(network, small.train, tmp_path / "b")[0])
    assert not any(isinstance(module, nn.Dropout) and module.training for module in network.trunk.modules())


def final(small: Small, outcome: TrainingResult, found: Weights, problem: Problem) -> None:
    """The outcome's final values are those of the network with these weights."""
    network = untrained(small, problem)
    network.load_state_dict(found)
    assert {task: outcome.final(task) for task in TASKS} == measured(small, network)


def test_in_a_training_it_goes_on_from_the_chosen_epoch(small: Small, tmp_path: Path) -> None:
    short = {"epochs": 2, "stopping": {"policy": "joint"}, "calibration": False}
    plain, without = run(small, tmp_path / "off", **short)
    refitted, outcome = run(small, tmp_path / "on", **short, finetune_heads=LONG)
    assert without.refits == ()
    final(small, without, plain, small.declared(**short))
    final(small, outcome, refitted, small.declared(**short))
    kept = {found.task for found in outcome.refits if found.kept}
    assert kept, "after two epochs there is something to gain"
    changed = {key for key in plain if not torch.equal(plain[key], refitted[key])}
    heads = {task: f"heads.{position}." for position, task in enumerate(TASKS)}
    assert {key for key in changed if not key.startswith("heads.")} == set()
    assert {task for task, own in heads.items() if any(key.startswith(own) for key in changed)} == kept
    assert [found.task for found in outcome.refits] == list(TASKS)
    assert all(math.isfinite(found.before) and math.isfinite(found.after) for found in outcome.refits)
    assert {found.task: found.before for found in outcome.refits} == outcome.epochs[outcome.chosen - 1].values


def test_its_own_learning_rate_is_taken_and_that_of_training_where_none_is_given(small: Small, tmp_path: Path) -> None:
    found = []
    for changes in ({"learning_rate": 0.003}, {"finetune_heads": {**LONG, "learning_rate": 0.003}}, {}):
        problem = declared(**changes)
        network = untrained(small, problem)
        finetune(small, network, problem, tmp_path)
        found.append(weights(network))
    assert same(found[0], found[1])
    assert not same(found[0], found[2])


def test_files_are_as_large_as_said(small: Small, tmp_path: Path) -> None:
    """4 bytes x rows x width, beside a header."""
    representations(untrained(small, declared()), small.train, tmp_path / "kept")
    width, paths = 16 + 32, list((tmp_path / "kept").iterdir())
    assert len(paths) == len(small.tasks)
    for path in paths:
        assert np.load(path, mmap_mode="r").shape == (len(small.train), width)
        assert 0 < path.stat().st_size - 4 * len(small.train) * width < 1000
