"""Frozen teachers in a training: made once before the first epoch, kept through any kill, and worth listening to."""

import json
import os
import signal
import subprocess
import sys
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
from mtl_core.training import Epoch, TrainingResult, train
from mtl_core.training.epoch import optimizer_of, train_epoch
from mtl_core.training.scores import metric_values
from tests.small import Small, document
from tests.training.runs import Callbacks

BOTH: dict[str, Any] = {
    "rare": {"kind": "boosted", "folds": 3, "trees": 20, "use_unlabelled": True},
    "minutes": {"kind": "single_task", "weight": 0.7},
}
Weights = dict[str, torch.Tensor]
Steps = list[tuple[str, int, int]]


class CrashError(Exception):
    """Stands for a crash at some moment."""


def run(small: Small, scratch: Path, steps: Steps | None = None, **training: Any) -> tuple[Weights, TrainingResult]:
    def on_teacher(task: str, step: int, of: int) -> None:
        if steps is not None:
            steps.append((task, step, of))

    network, outcome = train(
        *(small.declared(**training), small.encoder, small.train, small.validation, scratch),
        Callbacks(on_teacher=on_teacher),
    )
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}, outcome


def same(a: Weights, b: Weights) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def to_json(outcome: TrainingResult) -> str:
    return json.dumps([epoch.model_dump() for epoch in outcome.epochs])


def teachers_in(scratch: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(scratch.glob("teacher-*.npy"))}


# What they are for


def test_a_student_learns_from_its_teacher_alone(small: Small) -> None:
    """At a share of 1 it never looks at a label; here they are noise."""
    task = small.tasks[0]
    teacher = boosted_logits(
        *(Boosted(), task, small.encoder, small.train, small.validation, small.problem.training),
        lambda step, steps: None,
    )
    noise = torch.from_numpy(np.random.default_rng(0).permutation(small.train.labels["late"].numpy()))
    split = EncodedSplit(small.train.inputs, small.train.labels | {"late": noise})
    options = small.problem.training
    found = {}
    for name, soft in (("taught", {"late": SoftTargets(logits=torch.from_numpy(teacher))}), ("alone", {})):
        network = Network.seeded(small.problem, small.encoder, 0)
        balancer = options.balancing.build(network.tasks)
        optimizer = optimizer_of(network, balancer, options)
        budget = budget_of(options, len(split))
        for number in range(1, 7):
            train_epoch(network, balancer, optimizer, split, options, budget, epoch=number, soft_targets=soft)
        predictions = predictions_of(network, small.validation)
        found[name] = metric_values(small.tasks, small.validation, predictions)["late"]
    assert found["taught"] > 0.97
    assert found["alone"] < 0.75


def test_a_teacher_moves_its_task_and_its_options_tell(small: Small, tmp_path: Path) -> None:
    choices = [
        {},
        {"rare": {"kind": "boosted"}},
        {"rare": {"kind": "single_task"}},
        {"rare": {"kind": "boosted", "weight": 0.9}},
        {"rare": {"kind": "boosted", "use_unlabelled": True}},
        {"late": {"kind": "boosted"}},
    ]
    curves = [
        to_json(run(small, tmp_path / str(i), epochs=2, teachers=choice)[1]) for i, choice in enumerate(choices)
    ]
    assert len(set(curves)) == len(choices)


def test_under_hold_its_own_best_teaches_a_task_that_stopped(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[dict[str, SoftTargets]] = []

    def listening(*args: Any, soft_targets: dict[str, SoftTargets], **kwargs: Any) -> dict[str, float]:
        if soft_targets:  # the single-task teacher's own training has none
            heard.append(dict(soft_targets))
        return train_epoch(*args, soft_targets=soft_targets, **kwargs)

    monkeypatch.setattr(mtl_core.training.loop, "train_epoch", listening)
    stopping = {"policy": "hold", "patience": 1}
    _, outcome = run(small, tmp_path, teachers=BOTH, epochs=12, stopping=stopping)
    assert any(task in epoch.distilled for epoch in outcome.epochs for task in BOTH)
    for epoch, soft in zip(outcome.epochs, heard, strict=True):
        for task, options in BOTH.items():
            own = task in epoch.distilled
            assert soft[task].weight == (1.0 if own else options.get("weight", 0.5))
            assert soft[task].use_unlabelled == (not own and options.get("use_unlabelled", False))
            said = np.load(tmp_path / f"teacher-{task}-{options['kind']}.npy")
            assert np.array_equal(soft[task].logits.numpy(), said) == (not own)


# Made once, and repeatable


def test_they_are_made_one_by_one_and_each_says_when_it_is_done(small: Small, tmp_path: Path) -> None:
    steps: Steps = []
    run(small, tmp_path, steps, epochs=50, stopping={"policy": "joint", "patience": 1}, teachers=BOTH)
    assert steps[:3] == [("rare", 1, 3), ("rare", 2, 3), ("rare", 3, 3)]
    stopped = len(steps) - 4
    assert steps[3:-1] == [("minutes", epoch, 50) for epoch in range(1, stopped + 1)]
    assert stopped < 50, "it must stop early for the law to say anything"
    assert steps[-1] == ("minutes", 50, 50)
    assert not (tmp_path / "minutes-single_task").exists(), "its own scratch folder has served"


def test_the_same_seed_gives_the_same_weights_and_another_seed_other_teachers(small: Small, tmp_path: Path) -> None:
    first, outcome = run(small, tmp_path / "a", epochs=3, teachers=BOTH)
    second, again = run(small, tmp_path / "b", epochs=3, teachers=BOTH)
    run(small, tmp_path / "c", epochs=3, teachers=BOTH, seed=1)
    assert same(first, second)
    assert to_json(outcome) == to_json(again)
    assert teachers_in(tmp_path / "a") == teachers_in(tmp_path / "b")
    for name, said in teachers_in(tmp_path / "a").items():
        assert teachers_in(tmp_path / "c")[name] != said


def test_killed_while_teachers_are_made_they_come_out_the_same(small: Small, tmp_path: Path) -> None:
    """A crash after every single step; what was made before is not made again."""
    steps: Steps = []
    options = {"epochs": 3, "teachers": BOTH}
    expected, uninterrupted = run(small, tmp_path / "uninterrupted", steps, **options)
    seen: set[tuple[str, int, int]] = set()

    def interrupt(*step: Any) -> None:
        if step not in seen:
            seen.add(step)
            raise CrashError

    for _ in range(len(set(steps))):
        with pytest.raises(CrashError):
            train(
                *(small.declared(**options), small.encoder, small.train, small.validation, tmp_path / "cut"),
                Callbacks(on_teacher=interrupt),
            )
    after: Steps = []
    resumed, outcome = run(small, tmp_path / "cut", after, **options)
    assert "rare" not in {task for task, _, _ in after}
    assert same(expected, resumed)
    assert to_json(outcome) == to_json(uninterrupted)
    assert teachers_in(tmp_path / "cut") == teachers_in(tmp_path / "uninterrupted")


@pytest.mark.parametrize("policy", ["joint", "hold"])
def test_killed_in_or_after_any_epoch_teachers_are_not_made_again(small: Small, tmp_path: Path, policy: str) -> None:
    options = {"epochs": 5, "stopping": {"policy": policy, "patience": 1}, "teachers": BOTH}
    once: Steps = []
    expected, uninterrupted = run(small, tmp_path / "uninterrupted", once, **options)
    steps: Steps = []
    ended: set[int] = set()
    begun: list[int] = []

    def in_the_first(step: int, of: int) -> None:
        if not begun:
            begun.append(step)
            raise CrashError

    def after_each(epoch: Epoch) -> None:
        if epoch.number not in ended:
            ended.add(epoch.number)
            raise CrashError

    for _ in range(len(uninterrupted.epochs) + 1):
        with pytest.raises(CrashError):
            train(
                *(small.declared(**options), small.encoder, small.train, small.validation, tmp_path / "cut"),
                Callbacks(on_epoch=after_each, on_step=in_the_first, on_teacher=lambda *step: steps.append(step)),
            )
    made = list(steps)
    resumed, outcome = run(small, tmp_path / "cut", steps, **options)
    assert steps == made
    assert made == once, "every step once, as in a training that nothing cut"
    assert same(expected, resumed)
    assert to_json(outcome) == to_json(uninterrupted)


SCRIPT = """
import json, sys
from pathlib import Path
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.config import parse_problem
from mtl_core.training import Progress, train
encoded, scratch = map(Path, sys.argv[1:3])
problem, encoder = parse_problem(json.loads(sys.argv[3])), Encoder.load(encoded / "encoder.json")
splits = [EncodedSplit.open(encoded / name, encoder) for name in ("train", "validation")]
progress = Progress()
progress.on_teacher = lambda *step: print(*step, flush=True)
train(problem, encoder, *splits, scratch, progress)
"""


def test_kill_9_while_a_teacher_trains_changes_nothing(small: Small, tmp_path: Path) -> None:
    options = {"epochs": 4, "teachers": BOTH}
    arguments = [str(small.folder / "encoded"), str(tmp_path / "cut"), json.dumps(document(**options))]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", SCRIPT, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("minutes 2 "):
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    resumed, expected = (run(small, tmp_path / name, **options)[0] for name in ("cut", "whole"))
    assert same(expected, resumed)
    assert teachers_in(tmp_path / "cut") == teachers_in(tmp_path / "whole")


# What is refused


def test_what_cannot_be_made_is_refused_before_anything_is(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    steps: Steps = []
    declared = {"late": {"kind": "single_task"}, "rare": {"kind": "boosted"}}
    with pytest.raises(ProblemError, match=r'training\.teachers\.rare: .* pip install "trunkline\[boosted\]"'):
        run(small, tmp_path, steps, teachers=declared)
    assert steps == []


def test_made_before_it_needs_no_extra(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = {"rare": {"kind": "boosted"}}
    expected, _ = run(small, tmp_path, epochs=2, teachers=declared)
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    found, _ = run(small, tmp_path, epochs=2, teachers=declared)
    assert same(expected, found)


@pytest.mark.parametrize(
    ("teacher", "line"),
    [
        ({"kind": "boost"}, "training.teachers.late.kind: unknown; found 'boost'; did you mean 'boosted'?"),
        ({}, "training.teachers.late.kind: required, but not there"),
        ({"kind": "boosted", "fold": 3}, "training.teachers.late.fold: unknown key; did you mean 'folds'?"),
        ({"kind": "single_task", "folds": 3}, "training.teachers.late.folds: unknown key; "),
        (
            {"kind": "single_task", "weight": 0},
            "training.teachers.late.weight: input should be greater than 0; found 0",
        ),
        (
            {"kind": "single_task", "weight": 1.01},
            "training.teachers.late.weight: input should be less than or equal to 1",
        ),
        ({"kind": "boosted", "folds": 1}, "training.teachers.late.folds: input should be greater than or equal to 2"),
        ({"kind": "boosted", "trees": 0}, "training.teachers.late.trees: input should be greater than or equal to 1"),
        ({"kind": "boosted", "leaves": 1}, "training.teachers.late.leaves: input should be greater than or equal to 2"),
        (
            {"kind": "boosted", "learning_rate": 0},
            "training.teachers.late.learning_rate: input should be greater than 0",
        ),
    ],
)
def test_refused_options(teacher: dict[str, Any], line: str) -> None:
    with pytest.raises(ProblemError) as refused:
        parse_problem(document(teachers={"late": teacher}))
    assert line in str(refused.value)


@pytest.mark.parametrize(
    "teacher",
    [
        {"kind": "boosted"},
        {"kind": "single_task", "weight": 1, "use_unlabelled": True},
        {"kind": "boosted", "weight": 1e-3, "folds": 2, "trees": 1, "leaves": 2, "learning_rate": 1},
    ],
)
def test_accepted_options(teacher: dict[str, Any]) -> None:
    found = parse_problem(document(teachers={"late": teacher})).training.teachers["late"]
    assert {key: getattr(found, key) for key in teacher} == teacher
