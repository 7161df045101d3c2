"""Predictions of a champion as soft targets: units, classes, class weights, and tasks that it cannot teach."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from mtl_core.distillation.champion import Champion, champion_logits, mismatch
from mtl_core.errors import DataError
from mtl_core.tasks import Objective
from mtl_core.training import TrainingResult, train
from tests.distillation.teacher_cases import KINDS, teacher_case
from tests.small import Small
from tests.tagging import SPANS
from tests.tasks.declared import fit_objective, task
from tests.training.runs import Callbacks, CrashError, Weights, same, to_json, weights

ROWS = 50
NUMBERS = pa.array([1.0, 5.0, None, 5.0, 1.0])


def soft(objective: Objective, predictions: NDArray[Any], labels: Any = (), /, **output: Any) -> NDArray[np.float32]:
    entry = {**objective.signature(), **output}
    return champion_logits(objective, entry, predictions, np.asarray(labels), calibration=True)


def probabilities(objective: Objective, logits: NDArray[np.float32]) -> NDArray[Any]:
    predicted: NDArray[Any] = objective.inverse_link(torch.from_numpy(logits)).numpy()
    return predicted


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "binary, weighted"])
def test_soft_targets_predict_in_the_users_units_what_the_champion_predicts(small: Small, kind: str) -> None:
    """The champion is fitted on other rows: its mean, scale and prior differ."""
    case = teacher_case(small, kind)
    torch.manual_seed(0)
    predictions = case.task.inverse_link(case.task.head_layer(8)(torch.randn(ROWS, 8)).detach()).numpy()
    if hasattr(case.task.codec, "mean"):
        predictions = predictions * 0.8 + 0.1
    labels = case.train.labels["t"][:ROWS]
    actual = probabilities(case.task, soft(case.task, predictions, labels))
    if kind not in ("poisson", "quantiles"):  # predictions of regressions stay in the range of the labels
        predictions = np.clip(predictions, getattr(case.task.codec, "minimum", None), None)
    assert_allclose(actual, predictions, rtol=2e-5, atol=2e-5)


WEIGHTED: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {
    "binary": ({"kind": "binary", "at_least": 2, "positive_weight": 3}, [0.3], [[0], [1]]),
    "multiclass": (
        {"kind": "multiclass", "edges": [2, 4], "classes": ["a", "b", "c"], "class_weights": {"b": 3}},
        [[0.5, 0.2, 0.3]],
        [[0], [1], [2]],
    ),
    "ordinal": (
        {"kind": "ordinal", "edges": [2, 4], "classes": ["a", "b", "c"], "class_weights": {"b": 3}},
        [[0.5, 0.2, 0.3]],
        [[0], [1], [2]],
    ),
}


@pytest.mark.parametrize("kind", WEIGHTED)
def test_under_class_weights_soft_targets_minimise_the_expected_loss_of_the_labels(kind: str) -> None:
    """Calibration has removed the bias of the weights from the predictions."""
    options, predictions, labels = WEIGHTED[kind]
    objective = fit_objective(task(**options), NUMBERS)
    logits = torch.from_numpy(soft(objective, np.array(predictions))).requires_grad_()
    shares = predictions[0] if isinstance(predictions[0], list) else [1 - predictions[0], predictions[0]]
    losses = [share * objective.loss(logits, torch.tensor(label)) for share, label in zip(shares, labels, strict=True)]
    (gradient,) = torch.autograd.grad(torch.stack(losses).sum(), logits)
    assert_allclose(gradient.numpy(), 0, atol=1e-6)


def test_each_label_of_a_multilabel_task_has_its_own_class_weights() -> None:
    columns = pa.StructArray.from_arrays([pa.array([1, 0, 0, 0]), pa.array([1, 1, 0, 0])], names=["a", "b"])
    options = task("multilabel", target="", columns=("a", "b"), positive_weight="balanced")
    logits = soft(fit_objective(options, columns), np.array([[0.25, 0.5]]))
    assert_allclose(logits, [[0, 0]], atol=1e-6)  # balanced: 0.25 is the share of a, 0.5 that of b


def test_class_weights_do_not_move_predictions_that_have_their_bias() -> None:
    """Without calibration, and for a metric of decisions, which keeps the bias."""
    for metric, calibration, share in (("", True, 0.5625), ("", False, 0.3), ("accuracy", True, 0.3)):
        options = task("multiclass", edges=[2], classes=["a", "b"], class_weights={"b": 3}, metric=metric)
        objective, predictions = fit_objective(options, NUMBERS), np.array([[0.7, 0.3]])
        entry = objective.signature()
        logits = champion_logits(objective, entry, predictions, np.array([0]), calibration=calibration)
        assert_allclose(probabilities(objective, logits), [[1 - share, share]], rtol=1e-6)


def test_classes_are_found_by_their_names() -> None:
    objective = fit_objective(task("multiclass"), pa.array(["a", "b", "c", "c"]))
    predictions = np.array([[0.7, 0.2, 0.1]])
    assert_allclose(
        probabilities(objective, soft(objective, predictions, [0], classes=["c", "a", "b"])), [[0.2, 0.1, 0.7]], 1e-5
    )


def test_a_class_that_the_champion_lacks_has_probability_0_except_in_its_own_rows() -> None:
    objective = fit_objective(task("multiclass"), pa.array(["a", "b", "c", "c"]))
    predictions = np.array([[0.6, 0.4]] * 3)
    logits = soft(objective, predictions, [0, 2, -1], classes=["b", "a"])
    assert_allclose(probabilities(objective, logits), [[0.4, 0.6, 0], [0, 0, 1], [0.4, 0.6, 0]], atol=1e-5)


def test_the_probability_of_a_class_that_no_longer_exists_is_divided_among_the_others() -> None:
    objective = fit_objective(task("multiclass"), pa.array(["a", "b", "b", "b"]))
    predictions = np.array([[0.5, 0.3, 0.2], [1.0, 0, 0], [1.0, 0, 0]])
    logits = soft(objective, predictions, [0, 0, -1], classes=["gone", "a", "b"])
    assert_allclose(probabilities(objective, logits), [[0.6, 0.4], [1, 0], [0.25, 0.75]], atol=1e-5)


def test_a_label_that_the_champion_lacks_has_its_value_or_its_share_of_the_rows() -> None:
    columns = pa.StructArray.from_arrays([pa.array([1, 0, 0, 1]), pa.array([1, 0, 0, None])], names=["known", "new"])
    objective = fit_objective(task("multilabel", target="", columns=("known", "new")), columns)
    logits = soft(objective, np.array([[0.1, 0.7]] * 3), [[1, 1], [0, 0], [1, -1]], labels=["gone", "known"])
    assert_allclose(probabilities(objective, logits), [[0.7, 1], [0.7, 0], [0.7, 1 / 3]], atol=1e-5)


def tagger() -> Objective:
    """Tags: O, B and I of day (1, 2), B and I of place (3, 4)."""
    spans = [[{"start": 0, "end": 1, "label": label}] for label in ("place", "day")]
    return fit_objective(task("tagging"), pa.array(spans, SPANS))  # type: ignore[no-any-return]


def test_soft_targets_of_tags_decode_to_the_tags_with_their_probabilities() -> None:
    objective = tagger()
    predictions = np.array([[0, 0.9], [3, 0.8], [4, 0.5], [1, 1.0], [0, 0.95]])
    logits = soft(objective, predictions, np.zeros(5))
    assert_allclose(objective.inverse_link(torch.from_numpy(logits)[None])[0].numpy(), predictions, atol=1e-5)


def test_labels_of_spans_are_found_by_their_names() -> None:
    """The champion's tags: B and I of place (1, 2), of gone (3, 4). It lacks day, so a token of a day keeps its tag."""
    predictions = np.array([[1, 0.8], [2, 0.7], [3, 0.6], [0, 0.9], [1, 0.9]])
    aligned = tagger().aligned(predictions, ("place", "gone"), np.array([3, 4, 0, 1, -2]))
    assert_array_equal(aligned, [[3, 0.8], [4, 0.7], [0, 0.6], [1, 1.0], [3, 0.9]])


@pytest.mark.parametrize(
    ("options", "changes", "reason"),
    [
        ({"kind": "binary", "at_least": 2}, {"threshold": 0.3}, ""),
        ({"kind": "binary", "at_least": 2}, {"kind": "multiclass"}, "its kind was 'multiclass' and is 'binary'"),
        ({"kind": "regression", "unit": "min"}, {"unit": "h"}, "its unit was 'h' and is 'min'"),
        ({"kind": "regression"}, {"dtype": "float64"}, ""),
        ({"kind": "quantiles"}, {"levels": [0.5]}, r"its levels was \[0.5\] and is"),
        (
            {"kind": "ordinal", "edges": [2], "classes": ["a", "b"]},
            {"classes": ["b", "a"]},
            "its classes was",
        ),
        ({"kind": "multiclass", "edges": [2], "classes": ["a", "b"]}, {"classes": ["b", "x"]}, ""),
        ({"kind": "multiclass", "edges": [2], "classes": ["a", "b"]}, {"classes": ["x", "y"]}, "none of its classes"),
    ],
)
def test_a_redefined_task_is_named_with_what_changed(
    options: dict[str, Any], changes: dict[str, Any], reason: str
) -> None:
    objective = fit_objective(task(**options), NUMBERS)
    actual = mismatch(objective, {**objective.signature(), **changes})
    assert re.search(reason, actual) if reason else actual == ""


def test_predictions_that_are_not_finite_are_refused() -> None:
    objective = fit_objective(task("regression"), NUMBERS)
    with pytest.raises(DataError, match=r"teachers\.t: the champion must predict finite numbers .* found 2 others"):
        soft(objective, np.array([1.0, np.nan, np.inf]))


TEACHERS: dict[str, Any] = {
    "late": {"kind": "champion", "weight": 0.7, "use_unlabelled": True},
    "minutes": {"kind": "champion"},
    "rare": {"kind": "champion"},
}


class Teaching:
    """A champion of the small problem that predicts constants, and counts how often it is asked."""

    def __init__(self, small: Small, minutes: float = 3.0) -> None:
        self.small, self.minutes, self.calls = small, minutes, 0

    def predict(self, tasks: Any, on_rows: Any) -> dict[str, NDArray[Any]]:
        self.calls += 1
        on_rows(1, 2)
        rows = len(self.small.train)
        on_rows(2, 2)
        constants = {"late": 0.9, "minutes": self.minutes}
        return {task: np.full(rows, constants[task]) for task in tasks}

    @property
    def champion(self) -> Champion:
        outputs: Mapping[str, Any] = {task.name: task.signature() for task in self.small.tasks}
        return Champion(
            version="small:1",
            digest=str(self.minutes),
            outputs=outputs,
            untaught={"rare": "the champion has no such task"},
            predict=self.predict,
        )


def train_taught(
    small: Small, folder: Path, champion: Champion | None, progress: Any = None, **options: Any
) -> tuple[Weights, TrainingResult]:
    problem = small.declared(**{"epochs": 1, "batch_size": 256, "teachers": TEACHERS, **options})
    network, result = train(problem, small.encoder, small.train, small.validation, folder, progress, champion)
    return weights(network), result


def test_tasks_learn_from_the_champion_or_from_labels_alone_with_the_reason(small: Small, tmp_path: Path) -> None:
    teaching, steps = Teaching(small), list[Any]()
    progress = Callbacks(on_teacher=lambda *step: steps.append(step))
    taught, result = train_taught(small, tmp_path / "taught", teaching.champion, progress)
    assert result.champion_teacher is not None
    assert json.loads(result.model_dump_json())["champion_teacher"] == {
        "champion": "small:1",
        "taught": ["late", "minutes"],
        "untaught": {"rare": "the champion has no such task"},
    }
    assert steps == [("late, minutes", 1, 2), ("late, minutes", 2, 2)]
    stored = np.load(tmp_path / "taught" / "teacher-minutes-champion.npy")
    assert_allclose(stored[:, 0], (3.0 - small.tasks[2].codec.mean) / small.tasks[2].codec.scale, rtol=1e-6)  # type: ignore[attr-defined]
    untaught, without = train_taught(small, tmp_path / "untaught", None)
    by_labels, plain = train_taught(small, tmp_path / "labels", None, teachers={})
    assert not same(taught, by_labels)
    assert same(untaught, by_labels)
    assert without.champion_teacher is not None
    assert set(without.champion_teacher.untaught) == set(TEACHERS)
    assert plain.champion_teacher is None
    assert "champion_teacher" not in plain.model_dump()


def test_a_training_that_is_taught_resumes_without_asking_again(small: Small, tmp_path: Path) -> None:
    """Killed in its first epoch twice; then one of its soft targets is lost."""
    expected, result = train_taught(small, tmp_path / "expected", Teaching(small).champion)
    teaching = Teaching(small)

    def crash(*arguments: Any) -> None:
        raise CrashError

    for calls, lost in ((1, False), (1, True), (2, False)):
        with pytest.raises(CrashError):
            train_taught(small, tmp_path / "killed", teaching.champion, Callbacks(on_step=crash))
        assert teaching.calls == calls
        if lost:
            (tmp_path / "killed" / "teacher-minutes-champion.npy").unlink()
    resumed, again = train_taught(small, tmp_path / "killed", teaching.champion)
    assert same(resumed, expected)
    assert to_json(again) == to_json(result)


def test_a_checkpoint_of_another_champion_is_discarded(small: Small, tmp_path: Path) -> None:
    train_taught(small, tmp_path / "used", Teaching(small, minutes=-1.0).champion)
    trained, _ = train_taught(small, tmp_path / "used", Teaching(small).champion)
    expected, _ = train_taught(small, tmp_path / "new", Teaching(small).champion)
    assert same(trained, expected)
