"""Arms of a comparison: the problems that they train, the result of a run, and its reuse."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mtl_core.config import EndAfterTask, Problem, Stopping, TaskStopping, parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.studies.comparison import arms
from mtl_core.studies.comparison.arms import ArmRun, problems_of, run_arm, weights_path
from mtl_core.studies.comparison.record import POLICIES, SINGLE_TASK, Arm
from mtl_core.studies.comparison.run_files import load_predictions
from mtl_core.studies.progress import StudyProgress
from mtl_core.studies.splits import Splits
from mtl_core.training import Epoch
from mtl_core.training.scores import metric_values
from tests.small import Small, document

TASKS = ("late", "band", "minutes", "rare")


@pytest.fixture(scope="module")
def runs(small: Small, splits: Splits, tmp_path_factory: pytest.TempPathFactory) -> dict[Arm, tuple[Path, ArmRun]]:
    """A shared and a single-task arm -> the folder and the run."""
    runs: dict[Arm, tuple[Path, ArmRun]] = {}
    for arm in ("freeze", SINGLE_TASK):
        folder = tmp_path_factory.mktemp("runs") / arm
        runs[arm] = folder, run_arm(arm, small.declared(epochs=2), small.encoder, splits, 3, folder)
    return runs


def forbid(*_: Any, **__: Any) -> None:
    raise AssertionError("it trains")


def with_test(splits: Splits, labels: dict[str, torch.Tensor]) -> Splits:
    """The splits with other labels of the test rows."""
    test = EncodedSplit(splits.test.inputs, splits.test.labels | labels)
    return Splits(train=splits.train, validation=splits.validation, test=test)


@pytest.mark.parametrize("arm", POLICIES)
def test_a_shared_arm_is_the_declared_problem_with_its_policy_and_seed(small: Small, arm: Arm) -> None:
    problem = small.declared(learning_rate=0.02)
    ((name, shared),) = problems_of(arm, problem, 7).items()
    assert (name, shared.training.seed, shared.training.stopping.policy) == ("", 7, arm)
    restored = shared.training.model_copy(update={"seed": 0, "stopping": problem.training.stopping})
    assert shared.model_copy(update={"training": restored}) == problem


def test_a_policy_drops_the_options_that_it_does_not_have(small: Small) -> None:
    declared = Stopping(
        policy="hold", end=EndAfterTask(first="late"), patience=2, margin=3.0, tasks={"late": TaskStopping(patience=1)}
    )
    problem = small.declared(stopping=declared.model_dump())
    stopping = {arm: problems_of(arm, problem, 0)[""].training.stopping for arm in POLICIES}
    assert stopping["hold"] == declared
    assert (stopping["joint"].end, stopping["joint"].tasks) == ("all", {})
    assert (stopping["freeze"].end, stopping["freeze"].tasks) == (declared.end, declared.tasks)
    for arm in ("joint", "freeze"):
        assert "margin" not in stopping[arm].model_fields_set
        assert stopping[arm].patience == 2


def test_an_unsupervised_task_has_no_single_task_network() -> None:
    tasks = document()["tasks"] | {"group": {"kind": "clustering", "clusters": 3}}
    problem = parse_problem(document() | {"tasks": tasks})
    assert "group" in problems_of("hold", problem, 0)[""].tasks
    problems = problems_of(SINGLE_TASK, problem, 5)
    assert tuple(problems) == TASKS
    for name, single in problems.items():
        assert (list(single.tasks), single.training.seed) == ([name], 5)
        assert single.model.trunk.separate_inputs


def test_a_run_records_the_training_of_every_task(runs: dict[Arm, tuple[Path, ArmRun]]) -> None:
    for arm, (_, run) in runs.items():
        assert (run.arm, run.seed, tuple(run.tasks)) == (arm, 3, TASKS)
        for task in run.tasks.values():
            assert len(task.validation) == 2
            assert task.chosen in (1, 2)
            assert set(task.stopped) <= {1, 2}
    shared, single = (runs[arm][1] for arm in ("freeze", SINGLE_TASK))
    assert {task.seconds for task in shared.tasks.values()} == {shared.seconds}
    assert single.seconds == sum(task.seconds for task in single.tasks.values())


def test_stored_predictions_have_the_metrics_of_the_run(
    small: Small, splits: Splits, runs: dict[Arm, tuple[Path, ArmRun]]
) -> None:
    for folder, run in runs.values():
        predictions = load_predictions(folder)
        assert set(predictions) == set(TASKS)
        values = metric_values(small.tasks, splits.test, predictions)
        for task in small.tasks:
            assert run.tasks[task.name].test[task.metric.name] == pytest.approx(values[task.name])


def test_stored_weights_are_all_parameters_of_the_run(runs: dict[Arm, tuple[Path, ArmRun]]) -> None:
    for arm, (folder, run) in runs.items():
        names = TASKS if arm == SINGLE_TASK else ("shared",)
        assert sum(parameter_count(folder / f"{name}.safetensors") for name in names) == run.parameters
        files = {path.name for path in folder.iterdir()}
        assert files == {"run.json", "predictions.safetensors", *(f"{name}.safetensors" for name in names)}
    assert runs[SINGLE_TASK][1].parameters > runs["freeze"][1].parameters


def parameter_count(weights: Path) -> int:
    """Number of parameters in a file, which has the calibration too."""
    return sum(tensor.numel() for name, tensor in load_file(weights).items() if not name.startswith("calibration."))


@pytest.mark.parametrize("arm", ["freeze", SINGLE_TASK])
def test_a_finished_run_is_not_trained_again(
    small: Small, splits: Splits, runs: dict[Arm, tuple[Path, ArmRun]], arm: Arm, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run = runs[arm]
    monkeypatch.setattr(arms, "train", forbid)
    problem = small.declared(epochs=2)
    assert run_arm(arm, problem, small.encoder, with_test(splits, {}), 3, folder) == run
    other_gates = problem.model_copy(update={"gates": problem.gates.model_copy(update={"parity": 0.5})})
    assert run_arm(arm, other_gates, small.encoder, splits, 3, folder) == run


def test_a_change_of_any_input_discards_the_finished_run(
    small: Small, splits: Splits, runs: dict[Arm, tuple[Path, ArmRun]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other_rows = with_test(splits, {"late": 1 - splits.test.labels["late"]})
    monkeypatch.setattr(arms, "train", forbid)
    changes: list[tuple[Arm, Problem, Splits, int]] = [
        ("freeze", small.declared(epochs=2), splits, 4),
        ("joint", small.declared(epochs=2), splits, 3),
        ("freeze", small.declared(epochs=3), splits, 3),
        ("freeze", small.declared(epochs=2), other_rows, 3),
    ]
    for number, (arm, problem, rows, seed) in enumerate(changes):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "run.json").write_bytes((runs["freeze"][0] / "run.json").read_bytes())
        with pytest.raises(AssertionError, match="it trains"):
            run_arm(arm, problem, small.encoder, rows, seed, folder)
        assert not (folder / "run.json").exists()  # removed before anything is written


def test_an_interrupted_run_starts_over_to_the_same_result(
    small: Small, splits: Splits, runs: dict[Arm, tuple[Path, ArmRun]], tmp_path: Path
) -> None:
    epochs: list[tuple[str, int]] = []

    class Interrupt(StudyProgress):
        def on_epoch(self, training: str, epoch: Epoch) -> None:
            epochs.append((training, epoch.number))
            if training == "band":
                raise KeyboardInterrupt

    problem, folder = small.declared(epochs=2), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_arm(SINGLE_TASK, problem, small.encoder, splits, 3, folder, Interrupt())
    assert epochs == [("late", 1), ("late", 2), ("band", 1)]
    assert not (folder / "run.json").exists()
    (folder / "leftover").touch()
    repeated = run_arm(SINGLE_TASK, problem, small.encoder, splits, 3, folder)
    assert not (folder / "leftover").exists()
    uninterrupted_folder, uninterrupted = runs[SINGLE_TASK]
    for name, task in repeated.tasks.items():
        expected = uninterrupted.tasks[name].model_copy(update={"seconds": task.seconds})
        assert task == expected
        weights, expected_weights = (load_file(weights_path(f, name)) for f in (folder, uninterrupted_folder))
        assert all(torch.equal(weights[key], expected_weights[key]) for key in expected_weights)


def test_a_task_may_have_the_name_of_another_file(small: Small, splits: Splits, tmp_path: Path) -> None:
    problem = parse_problem(document(epochs=1) | {"tasks": {"predictions": document()["tasks"]["late"]}})
    late = small.encoder.tasks[0].model_copy(update={"name": "predictions"})
    encoder = small.encoder.model_copy(update={"tasks": (late,)})
    train, validation, test = (
        EncodedSplit(split.inputs, {"predictions": split.labels["late"]})
        for split in (splits.train, splits.validation, splits.test)
    )
    rows = Splits(train=train, validation=validation, test=test)
    run = run_arm(SINGLE_TASK, problem, encoder, rows, 0, tmp_path / "run")
    assert list(load_predictions(tmp_path / "run")) == ["predictions"]
    assert parameter_count(weights_path(tmp_path / "run", "predictions")) == run.parameters


def test_splits_of_one_task_have_the_labels_of_no_other(splits: Splits) -> None:
    only = splits.only("rare")
    for split, whole in ((only.train, splits.train), (only.validation, splits.validation), (only.test, splits.test)):
        assert list(split.labels) == ["rare"]
        assert split.labels["rare"] is whole.labels["rare"]
        assert split.inputs is whole.inputs
    assert only.digest != splits.digest


def test_an_undefined_metric_is_null(small: Small, splits: Splits, tmp_path: Path) -> None:
    rows = with_test(splits, {"late": torch.full_like(splits.test.labels["late"], -1)})
    run = run_arm("joint", small.declared(epochs=1), small.encoder, rows, 0, tmp_path / "run")
    assert set(run.tasks["late"].test.values()) == {None}
    assert all(value is not None and np.isfinite(value) for value in run.tasks["band"].test.values())
    assert ArmRun.model_validate_json(run.model_dump_json()) == run
