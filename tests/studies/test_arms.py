"""The arms of a comparison: what each trains, and that a run which is kept is the run that would be trained again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mtl_core.config import First, Problem, Stopping, TaskStopping, parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.studies import arms
from mtl_core.studies.arms import (
    POLICIES,
    SINGLE_TASK,
    Arm,
    ArmRun,
    Splits,
    predictions_from,
    problems_of,
    run_arm,
    weights_of,
)
from mtl_core.training import Epoch
from mtl_core.training.scores import metric_values
from tests.small import Small, document

EVERY: tuple[Arm, ...] = (*POLICIES, SINGLE_TASK)
TASKS = ("late", "band", "minutes", "rare")


@pytest.fixture(scope="module")
def splits(small: Small) -> Splits:
    test = EncodedSplit.open(small.folder / "encoded" / "test", small.encoder)
    return Splits(train=small.train, validation=small.validation, test=test)


@pytest.fixture(scope="module")
def runs(small: Small, splits: Splits, tmp_path_factory: pytest.TempPathFactory) -> dict[Arm, tuple[Path, ArmRun]]:
    """A run of one shared arm and of the networks alone, and where each lies."""
    found: dict[Arm, tuple[Path, ArmRun]] = {}
    for arm in ("freeze", SINGLE_TASK):
        folder = tmp_path_factory.mktemp("runs") / arm
        found[arm] = folder, run_arm(arm, small.declared(epochs=2), small.encoder, splits, 3, folder)
    return found


def forbid(*_: Any, **__: Any) -> None:
    raise AssertionError("it trains")


@pytest.mark.parametrize("arm", POLICIES)
def test_a_shared_arm_is_the_declared_problem_but_for_policy_and_seed(small: Small, arm: Arm) -> None:
    problem = small.declared(learning_rate=0.02)
    found = problems_of(arm, problem, 7)
    assert list(found) == [""]
    training = found[""].training
    assert (training.seed, training.stopping.policy, training.learning_rate) == (7, arm, 0.02)
    same = training.model_copy(update={"seed": problem.training.seed, "stopping": problem.training.stopping})
    assert found[""].model_copy(update={"training": same}) == problem


def test_a_policy_gets_no_rule_that_it_does_not_know(small: Small) -> None:
    declared = Stopping(
        policy="hold", end=First(first="late"), patience=2, margin=3.0, tasks={"late": TaskStopping(patience=1)}
    )
    problem = small.declared(stopping=declared.model_dump())
    stopping = {arm: problems_of(arm, problem, 0)[""].training.stopping for arm in POLICIES}
    assert stopping["hold"] == declared
    assert (stopping["joint"].end, stopping["joint"].tasks) == ("all", {})
    assert stopping["freeze"].end == stopping["hold"].end == First(first="late")
    assert stopping["freeze"].tasks == declared.tasks
    for arm in ("joint", "freeze"):
        assert "margin" not in stopping[arm].model_fields_set
    assert all(found.patience == 2 for found in stopping.values())


def test_a_task_that_teaches_itself_has_no_network_of_its_own() -> None:
    tasks = document()["tasks"] | {"group": {"kind": "clustering", "clusters": 3}}
    problem = parse_problem(document() | {"tasks": tasks})
    assert "group" in problems_of("hold", problem, 0)[""].tasks
    alone = problems_of(SINGLE_TASK, problem, 5)
    assert list(alone) == list(TASKS)
    for name, own in alone.items():
        assert list(own.tasks) == [name]
        assert own.training.seed == 5
        assert own.model.trunk.separate_inputs


def test_a_run_says_of_every_task_what_training_did(runs: dict[Arm, tuple[Path, ArmRun]]) -> None:
    for arm, (_, run) in runs.items():
        assert (run.arm, run.seed, tuple(run.tasks)) == (arm, 3, TASKS)
        for task in run.tasks.values():
            assert len(task.validation) == 2
            assert task.chosen in (1, 2)
            assert set(task.stopped) <= {1, 2}
    shared, alone = (runs[arm][1] for arm in ("freeze", SINGLE_TASK))
    assert len({task.seconds for task in shared.tasks.values()}) == 1
    assert shared.seconds == shared.tasks["late"].seconds
    assert alone.seconds == sum(task.seconds for task in alone.tasks.values())


def test_what_is_kept_is_what_was_measured(small: Small, splits: Splits, runs: dict[Arm, tuple[Path, ArmRun]]) -> None:
    for folder, run in runs.values():
        predictions = predictions_from(folder)
        assert set(predictions) == set(TASKS)
        values = metric_values(small.tasks, splits.test, predictions)
        for task in small.tasks:
            assert run.tasks[task.name].test[task.metric.name] == pytest.approx(values[task.name])


def test_the_weights_are_those_of_all_parameters(runs: dict[Arm, tuple[Path, ArmRun]]) -> None:
    for arm, (folder, run) in runs.items():
        names = TASKS if arm == SINGLE_TASK else ("shared",)
        assert sum(_parameters(folder / f"{name}.safetensors") for name in names) == run.parameters
        left = {path.name for path in folder.iterdir()}
        assert left == {"run.json", "predictions.safetensors", *(f"{name}.safetensors" for name in names)}
    assert runs[SINGLE_TASK][1].parameters > runs["freeze"][1].parameters


def _parameters(weights: Path) -> int:
    """Number of parameters in a file, which holds the calibration too."""
    return sum(tensor.numel() for name, tensor in load_file(weights).items() if not name.startswith("calibration."))


@pytest.mark.parametrize("arm", ["freeze", SINGLE_TASK])
def test_a_finished_run_is_not_trained_again(
    small: Small, splits: Splits, runs: dict[Arm, tuple[Path, ArmRun]], arm: Arm, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run = runs[arm]
    monkeypatch.setattr(arms, "train", forbid)
    problem = small.declared(epochs=2)
    again = Splits(train=splits.train, validation=splits.validation, test=splits.test)
    assert run_arm(arm, problem, small.encoder, again, 3, folder) == run
    looser = problem.model_copy(update={"gates": problem.gates.model_copy(update={"parity": 0.5})})
    assert run_arm(arm, looser, small.encoder, again, 3, folder) == run  # no gate has a say in training


def test_anything_that_decides_the_run_makes_a_new_one(
    small: Small, splits: Splits, runs: dict[Arm, tuple[Path, ArmRun]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = (runs["freeze"][0] / "run.json").read_bytes()
    labels = splits.test.labels | {"late": 1 - splits.test.labels["late"]}
    other = Splits(train=splits.train, validation=splits.validation, test=EncodedSplit(splits.test.inputs, labels))
    monkeypatch.setattr(arms, "train", forbid)
    changes: list[tuple[Arm, Problem, Splits, int]] = [
        ("freeze", small.declared(epochs=2), splits, 4),
        ("joint", small.declared(epochs=2), splits, 3),
        ("freeze", small.declared(epochs=3), splits, 3),
        ("freeze", small.declared(epochs=2), other, 3),
    ]
    for number, (arm, problem, rows, seed) in enumerate(changes):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "run.json").write_bytes(kept)
        with pytest.raises(AssertionError, match="it trains"):
            run_arm(arm, problem, small.encoder, rows, seed, folder)
        assert not (folder / "run.json").exists()  # and the old one is gone, before anything is written


def test_a_run_that_was_cut_short_starts_over_to_the_same_end(
    small: Small, splits: Splits, runs: dict[Arm, tuple[Path, ArmRun]], tmp_path: Path
) -> None:
    heard: list[tuple[str, int]] = []

    def stop(network: str, epoch: Epoch) -> None:
        heard.append((network, epoch.number))
        if network == "band":
            raise KeyboardInterrupt

    problem = small.declared(epochs=2)
    with pytest.raises(KeyboardInterrupt):
        run_arm(SINGLE_TASK, problem, small.encoder, splits, 3, tmp_path / "run", stop)
    assert heard == [("late", 1), ("late", 2), ("band", 1)]
    assert not (tmp_path / "run" / "run.json").exists()
    (tmp_path / "run" / "litter").touch()
    again = run_arm(SINGLE_TASK, problem, small.encoder, splits, 3, tmp_path / "run")
    assert not (tmp_path / "run" / "litter").exists()
    folder, whole = runs[SINGLE_TASK]
    for name, task in again.tasks.items():
        assert task.model_copy(update={"seconds": 0.0}) == whole.tasks[name].model_copy(update={"seconds": 0.0})
        ours, theirs = (load_file(place / f"{name}.safetensors") for place in (tmp_path / "run", folder))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_no_name_of_a_task_is_that_of_another_file(small: Small, splits: Splits, tmp_path: Path) -> None:
    assert weights_of(tmp_path, "") == tmp_path / "shared.safetensors"
    assert weights_of(tmp_path, "late") == tmp_path / "late.safetensors"
    problem = parse_problem(document(epochs=1) | {"tasks": {"predictions": document()["tasks"]["late"]}})
    late = small.encoder.tasks[0].model_copy(update={"name": "predictions"})
    encoder = small.encoder.model_copy(update={"tasks": (late,)})
    renamed = [
        EncodedSplit(split.inputs, {"predictions": split.labels["late"]})
        for split in (splits.train, splits.validation, splits.test)
    ]
    rows = Splits(train=renamed[0], validation=renamed[1], test=renamed[2])
    run = run_arm(SINGLE_TASK, problem, encoder, rows, 0, tmp_path / "run")
    assert list(predictions_from(tmp_path / "run")) == ["predictions"]
    assert _parameters(weights_of(tmp_path / "run", "predictions")) == run.parameters


def test_a_task_alone_sees_no_label_of_another(splits: Splits) -> None:
    own = splits.only("rare")
    for split, whole in ((own.train, splits.train), (own.validation, splits.validation), (own.test, splits.test)):
        assert list(split.labels) == ["rare"]
        assert split.labels["rare"] is whole.labels["rare"]
        assert split.inputs is whole.inputs
    assert own.digest != splits.digest


def test_a_number_that_is_undefined_is_null(small: Small, splits: Splits, tmp_path: Path) -> None:
    labels = splits.test.labels | {"late": torch.full_like(splits.test.labels["late"], -1)}
    rows = Splits(train=splits.train, validation=splits.validation, test=EncodedSplit(splits.test.inputs, labels))
    run = run_arm("joint", small.declared(epochs=1), small.encoder, rows, 0, tmp_path / "run")
    assert set(run.tasks["late"].test.values()) == {None}
    assert all(value is not None and np.isfinite(value) for value in run.tasks["band"].test.values())
    assert ArmRun.model_validate_json(run.model_dump_json()) == run
