"""A network of its own as a teacher: the same size, the same loop, and nobody else's business."""

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


def trained(*arguments: Any) -> Network:
    """As the training loop trains a teacher."""
    *declared, on_epoch = arguments
    return train(*declared, Callbacks(on_epoch=lambda epoch: on_epoch(epoch.number)))[0]


def logits_of(small: Small, task: str, scratch: Path, split: EncodedSplit | None = None, **training: Any) -> np.ndarray:
    return single_task_logits(
        *(task, small.declared(**training), small.encoder, split or small.train, small.validation, scratch, trained),
        lambda step, steps: None,
    )


@pytest.mark.parametrize("task", TASKS)
def test_it_knows_its_task(small: Small, tmp_path: Path, task: str) -> None:
    logits = logits_of(small, task, tmp_path, epochs=20, stopping={"patience": 6})
    fitted = next(found for found in small.tasks if found.name == task)
    labels = small.train.labels[task]
    known = fitted.codec.labelled(labels).numpy()
    assert logits.shape == (len(small.train), fitted.outputs)
    assert logits.dtype == np.float32
    found = fitted.metric(labels.numpy()[known], fitted.inverse_link(torch.from_numpy(logits)).numpy()[known])
    assert {"late": found > 0.97, "band": found < 0.4, "minutes": found < 0.4, "rare": found > 0.95}[task], found


def test_nothing_of_another_task_reaches_it(small: Small, tmp_path: Path) -> None:
    others = {name: labels if name == "late" else labels.flip(0) for name, labels in small.train.labels.items()}
    alone, beside = (
        logits_of(small, "late", tmp_path / name, split)
        for name, split in (("alone", small.train), ("beside", EncodedSplit(small.train.inputs, others)))
    )
    assert_array_equal(alone, beside)


def test_its_rows_count_by_the_weights_of_its_task(small: Small, tmp_path: Path) -> None:
    weights = torch.ones(len(small.train))
    weights[::2] = 0
    wrong = small.train.labels["minutes"].clone()
    wrong[::2] += 10
    labels = small.train.labels | {"minutes": wrong}
    logits = logits_of(small, "minutes", tmp_path, EncodedSplit(small.train.inputs, labels, {"minutes": weights}))
    assert abs(logits.mean()) < 0.3, "in deviations; with rows that have no weight it would be above 1"


@pytest.mark.parametrize(
    "trunk",
    [
        {"kind": "shared_bottom", "widths": [24, 12], "dropout": 0.2},
        {"kind": "mmoe", "widths": [24, 12], "dropout": 0.2},
        {"kind": "single_task", "widths": [24, 12], "dropout": 0.2},
    ],
    ids=lambda trunk: trunk["kind"],
)
def test_it_is_as_large_as_a_shared_bottom_for_the_one_task(small: Small, trunk: dict[str, Any]) -> None:
    declared = document() | {"model": document()["model"] | {"trunk": trunk}}
    own = single_task_problem(parse_problem(declared), "band")
    encoder = small.encoder.model_copy(update={"tasks": small.encoder.tasks[1:2]})
    trunk_of_same_size = parse_problem(document()).model.trunk.model_copy(update={"widths": (24, 12)})
    model = small.problem.model.model_copy(update={"trunk": trunk_of_same_size})
    sizes = [
        sum(parameter.numel() for parameter in Network.build(problem, encoder).parameters())
        for problem in (own, small.problem.model_copy(update={"model": model}))
    ]
    assert sizes[0] == sizes[1]
    assert own.model.trunk.model_dump(include={"widths", "dropout"}) == {"widths": (24, 12), "dropout": 0.2}
    assert own.model.embedding == small.problem.model.embedding
    assert own.model.head == small.problem.model.head


def stops_after(problem: Problem, task: str, scores: list[float]) -> int:
    """The evaluation after which training is over."""
    stopper = problem.training.stopping.build((task,), patience=3)
    for number, score in enumerate(scores, 1):
        stopper.update({task: score})
        if stopper.ended:
            return number
    raise AssertionError("it never stopped")


@pytest.mark.parametrize(
    ("stopping", "expected"),
    [
        pytest.param({"policy": "joint", "patience": 2}, 4, id="joint"),
        pytest.param({"policy": "hold", "patience": 2, "end": "any"}, 4, id="end any"),
        pytest.param({"policy": "hold", "patience": 2, "margin": 0.5}, 4, id="it never trains again"),
        pytest.param({"policy": "freeze", "end": {"first": "late"}}, 5, id="end with another task"),
        pytest.param({"policy": "hold", "tasks": {"band": {"patience": 1}}}, 3, id="patience of its own"),
        pytest.param({"policy": "hold", "patience": 1, "warm_up": 5}, 6, id="warm-up"),
    ],
)
def test_it_stops_by_the_rule_of_its_task(stopping: dict[str, Any], expected: int) -> None:
    own = single_task_problem(parse_problem(document(stopping=stopping)), "band")
    assert stops_after(own, "band", [1, 2, *[0.5] * 8]) == expected


def test_what_is_for_many_tasks_or_for_later_is_left_out() -> None:
    document_ = document(teachers={"band": {"kind": "single_task"}}, finetune_heads={}, balancing={"method": "sum"})
    document_["gates"] = {"metrics": {"late": {"auc": 0.5}}}
    own = single_task_problem(parse_problem(document_), "band")
    assert list(own.tasks) == ["band"]
    assert (own.training.teachers, own.training.finetune_heads, own.gates.metrics) == ({}, None, {})
    assert own.training.balancing.method == "mean"
    assert own.training.learning_rate == 0.01, "all else is as declared"


def test_a_loss_that_is_not_finite_is_said_with_the_teacher(small: Small, tmp_path: Path) -> None:
    labels = small.train.labels | {"minutes": torch.full_like(small.train.labels["minutes"], torch.inf)}
    with pytest.raises(TrainingError, match=r"^the single-task teacher of minutes: epoch 1, step 1: .*minutes \(inf\)"):
        logits_of(small, "minutes", tmp_path, EncodedSplit(small.train.inputs, labels))


def test_threads_and_algorithms_are_left_as_they_were(small: Small, tmp_path: Path) -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    logits_of(small, "late", tmp_path, threads=2, epochs=1)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before
