"""Declared teachers in a training: computed once, reproducible, and used with their options."""

import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mtl_core.training.loop
from mtl_core.config import parse_problem
from mtl_core.config.budget import budget_of
from mtl_core.config.distillation import Boosted
from mtl_core.data.encoded import EncodedSplit
from mtl_core.distillation.boosted import boosted_logits
from mtl_core.distillation.soft_targets import SoftTargets
from mtl_core.errors import ProblemError
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of
from mtl_core.training.epoch import optimizer_of, train_epoch
from mtl_core.training.scores import metric_values
from tests.small import Small, document
from tests.training.runs import Callbacks, CrashInjector, run, same, to_json

BOTH: dict[str, Any] = {
    "rare": {"kind": "boosted", "folds": 3, "trees": 20, "use_unlabelled": True},
    "minutes": {"kind": "single_task", "weight": 0.7},
}


def teachers_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("teacher-*.npy"))}


def test_a_student_learns_from_its_teacher_where_labels_are_noise(small: Small) -> None:
    """With a weight of 1 of the soft targets."""
    task, options = small.tasks[0], small.problem.training
    logits = boosted_logits(
        *(Boosted(), task, small.encoder, small.train, small.validation, options), lambda step, steps: None
    )
    noise = torch.from_numpy(np.random.default_rng(0).permutation(small.train.labels["late"].numpy()))
    split = EncodedSplit(small.train.inputs, small.train.labels | {"late": noise})
    values = []
    for soft_targets in ({"late": SoftTargets(logits=torch.from_numpy(logits))}, {}):
        network = Network.seeded(small.problem, small.encoder, 0)
        balancer = options.balancing.build(network.tasks)
        arguments = (network, balancer, optimizer_of(network, balancer, options), split, options)
        for epoch in range(1, 7):
            train_epoch(*arguments, budget_of(options, len(split)), epoch=epoch, soft_targets=soft_targets)
        values.append(metric_values(small.tasks, small.validation, predictions_of(network, small.validation))["late"])
    assert values[0] > 0.97
    assert values[1] < 0.75


def test_every_option_of_a_teacher_has_an_effect(small: Small, tmp_path: Path) -> None:
    options: list[dict[str, Any]] = [
        {},
        {"rare": {"kind": "boosted"}},
        {"rare": {"kind": "single_task"}},
        {"rare": {"kind": "boosted", "weight": 0.9}},
        {"rare": {"kind": "boosted", "use_unlabelled": True}},
        {"late": {"kind": "boosted"}},
    ]
    results = [run(small, tmp_path / str(i), epochs=2, teachers=teachers)[1] for i, teachers in enumerate(options)]
    assert len({to_json(result) for result in results}) == len(options)


def test_a_task_that_stops_under_hold_is_distilled_from_its_best_epoch_instead_of_its_teacher(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_epoch: list[dict[str, SoftTargets]] = []

    def recording(*args: Any, soft_targets: dict[str, SoftTargets], **kwargs: Any) -> dict[str, float]:
        if soft_targets:  # the training of the single-task teacher has none
            by_epoch.append(dict(soft_targets))
        return train_epoch(*args, soft_targets=soft_targets, **kwargs)

    monkeypatch.setattr(mtl_core.training.loop, "train_epoch", recording)
    stopping = {"policy": "hold", "patience": 1}
    _, result = run(small, tmp_path, teachers=BOTH, epochs=12, stopping=stopping)
    assert any(task in epoch.distilled for epoch in result.epochs for task in BOTH)
    for epoch, soft_targets in zip(result.epochs, by_epoch, strict=True):
        for task, options in BOTH.items():
            distilled, targets = task in epoch.distilled, soft_targets[task]
            assert targets.weight == (1.0 if distilled else options.get("weight", 0.5))
            assert targets.use_unlabelled == (not distilled and options.get("use_unlabelled", False))
            declared = np.load(tmp_path / f"teacher-{task}-{options['kind']}.npy")
            assert np.array_equal(targets.logits.numpy(), declared) == (not distilled)


def test_the_callback_has_the_finished_and_the_maximum_steps_of_every_teacher(small: Small, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    progress = Callbacks(on_teacher=lambda *step: steps.append(step))
    options = {"epochs": 50, "stopping": {"policy": "joint", "patience": 1}, "teachers": BOTH}
    run(small, tmp_path, progress=progress, **options)
    assert steps[:3] == [("rare", 1, 3), ("rare", 2, 3), ("rare", 3, 3)]
    epochs = len(steps) - 4
    assert steps[3:-1] == [("minutes", epoch, 50) for epoch in range(1, epochs + 1)]
    assert epochs < 50
    assert steps[-1] == ("minutes", 50, 50)
    assert not (tmp_path / "minutes-single_task").exists()


def test_the_seed_decides_the_teachers(small: Small, tmp_path: Path) -> None:
    first, result = run(small, tmp_path / "first", epochs=3, teachers=BOTH)
    repeated, repeated_result = run(small, tmp_path / "repeated", epochs=3, teachers=BOTH)
    run(small, tmp_path / "other", epochs=3, teachers=BOTH, seed=1)
    assert same(first, repeated)
    assert to_json(result) == to_json(repeated_result)
    teachers, other = teachers_in(tmp_path / "first"), teachers_in(tmp_path / "other")
    assert teachers == teachers_in(tmp_path / "repeated")
    assert all(teachers[name] != other[name] for name in teachers)


@pytest.mark.parametrize("policy", ["joint", "hold"])
def test_a_training_with_teachers_that_crashed_at_every_point_is_bit_identical(
    small: Small, tmp_path: Path, policy: str
) -> None:
    """Also after every step of a teacher; a finished teacher is not computed again."""
    options = {"epochs": 5, "stopping": {"policy": policy, "patience": 1}, "teachers": BOTH}
    expected, uninterrupted = run(small, tmp_path / "uninterrupted", **options)
    crashes = CrashInjector()
    weights, result = crashes.run(small, tmp_path / "crashed", **options)
    assert [phase for phase, _ in groupby(crashes.phases)] == ["rare", "minutes", "epoch"]
    assert same(expected, weights)
    assert to_json(result) == to_json(uninterrupted)
    assert teachers_in(tmp_path / "crashed") == teachers_in(tmp_path / "uninterrupted")


def test_a_missing_package_is_refused_before_the_first_teacher_trains(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    steps: list[object] = []
    teachers = {"late": {"kind": "single_task"}, "rare": {"kind": "boosted"}}
    with pytest.raises(ProblemError, match=r"training\.teachers\.rare: "):
        run(small, tmp_path, progress=Callbacks(on_teacher=lambda *step: steps.append(step)), teachers=teachers)
    assert steps == []


def test_a_stored_teacher_needs_no_package(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    teachers = {"rare": {"kind": "boosted"}}
    expected, _ = run(small, tmp_path, epochs=2, teachers=teachers)
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    weights, _ = run(small, tmp_path, epochs=2, teachers=teachers)
    assert same(expected, weights)


@pytest.mark.parametrize(
    ("teacher", "error"),
    [
        ({"kind": "boost"}, "kind: unknown; found 'boost'; did you mean 'boosted'?"),
        ({}, "kind: required"),
        ({"kind": "boosted", "fold": 3}, "fold: unknown key; did you mean 'folds'?"),
        ({"kind": "single_task", "folds": 3}, "folds: unknown key"),
        ({"kind": "single_task", "weight": 0}, "weight: input should be greater than 0; found 0"),
        ({"kind": "single_task", "weight": 1.01}, "weight: input should be less than or equal to 1"),
        ({"kind": "boosted", "folds": 1}, "folds: input should be greater than or equal to 2"),
        ({"kind": "boosted", "trees": 0}, "trees: input should be greater than or equal to 1"),
        ({"kind": "boosted", "leaves": 1}, "leaves: input should be greater than or equal to 2"),
        ({"kind": "boosted", "learning_rate": 0}, "learning_rate: input should be greater than 0"),
    ],
)
def test_refused_options(teacher: dict[str, Any], error: str) -> None:
    with pytest.raises(ProblemError) as refused:
        parse_problem(document(teachers={"late": teacher}))
    assert f"training.teachers.late.{error}" in str(refused.value)


@pytest.mark.parametrize(
    "teacher",
    [
        {"kind": "boosted"},
        {"kind": "single_task", "weight": 1, "use_unlabelled": True},
        {"kind": "boosted", "weight": 1e-3, "folds": 2, "trees": 1, "leaves": 2, "learning_rate": 1},
    ],
)
def test_accepted_options(teacher: dict[str, Any]) -> None:
    parsed = parse_problem(document(teachers={"late": teacher})).training.teachers["late"]
    assert {key: getattr(parsed, key) for key in teacher} == teacher
