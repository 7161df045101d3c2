"""The arm of trees: every kind that they can learn, words for the others, and the same models from what is kept."""

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
from mtl_core.studies import boosted
from mtl_core.studies.arms import Splits, predictions_from
from mtl_core.studies.boosted import BoostedRun, missing, run_boosted, servers_of
from mtl_core.training.scores import metric_values
from tests.distillation.teacher_cases import KINDS, TeacherCase, teacher_case
from tests.small import Small
from tests.tasks.declared import fit, task


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosted, "OPTIONS", Boosted(trees=15, learning_rate=0.2, leaves=8))


def splits_of(found: TeacherCase, train: EncodedSplit | None = None) -> Splits:
    return Splits(train=train or found.train, validation=found.validation, test=found.validation)


def run(
    small: Small, found: TeacherCase, folder: Path, train: EncodedSplit | None = None, **training: Any
) -> BoostedRun:
    problem = found.problem.model_copy(update={"training": small.declared(**training).training})
    return run_boosted(problem, found.encoder, splits_of(found, train), folder)


@pytest.mark.parametrize("kind", KINDS)
def test_trees_answer_as_the_head_of_a_network_would(small: Small, kind: str, tmp_path: Path) -> None:
    found = teacher_case(small, kind)
    made = run(small, found, tmp_path / "run")
    assert made.skipped == {}
    predicted = predictions_from(tmp_path / "run")["t"]
    logits = torch.zeros(len(found.validation), found.task.outputs)
    assert predicted.shape == found.task.inverse_link(logits).shape
    assert np.isfinite(predicted).all()
    if kind == "quantiles":
        assert (np.diff(predicted, axis=1) >= 0).all()  # those of three models may cross
    trivial = found.task.baseline(found.train.labels["t"].numpy())
    by_chance = np.broadcast_to(trivial, (len(found.validation), *trivial.shape))
    least, value = (
        found.task.metric.oriented(metric_values([found.task], found.validation, {"t": p})["t"])
        for p in (by_chance, predicted)
    )
    assert value > least + 0.3 * abs(least)


def test_what_is_kept_is_not_grown_again(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = teacher_case(small, "quantiles")
    made = run(small, found, tmp_path)
    assert made.models == {"t": 3}
    assert made.bytes == sum(path.stat().st_size for path in tmp_path.glob("t-*.txt"))
    before = predictions_from(tmp_path)["t"]

    def forbid(*_: Any) -> None:
        raise AssertionError("it grows")

    with monkeypatch.context() as patch:
        patch.setattr(boosted.Trees, "grow", forbid)
        assert run(small, found, tmp_path) == made
        for changed in ({"seed": 1}, {"threads": 2}):
            (tmp_path / "other").mkdir()
            (tmp_path / "other" / "run.json").write_bytes((tmp_path / "run.json").read_bytes())
            with pytest.raises(AssertionError, match="it grows"):
                run(small, found, tmp_path / "other", **changed)
            (tmp_path / "other").rmdir()
        tasks = {"t": found.problem.tasks["t"].model_copy(update={"levels": (0.3, 0.5, 0.7)})}
        other = replace(found, problem=found.problem.model_copy(update={"tasks": tasks}))
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "run.json").write_bytes((tmp_path / "run.json").read_bytes())
        with pytest.raises(AssertionError, match="it grows"):
            run(small, other, tmp_path / "other")
    again = run(small, found, tmp_path / "again")
    assert np.array_equal(predictions_from(tmp_path / "again")["t"], before)
    assert again.model_copy(update={"seconds": made.seconds}) == made


def test_kept_models_serve_what_was_predicted(small: Small, tmp_path: Path) -> None:
    found = teacher_case(small, "squared")
    made = run(small, found, tmp_path)
    asked: list[np.ndarray] = []

    server = servers_of(made, found.encoder, small.declared().training, found.validation, tmp_path)
    call = server(len(found.validation) + 2)
    model, table = call.args[0][0], call.args[1]  # type: ignore[attr-defined]
    asked.append(model.predict(table))
    np.testing.assert_allclose(asked[0][:-2], predictions_from(tmp_path)["t"], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(asked[0][-2:], asked[0][:2])  # from the start again
    call()


def test_weights_of_rows_count(small: Small, tmp_path: Path) -> None:
    found = teacher_case(small, "squared")
    heavy = torch.where(found.train.labels["t"] > 0, 20.0, 1.0)
    run(small, found, tmp_path / "plain")
    run(small, found, tmp_path / "weighted", found.with_weights(heavy))
    plain, weighted = (predictions_from(tmp_path / name)["t"].mean() for name in ("plain", "weighted"))
    assert weighted > plain + 0.1


def test_a_task_that_trees_cannot_learn_is_skipped_with_words(small: Small, tmp_path: Path) -> None:
    found = teacher_case(small, "poisson")
    zeros = found.with_labels(torch.zeros_like(found.train.labels["t"]))
    assert "sum of labels is zero" in run(small, found, tmp_path / "zeros", zeros).skipped["t"]
    nothing = found.with_labels(torch.full_like(found.train.labels["t"], torch.nan))
    assert run(small, found, tmp_path / "nothing", nothing).skipped == {"t": "no labelled row in the training split"}
    assert run(small, found, tmp_path / "whole").skipped == {}


def test_a_kind_without_trees_is_skipped_beside_one_with_them(small: Small, tmp_path: Path) -> None:
    declared = task("clustering", clusters=2)
    groups = fit(declared, pa.array(["a", "b"])).model_copy(update={"name": "group"})
    encoder = small.encoder.model_copy(update={"tasks": (groups, *small.encoder.tasks[:1])})
    problem = small.problem.model_copy(update={"tasks": {"group": declared, **small.problem.tasks}})
    splits = []
    for split in (small.train, small.validation, small.validation):
        labels = {"group": torch.zeros(len(split), dtype=torch.int64), "late": split.labels["late"]}
        splits.append(EncodedSplit(split.inputs, labels))
    rows = Splits(train=splits[0], validation=splits[1], test=splits[2])
    heard: list[tuple[int, int]] = []
    made = run_boosted(problem, encoder, rows, tmp_path, lambda step, steps: heard.append((step, steps)))
    assert made.skipped == {"group": "trees cannot learn a task of the kind clustering"}
    assert list(made.models) == list(predictions_from(tmp_path)) == ["late"]
    assert heard == [(2, 2)]


def test_without_lightgbm_it_is_said_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing() is None
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    assert "lightgbm" in (missing() or "")
