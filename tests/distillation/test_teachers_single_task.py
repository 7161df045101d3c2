"""Teacher of a single-task network: its predictions, size, early stopping and independence of other tasks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from mtl_core.config import Problem, parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.distillation.single_task import single_task_logits, single_task_problem
from mtl_core.errors import TrainingError
from mtl_core.model import Network
from mtl_core.training import train
from tests.small import Small, document
from tests.training.runs import Callbacks

TASKS = ("late", "band", "minutes", "rare")


def train_teacher(*arguments: Any) -> Network:
    """As in the training loop."""
    *inputs, on_epoch = arguments
    return train(*inputs, Callbacks(on_epoch=lambda epoch: on_epoch(epoch.number)))[0]


def logits_of(small: Small, task: str, folder: Path, split: EncodedSplit | None = None, **training: Any) -> np.ndarray:
    return single_task_logits(
        *(
            task,
            small.declared(**training),
            small.encoder,
            split or small.train,
            small.validation,
            folder,
            train_teacher,
        ),
        lambda step, steps: None,
    )


@pytest.mark.parametrize("task", TASKS)
def test_the_teacher_learns_its_task(small: Small, tmp_path: Path, task: str) -> None:
    logits = logits_of(small, task, tmp_path, epochs=20, stopping={"patience": 6})
    fitted = small.tasks[TASKS.index(task)]
    labels = small.train.labels[task]
    mask = fitted.codec.labelled(labels).numpy()
    assert logits.shape == (len(small.train), fitted.outputs)
    assert logits.dtype == np.float32
    value = fitted.metric(labels.numpy()[mask], fitted.inverse_link(torch.from_numpy(logits)).numpy()[mask])
    assert {"late": value > 0.97, "band": value < 0.4, "minutes": value < 0.4, "rare": value > 0.95}[task], value


def test_labels_of_other_tasks_have_no_effect(small: Small, tmp_path: Path) -> None:
    labels = {name: labels if name == "late" else labels.flip(0) for name, labels in small.train.labels.items()}
    expected = logits_of(small, "late", tmp_path / "expected")
    changed = logits_of(small, "late", tmp_path / "changed", EncodedSplit(small.train.inputs, labels))
    assert_array_equal(changed, expected)


def test_rows_are_weighted(small: Small, tmp_path: Path) -> None:
    weights = torch.ones(len(small.train))
    weights[::2] = 0
    wrong = small.train.labels["minutes"].clone()
    wrong[::2] += 10
    labels = small.train.labels | {"minutes": wrong}
    logits = logits_of(small, "minutes", tmp_path, EncodedSplit(small.train.inputs, labels, {"minutes": weights}))
    assert abs(logits.mean()) < 0.3  # without weights above 1


@pytest.mark.parametrize(
    "trunk",
    [
        {"kind": "shared_bottom", "widths": [24, 12], "dropout": 0.2},
        {"kind": "mmoe", "widths": [24, 12], "dropout": 0.2},
        {"kind": "single_task", "widths": [24, 12], "dropout": 0.2},
    ],
    ids=lambda trunk: trunk["kind"],
)
def test_the_teacher_has_the_size_of_a_shared_bottom_with_one_task(small: Small, trunk: dict[str, Any]) -> None:
    params = document() | {"model": document()["model"] | {"trunk": trunk}}
    problem = single_task_problem(parse_problem(params), "band")
    encoder = small.encoder.model_copy(update={"tasks": small.encoder.tasks[1:2]})
    trunk_of_same_size = parse_problem(document()).model.trunk.model_copy(update={"widths": (24, 12)})
    model = small.problem.model.model_copy(update={"trunk": trunk_of_same_size})
    sizes = [
        sum(parameter.numel() for parameter in Network.build(problem, encoder).parameters())
        for problem in (problem, small.problem.model_copy(update={"model": model}))
    ]
    assert sizes[0] == sizes[1]
    assert problem.model.trunk.model_dump(include={"widths", "dropout"}) == {"widths": (24, 12), "dropout": 0.2}
    assert problem.model.embedding == small.problem.model.embedding
    assert problem.model.head == small.problem.model.head


def stops_after(problem: Problem, task: str, scores: list[float]) -> int:
    """The evaluation after which training ends."""
    stopper = problem.training.stopping.build((task,), patience=3)
    for number, score in enumerate(scores, 1):
        stopper.update({task: score})
        if stopper.ended:
            return number
    raise AssertionError


@pytest.mark.parametrize(
    ("stopping", "expected"),
    [
        pytest.param({"policy": "joint", "patience": 2}, 4, id="joint"),
        pytest.param({"policy": "hold", "patience": 2, "end": "any"}, 4, id="end any"),
        pytest.param({"policy": "hold", "patience": 2, "margin": 0.5}, 4, id="margin"),
        pytest.param({"policy": "freeze", "end": {"first": "late"}}, 5, id="end by another task"),
        pytest.param({"policy": "hold", "tasks": {"band": {"patience": 1}}}, 3, id="patience of the task"),
        pytest.param({"policy": "hold", "patience": 1, "warm_up": 5}, 6, id="warm-up"),
    ],
)
def test_training_ends_by_the_rule_of_the_task(stopping: dict[str, Any], expected: int) -> None:
    problem = single_task_problem(parse_problem(document(stopping=stopping)), "band")
    assert stops_after(problem, "band", [1, 2, *[0.5] * 8]) == expected


def test_options_of_several_tasks_and_of_later_steps_are_removed() -> None:
    params = document(teachers={"band": {"kind": "single_task"}}, finetune_heads={}, balancing={"method": "sum"})
    params["gates"] = {"metrics": {"late": {"auc": 0.5}}}
    problem = single_task_problem(parse_problem(params), "band")
    assert list(problem.tasks) == ["band"]
    assert (problem.training.teachers, problem.training.finetune_heads, problem.gates.metrics) == ({}, None, {})
    assert problem.training.balancing.method == "mean"
    assert problem.training.learning_rate == 0.01


def test_the_error_for_a_loss_that_is_not_finite_names_the_teacher(small: Small, tmp_path: Path) -> None:
    labels = small.train.labels | {"minutes": torch.full_like(small.train.labels["minutes"], torch.inf)}
    with pytest.raises(TrainingError, match=r"teacher of minutes: epoch 1, step 1: .*\(inf\)"):
        logits_of(small, "minutes", tmp_path, EncodedSplit(small.train.inputs, labels))


def test_threads_and_deterministic_mode_are_restored(small: Small, tmp_path: Path) -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    logits_of(small, "late", tmp_path, threads=2, epochs=1)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before
