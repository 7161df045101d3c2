"""Fine-tuned heads: better on validation or restored bit by bit, while all other parameters stay."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mtl_core.config import Problem, parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of
from mtl_core.nn.deterministic import deterministic
from mtl_core.training import FinetunedHead, Progress
from mtl_core.training.checkpoint import CheckpointStore
from mtl_core.training.finetune import finetune_heads, representations
from mtl_core.training.scores import metric_values, standard_errors
from tests.grid import TRUNKS
from tests.small import Small, document
from tests.training.runs import Weights, run, same, train_small, weights

TASKS = ("late", "band", "minutes", "rare")
LONG = {"epochs": 12, "patience": 3}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with deterministic(1):
        yield


def problem_with(trunk: str = "shared_bottom", **training: Any) -> Problem:
    params = document(**{"finetune_heads": LONG, **training})
    if trunk != "shared_bottom":
        params["model"]["trunk"] = {"kind": trunk}
    return parse_problem(params)


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
    heads = finetune_heads(
        *(network, train_split or small.train, validation, problem.training, 64, errors),
        *(CheckpointStore(folder, ""), Progress()),
    )
    assert not list(folder.iterdir())
    return {head.task: head for head in heads}


def with_labels(
    split: EncodedSplit, task: str, labels: torch.Tensor, weight: torch.Tensor | None = None
) -> EncodedSplit:
    return EncodedSplit(split.inputs, split.labels | {task: labels}, {} if weight is None else {task: weight})


@pytest.mark.parametrize("trunk", TRUNKS)
def test_heads_alone_change_and_have_a_record_each(small: Small, tmp_path: Path, trunk: str) -> None:
    # With seeds 0, 1, 4 and 5 the untrained head of `rare` ranks its few rows well on some trunk.
    problem = problem_with(trunk, seed=2)
    network = untrained(small, problem)
    before, values_before = weights(network), measured(small, network)
    records = finetune(small, network, problem, tmp_path)
    after, values_after = weights(network), measured(small, network)
    assert set(records) == set(TASKS)
    assert all(record.improved for record in records.values())
    assert {task: record.before for task, record in records.items()} == values_before
    assert {task: record.after for task, record in records.items()} == values_after
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[1] for name in changed} == {"0", "1", "2", "3"}
    assert all(name.startswith("heads.") for name in changed)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_representations_are_the_inputs_of_heads_and_shared_ones_are_stored_once(
    small: Small, tmp_path: Path, trunk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtl_core.training.finetune.CHUNK_ROWS", 100)  # several batches, the last one incomplete
    problem = problem_with(trunk)
    without = problem.model_copy(update={"model": problem.model.model_copy(update={"private": 0})})
    network = untrained(small, without)
    stored = representations(network, small.validation, tmp_path / "stored", range(len(network.tasks)))
    with torch.inference_mode():
        expected = network.eval().represent(small.validation.slice(0, len(small.validation)).inputs)
    for a, b in zip(stored.values(), expected, strict=True):
        assert a.dtype == torch.float32
        torch.testing.assert_close(a, b)
    files = list((tmp_path / "stored").iterdir())
    assert len(files) == len({id(x) for x in expected})
    assert (len(files) == 1) == (trunk == "shared_bottom")


def test_a_head_that_does_not_improve_by_more_than_the_minimum_is_restored(small: Small, tmp_path: Path) -> None:
    """With minimum improvements just below and just above its gain in standard errors."""
    problem = problem_with()
    predictions = predictions_of(untrained(small, problem), small.validation)
    error = standard_errors(small.tasks, small.validation, predictions)["minutes"]
    one_epoch = {"epochs": 1, "patience": 1}
    without_minimum = finetune(small, untrained(small, problem), problem_with(finetune_heads=one_epoch), tmp_path)[
        "minutes"
    ]
    gain = (without_minimum.before - without_minimum.after) / error
    assert gain > 0
    for minimum, improved in ((0.999 * gain, True), (1.001 * gain, False)):
        stopping = {"policy": "freeze", "tasks": {"minutes": {"min_improvement": minimum}}}
        network = untrained(small, problem)
        before = weights(network.heads[2])
        changed = problem_with(finetune_heads=one_epoch, stopping=stopping)
        record = finetune(small, network, changed, tmp_path)["minutes"]
        assert record.improved == improved == (not same(before, weights(network.heads[2])))
        assert record.after == (without_minimum.after if improved else record.before)
        assert record.epochs == 1


def test_a_head_that_diverges_is_restored(small: Small, tmp_path: Path) -> None:
    problem = problem_with(finetune_heads={"learning_rate": 1e38})
    network = untrained(small, problem)
    before = weights(network)
    for record in finetune(small, network, problem, tmp_path).values():
        assert not record.improved
        assert record.after == record.before
        assert record.epochs == 3
    assert same(before, weights(network))


def test_a_head_depends_on_the_seed_and_on_the_labels_of_its_task_alone(small: Small, tmp_path: Path) -> None:
    problem = problem_with()
    trained: list[Weights] = []
    for labels in (small.train.labels["late"], 1 - small.train.labels["late"].clamp(min=0)):
        network = untrained(small, problem)
        torch.manual_seed(len(trained))
        finetune(small, network, problem, tmp_path, with_labels(small.train, "late", labels))
        trained.append(weights(network))
    first, second = trained
    assert [k for k in first if not torch.equal(first[k], second[k])] == [k for k in first if k.startswith("heads.0.")]
    other = untrained(small, problem)
    finetune(small, other, problem_with(seed=1), tmp_path)
    assert not same(first, weights(other))


def test_a_head_trains_until_patience_runs_out_or_the_maximum_number_of_epochs(small: Small, tmp_path: Path) -> None:
    one_epoch = problem_with(finetune_heads={"epochs": 1})
    records = finetune(small, untrained(small, one_epoch), one_epoch, tmp_path)
    assert {record.epochs for record in records.values()} == {1}
    # With labels of the wrong sign no epoch improves.
    problem = problem_with(finetune_heads={"patience": 2})
    network = untrained(small, problem)
    finetune(small, network, problem, tmp_path)
    negated = with_labels(small.train, "minutes", -small.train.labels["minutes"])
    assert finetune(small, network, problem, tmp_path, negated)["minutes"].epochs == 2


def test_a_head_has_its_best_epoch(small: Small, tmp_path: Path) -> None:
    """A longer training starts with the same epochs, so its head is never worse; at a high rate some epochs are."""
    metrics = {task.name: task.metric for task in small.tasks}
    scores: dict[str, list[float]] = {task: [] for task in TASKS}
    for epochs in range(1, 9):
        problem = problem_with(finetune_heads={"epochs": epochs, "patience": 8, "learning_rate": 0.1})
        for task, record in finetune(small, untrained(small, problem), problem, tmp_path / str(epochs)).items():
            scores[task].append(metrics[task].oriented(record.after))
    assert all(by_epochs == sorted(by_epochs) for by_epochs in scores.values())
    assert any(len(set(by_epochs)) < len(by_epochs) for by_epochs in scores.values())


def test_rows_of_weight_0_have_no_effect_on_a_head(small: Small, tmp_path: Path) -> None:
    problem, labels = problem_with(), small.train.labels["minutes"]
    row_weights = (torch.arange(len(small.train)) % 3 > 0).float()
    heads = []
    for changed in (labels, torch.where((row_weights > 0) | labels.isnan(), labels, 1e6)):
        network = untrained(small, problem)
        split = with_labels(small.train, "minutes", changed, row_weights)
        assert finetune(small, network, problem, tmp_path, split)["minutes"].improved
        heads.append(weights(network.heads[2]))
    assert same(*heads)
    network = untrained(small, problem)
    before = weights(network.heads[2])
    unweighted = with_labels(small.train, "minutes", labels, row_weights * 0)
    assert not finetune(small, network, problem, tmp_path, unweighted)["minutes"].improved
    assert same(before, weights(network.heads[2]))


def test_tasks_without_a_validation_score_and_unsupervised_tasks_are_skipped(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = problem_with()
    network = untrained(small, problem)
    monkeypatch.setattr(network.objectives[2], "unsupervised", True)
    before = weights(network)
    one_class = with_labels(small.validation, "rare", torch.ones_like(small.validation.labels["rare"]))
    assert set(finetune(small, network, problem, tmp_path, validation=one_class)) == {"late", "band"}
    after = weights(network)
    assert all(torch.equal(before[k], after[k]) for k in before if k.startswith(("heads.2.", "heads.3.")))


def test_representations_are_computed_without_dropout(small: Small, tmp_path: Path) -> None:
    params = document()
    params["model"]["trunk"] |= {"dropout": 0.9}
    network = untrained(small, parse_problem(params))
    network.train()
    first = representations(network, small.train, tmp_path / "a", [0])[0].clone()
    assert torch.equal(first, representations(network, small.train, tmp_path / "b", [0])[0])


def test_a_training_finetunes_the_heads_of_the_chosen_epoch_and_makes_no_task_worse(
    small: Small, tmp_path: Path
) -> None:
    """At a high learning rate, so that some heads are restored."""
    options = {"epochs": 4, "stopping": {"policy": "freeze"}, "calibration": False}
    plain, plain_result = run(small, tmp_path / "plain", **options)
    finetuning = {"epochs": 3, "patience": 3, "learning_rate": 0.15}
    finetuned, result = train_small(small, tmp_path / "finetuned", **options, finetune_heads=finetuning)
    assert plain_result.finetuned_heads == ()
    assert [record.task for record in result.finetuned_heads] == list(TASKS)
    assert {record.improved for record in result.finetuned_heads} == {True, False}
    after = weights(finetuned)
    changed = {key for key in plain if not torch.equal(plain[key], after[key])}
    heads = [f"heads.{position}." for position, record in enumerate(result.finetuned_heads) if record.improved]
    assert all(key.startswith(tuple(heads)) for key in changed)
    values = measured(small, finetuned)
    assert {task: result.final(task) for task in TASKS} == values
    for task, record in zip(small.tasks, result.finetuned_heads, strict=True):
        before = result.epochs[result.chosen - 1].values[task.name]
        assert record.before == before == plain_result.final(task.name)
        gain = task.metric.oriented(values[task.name]) - task.metric.oriented(before)
        assert gain > 0 if record.improved else gain == 0


def test_the_learning_rate_of_finetuning_is_by_default_that_of_training(small: Small, tmp_path: Path) -> None:
    trained = []
    for changes in ({"learning_rate": 0.003}, {"finetune_heads": {**LONG, "learning_rate": 0.003}}, {}):
        problem = problem_with(**changes)
        network = untrained(small, problem)
        finetune(small, network, problem, tmp_path)
        trained.append(weights(network))
    assert same(trained[0], trained[1])
    assert not same(trained[0], trained[2])


def test_representations_take_4_bytes_per_row_and_unit(small: Small, tmp_path: Path) -> None:
    network = untrained(small, problem_with())
    representations(network, small.train, tmp_path / "stored", range(len(network.tasks)))
    width, paths = 16 + 32, list((tmp_path / "stored").iterdir())
    assert len(paths) == len(small.tasks)
    for path in paths:
        assert np.load(path, mmap_mode="r").shape == (len(small.train), width)
        assert 0 < path.stat().st_size - 4 * len(small.train) * width < 1000  # a header
