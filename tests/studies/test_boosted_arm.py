"""The arm of boosted trees: every kind that trees can learn, reasons for the others, and reuse of the stored models."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from mtl_core.config.distillation import Boosted
from mtl_core.data.encoded import EncodedSplit
from mtl_core.studies.comparison import boosted
from mtl_core.studies.comparison.boosted import BoostedRun, boosted_server, lightgbm_error, run_boosted
from mtl_core.studies.comparison.run_files import load_predictions
from mtl_core.studies.progress import StudyProgress
from mtl_core.studies.splits import Splits
from mtl_core.training.scores import metric_values
from tests.distillation.teacher_cases import KINDS, TeacherCase, teacher_case
from tests.small import Small
from tests.tasks.declared import fit_codec, task


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosted, "OPTIONS", Boosted(trees=15, learning_rate=0.2, leaves=8))


def run(
    small: Small, problem: TeacherCase, folder: Path, train: EncodedSplit | None = None, **training: Any
) -> BoostedRun:
    declared = problem.problem.model_copy(update={"training": small.declared(**training).training})
    splits = Splits(train=train or problem.train, validation=problem.validation, test=problem.validation)
    return run_boosted(declared, problem.encoder, splits, folder)


@pytest.mark.parametrize("kind", KINDS)
def test_trees_predict_with_the_shape_of_the_head_and_better_than_the_baseline(
    small: Small, kind: str, tmp_path: Path
) -> None:
    problem = teacher_case(small, kind)
    assert run(small, problem, tmp_path).skipped == {}
    predicted = load_predictions(tmp_path)["t"]
    logits = torch.zeros(len(problem.validation), problem.task.outputs)
    assert predicted.shape == problem.task.inverse_link(logits).shape
    assert np.isfinite(predicted).all()
    if kind == "quantiles":
        assert (np.diff(predicted, axis=1) >= 0).all()  # sorted, though those of separate models may cross
    row = problem.task.baseline(problem.train.labels["t"].numpy())
    constant = np.broadcast_to(row, (len(problem.validation), *row.shape))
    baseline, value = (
        problem.task.metric.oriented(metric_values([problem.task], problem.validation, {"t": values})["t"])
        for values in (constant, predicted)
    )
    assert value > baseline + 0.3 * abs(baseline)


def test_a_finished_run_is_reused_until_an_input_changes(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = teacher_case(small, "quantiles")
    first = run(small, problem, tmp_path)
    assert first.models == {"t": 3}
    assert first.bytes == sum(path.stat().st_size for path in tmp_path.glob("t-*.txt"))

    def forbid(*_: Any) -> None:
        raise AssertionError("it grows")

    tasks = {"t": problem.problem.tasks["t"].model_copy(update={"levels": (0.3, 0.5, 0.7)})}
    other_levels = replace(problem, problem=problem.problem.model_copy(update={"tasks": tasks}))
    changes: list[tuple[TeacherCase, dict[str, int]]] = [
        (problem, {"seed": 1}),
        (problem, {"threads": 2}),
        (other_levels, {}),
    ]
    with monkeypatch.context() as patch:
        patch.setattr(boosted.Trees, "grow", forbid)
        assert run(small, problem, tmp_path) == first
        for number, (changed, training) in enumerate(changes):
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / "run.json").write_bytes((tmp_path / "run.json").read_bytes())
            with pytest.raises(AssertionError, match="it grows"):
                run(small, changed, folder, **training)
    repeated = run(small, problem, tmp_path / "repeated")
    assert np.array_equal(load_predictions(tmp_path / "repeated")["t"], load_predictions(tmp_path)["t"])
    assert repeated.model_copy(update={"seconds": first.seconds}) == first


def test_stored_models_predict_the_stored_predictions(small: Small, tmp_path: Path) -> None:
    problem = teacher_case(small, "squared")
    stored = run(small, problem, tmp_path)
    server = boosted_server(stored, problem.encoder, small.declared().training, problem.validation, tmp_path)
    call = server(len(problem.validation) + 2)
    models, table = call.args  # type: ignore[attr-defined]
    predicted = models[0].predict(table)
    np.testing.assert_allclose(predicted[:-2], load_predictions(tmp_path)["t"], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(predicted[-2:], predicted[:2])  # repeated from the start
    call()


def test_row_weights_shift_the_predictions(small: Small, tmp_path: Path) -> None:
    problem = teacher_case(small, "squared")
    weights = torch.where(problem.train.labels["t"] > 0, 20.0, 1.0)
    run(small, problem, tmp_path / "equal")
    run(small, problem, tmp_path / "weighted", problem.with_weights(weights))
    equal, weighted = (load_predictions(tmp_path / name)["t"].mean() for name in ("equal", "weighted"))
    assert weighted > equal + 0.1


def test_labels_that_trees_cannot_learn_are_skipped_with_the_reason(small: Small, tmp_path: Path) -> None:
    problem = teacher_case(small, "poisson")
    zeros = problem.with_labels(torch.zeros_like(problem.train.labels["t"]))
    assert "sum of labels is zero" in run(small, problem, tmp_path / "zeros", zeros).skipped["t"]
    unlabelled = problem.with_labels(torch.full_like(problem.train.labels["t"], torch.nan))
    assert "no labelled row" in run(small, problem, tmp_path / "unlabelled", unlabelled).skipped["t"]


def test_a_kind_without_trees_is_skipped_and_the_other_task_is_not(small: Small, tmp_path: Path) -> None:
    declared = task("clustering", clusters=2)
    groups = fit_codec(declared, pa.array(["a", "b"])).model_copy(update={"name": "group"})
    encoder = small.encoder.model_copy(update={"tasks": (groups, *small.encoder.tasks[:1])})
    problem = small.problem.model_copy(update={"tasks": {"group": declared, **small.problem.tasks}})
    train, validation = (
        EncodedSplit(split.inputs, {"group": torch.zeros(len(split), dtype=torch.int64), "late": split.labels["late"]})
        for split in (small.train, small.validation)
    )
    steps: list[tuple[int, int]] = []

    class Steps(StudyProgress):
        def on_step(self, step: int, steps_: int) -> None:
            steps.append((step, steps_))

    rows = Splits(train=train, validation=validation, test=validation)
    stored = run_boosted(problem, encoder, rows, tmp_path, Steps())
    assert stored.skipped == {"group": "trees cannot learn a task of the kind clustering"}
    assert list(stored.models) == list(load_predictions(tmp_path)) == ["late"]
    assert steps == [(2, 2)]


def test_without_lightgbm_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lightgbm_error() is None
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    assert "lightgbm" in (lightgbm_error() or "")
