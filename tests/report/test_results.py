"""Results per task, checks and data: edge cases."""

from dataclasses import replace

import pytest

from mtl_core.data.windows import SPLIT
from mtl_core.report.cards import possible_leak, task_result
from mtl_core.report.checks import headline, worst_outcome
from mtl_core.report.data import duplicates, features_by_kind, labels_of, windows
from mtl_core.report.run import Run
from tests.report.html_page import read
from tests.report.problem import LONG
from tests.report.run_folder import RunFolder


def test_the_bar_runs_from_worse_to_better(run: Run) -> None:
    for task in (run.tasks[0], run.tasks[2]):  # a score and an error
        bar = task_result(run, task)["metric"]["bar"]
        assert 0 < bar["baseline"] < bar["low"] <= bar["value"] <= bar["high"] < 100
    late = run.tasks[0]
    equal = {metric.name: dict.fromkeys(("value", "low", "high", "baseline"), 0.5) for metric in late.metrics}
    assert set(task_result(replace(run, evaluation={"late": equal}), late)["metric"]["bar"].values()) == {50}
    without_interval = {name: values | {"low": None} for name, values in equal.items()}
    metric = task_result(replace(run, evaluation={"late": without_interval}), late)["metric"]
    assert (metric["bar"], metric["interval"], metric["test"]) == (None, "\N{EN DASH}", "0.5000")


@pytest.mark.parametrize(
    ("outcome", "high", "text"),
    [
        ("passed", 0.2, "better than the baseline"),
        ("warning", 0.2, "not significantly better than the baseline"),
        ("failed", -0.1, "worse than the baseline"),
        ("failed", None, "not significantly better than the baseline"),
    ],
)
def test_comparison_with_the_baseline(run: Run, outcome: str, high: float | None, text: str) -> None:
    entry = {"name": "late.auc over baseline", "outcome": outcome, "high": high}
    assert task_result(replace(run, checks={"checks": [entry]}), run.tasks[0])["comparison"] == (outcome, text)
    assert task_result(replace(run, checks={"checks": []}), run.tasks[0])["comparison"] is None


def leak(run: Run, task: str, metric: str, value: float, baseline: float | None = 0.5, rows: int = 100) -> str:
    evaluation = {
        name: {key: dict(numbers) | {"value": 0.7} for key, numbers in metrics.items()}
        for name, metrics in run.evaluation.items()
    }
    evaluation[task][metric] |= {"value": value, "baseline": baseline}
    (objective,) = (objective for objective in run.tasks if objective.name == task)
    return possible_leak(replace(run, evaluation=evaluation), objective, rows)


@pytest.mark.parametrize(
    ("task", "metric", "related"),
    [
        ("late", "auc", "Possible leak: AUC 1.000. Features most related to minutes: size (AUC 0."),
        (LONG, "r2", "Possible leak: R² 1.000. Features most related to minutes: size (correlation 0."),
        ("band", "accuracy", "Possible leak: accuracy 1.000."),
        ("tags", "macro_auc", "Possible leak: macro AUC 1.000."),
        ("grade", "weighted_kappa", "Possible leak: weighted kappa 1.000."),
    ],
)
def test_a_perfect_metric_is_a_possible_leak(run: Run, task: str, metric: str, related: str) -> None:
    assert leak(run, task, metric, 0.9996).startswith(related)


@pytest.mark.parametrize(
    ("task", "metric", "value", "baseline", "rows"),
    [
        pytest.param("late", "auc", 0.9985, 0.5, 100, id="good"),
        pytest.param("band", "accuracy", 0.9995, 0.995, 100, id="baseline as good"),
        pytest.param("late", "auc", 1.0, 0.5, 29, id="few rows"),
        pytest.param("late", "log_loss", 1.0, 2.0, 100, id="loss"),
        pytest.param("alone", "silhouette", 1.0, None, 100, id="no target"),
    ],
)
def test_no_possible_leak(run: Run, task: str, metric: str, value: float, baseline: float | None, rows: int) -> None:
    assert leak(run, task, metric, value, baseline, rows) == ""


@pytest.mark.parametrize(
    ("outcomes", "text", "worst"),
    [
        (("passed", "warning"), "1 of 2 checks passed; warnings: b", "warning"),
        (("failed", "warning", "failed"), "0 of 3 checks passed; failed: a, c; warnings: b", "failed"),
    ],
)
def test_headline_and_worst_outcome(outcomes: tuple[str, ...], text: str, worst: str) -> None:
    checks = [{"name": name, "outcome": outcome} for name, outcome in zip("abc", outcomes, strict=False)]
    assert (headline(checks), worst_outcome(checks)) == (text, worst)


def test_the_times_of_the_splits_and_rows_that_are_left_out_are_shown(copied: RunFolder) -> None:
    assert windows(copied.run()).rows == ()
    bounds = {"train": ("2013-02-01", "2013-11-01"), "validation": ("2013-11-01", "2013-12-01"), "test": (None, None)}
    shown = {name: {"start": start, "end": end} for name, (start, end) in bounds.items()}
    copied.change(copied.layout.encoded / SPLIT, lambda summary: summary.update(left_out=12_345, windows=shown))
    assert windows(copied.run()).rows == (
        ("train", "2013-02-01", "2013-11-01", "299"),
        ("validation", "2013-11-01", "2013-12-01", "300"),
        ("test", "the oldest row", "the newest row", "300"),
    )
    text = read(copied.page()).sections["data"]
    assert "before the training window 12,345 left out" in text
    assert "split from to before rows train 2013-02-01 2013-11-01 299" in text


def test_duplicates_features_and_labels(run: Run) -> None:
    assert duplicates(replace(run, duplicates={"validation": 0, "test": 3})) == [
        "3 of 300 test rows equal a training row in every feature."
    ]
    colour, size, note = run.encoder.features
    logged = size.model_copy(update={"transform": "log1p", "low": 0.0, "high": 2.0})
    encoder = run.encoder.model_copy(update={"features": (colour, logged, note)})
    assert features_by_kind(replace(run, encoder=encoder)) == {
        "categorical": [("colour", "3 values")],
        "numeric": [("size", "0 to 2, log")],
        "text": [("note", "24 words")],
    }
    labels = {task.name: labels_of(run, task) for task in run.tasks}
    assert labels["ghost"].head == ("split", "labelled", "positive")
    assert labels["ghost"].rows[2] == ("test", "0%", "\N{EN DASH}")
    assert labels["tags"].rows[0][:2] == ("train", "100%")
