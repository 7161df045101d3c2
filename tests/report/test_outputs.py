"""Reports by the form of the predictions: texts, numbers compared with NumPy, and plots of any data."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, roc_auc_score

from mtl_core.report.outputs import task_report
from mtl_core.report.outputs.base import TaskReport
from mtl_core.report.outputs.classes import ClassReport, ProbabilityReport
from mtl_core.report.outputs.clusters import ClusterReport
from mtl_core.report.outputs.multilabel import LabelReport
from mtl_core.report.outputs.numbers import NumberReport, QuantileReport
from mtl_core.report.outputs.spans import SpanReport
from mtl_core.report.scored_rows import ScoredRows
from mtl_core.report.wording import UNDEFINED

LEVELS = (0.1, 0.5, 0.9)
NAMES = (
    "a\x00b",
    "a\x01b",
    "\ud800",
    "<b>&\"'",
    "x" * 300,
    "",
    "31 others",
    "true class",
    "share of rows",
    "数字",
)


def rows_of(labels: Any, predictions: Any, uncalibrated: Any = None) -> ScoredRows:
    return ScoredRows(labels=np.asarray(labels), predictions=np.asarray(predictions), uncalibrated=uncalibrated)


def column(figure: Any, head: str) -> list[str]:
    index = figure.table.head.index(head)
    return [row[index] for row in figure.table.rows]


def counts(figure: Any, head: str) -> list[int]:
    return [int(cell.replace(",", "")) for cell in column(figure, head)]


def share(text: str) -> float:
    return float(text.lstrip("<> ").rstrip("%")) / 100


@pytest.mark.parametrize(
    ("output", "report"),
    [
        ({"form": "number", "unit": "probability"}, ProbabilityReport()),
        ({"form": "number", "unit": "probability", "threshold": 0.25}, ProbabilityReport(threshold=0.25)),
        ({"form": "number", "unit": "EUR"}, NumberReport(unit="EUR")),
        ({"form": "class_probabilities", "classes": ["a", "b"]}, ClassReport(classes=("a", "b"))),
        (
            {"form": "class_probabilities", "kind": "ordinal", "classes": ["a"]},
            ClassReport(classes=("a",), ordered=True),
        ),
        (
            {"form": "label_probabilities", "labels": ["a"], "thresholds": [0.2]},
            LabelReport(labels=("a",), thresholds=(0.2,)),
        ),
        ({"form": "quantiles", "unit": "EUR", "levels": [0.1, 0.9]}, QuantileReport(levels=(0.1, 0.9), unit="EUR")),
        ({"form": "cluster_probabilities", "clusters": 3}, ClusterReport(clusters=3)),
        ({"form": "spans", "unit": "probability", "labels": ["a"]}, SpanReport(labels=("a",))),
    ],
)
def test_the_report_depends_on_the_form(output: dict[str, Any], report: TaskReport) -> None:
    assert task_report(output) == report


def test_an_unknown_form_has_metrics_only() -> None:
    report, rows = task_report({"form": "boxes", "unit": ""}), rows_of(np.zeros(3), np.zeros(3))
    assert (report.figures(rows), report.summary(rows)) == ([], [])
    assert report.label_distribution({"train": rows.labels}).rows == ((),)
    assert report.baseline(np.zeros(())) == "the best constant"


def _one_hot(labels: NDArray[Any], classes: int, confidence: float = 0.95) -> NDArray[Any]:
    rest = (1 - confidence) / max(1, classes - 1)
    return np.where(np.eye(classes)[labels] == 1, confidence, rest).astype(np.float32)


@pytest.mark.parametrize("rows", [1, 700])
@pytest.mark.parametrize("kind", ["random", "constant", "perfect"])
def test_any_data_can_be_plotted(rows: int, kind: str) -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=rows).astype(np.float32) if kind != "constant" else np.full(rows, 7.0, np.float32)
    predictions = values if kind != "random" else generator.normal(size=rows).astype(np.float32)
    binary = (values > 0).astype(np.int8)
    probability = {"random": generator.random(rows), "constant": np.full(rows, 0.5), "perfect": binary * 1.0}[kind]
    labels = np.arange(rows) % 10 if kind != "constant" else np.zeros(rows, np.int64)
    classes = generator.dirichlet(np.ones(10), rows) if kind == "random" else _one_hot(labels, 10)
    tags = np.stack([binary, 1 - binary, np.full(rows, -1)], axis=1)
    cases: list[tuple[TaskReport, Any, Any, Any]] = [
        (ProbabilityReport(threshold=0.5), binary, probability, 1 - probability),
        (NumberReport(unit=NAMES[3]), values, predictions, None),
        (ClassReport(classes=NAMES), labels, classes, None),
        (ClassReport(classes=NAMES, ordered=True), labels, classes, classes[:, ::-1]),
        (LabelReport(labels=NAMES[:3]), tags, np.stack([probability] * 3, axis=1), None),
        (ClusterReport(clusters=10, classes=NAMES), labels, classes, None),
        *(
            (QuantileReport(levels=levels, unit=""), values, predictions[:, None] + np.array(levels), None)
            for levels in ((0.25,), (0.4, 0.6), (0.0001, 0.0005, 0.25, 0.5, 0.75, 0.95, 0.99))
        ),
    ]
    for report, truth, predicted, uncalibrated in cases:
        data = rows_of(truth, predicted, uncalibrated)
        figures = report.figures(data)
        assert figures, report
        assert all(len(row) == len(figure.table.head) for figure in figures for row in figure.table.rows)
        assert report.summary(data), report


@pytest.mark.parametrize("classes", [2, 40, 1000])
def test_rare_classes_and_clusters_are_grouped(classes: int) -> None:
    names = tuple(f"class {index}" for index in range(classes))
    labels = np.repeat(np.arange(classes), np.arange(1, classes + 1) if classes < 100 else 1)
    predictions = _one_hot(labels, classes)
    confusion = ClassReport(classes=names).figures(rows_of(labels, predictions))[0]
    assert len(confusion.table.rows) == min(classes, 10)
    sizes, confidence, contingency = ClusterReport(clusters=classes, classes=names).figures(
        rows_of(labels, predictions)
    )
    assert len(sizes.table.rows) == classes
    assert sum(counts(sizes, "rows")) == sum(counts(confidence, "rows")) == len(labels)
    assert len(contingency.table.rows) == min(classes, 10)
    columns = ClassReport(classes=names).label_distribution({"train": labels, "test": labels[:0]})
    assert len(columns.head) == min(classes, 6)
    assert set(columns.rows[1]) == {UNDEFINED}


def test_the_confusion_matrix_equals_that_of_sklearn() -> None:
    generator = np.random.default_rng(0)
    labels, predictions = generator.integers(0, 3, 200), generator.dirichlet(np.ones(4), 200)
    figure = ClassReport(classes=("a", "b", "c", "never")).figures(rows_of(labels, predictions))[0]
    expected = confusion_matrix(labels, predictions.argmax(axis=1), labels=range(4))[:3]
    for row, counts in zip(figure.table.rows[:3], expected, strict=True):
        assert [share(cell) for cell in row[2:]] == pytest.approx(counts / counts.sum(), abs=6e-4)
        assert share(row[1]) == pytest.approx(counts.sum() / 200, abs=6e-4)
    assert set(figure.table.rows[3][1:]) == {"0%"}


@pytest.mark.parametrize(
    ("threshold", "text"),
    [
        (None, "Top 10% of rows by probability: 16% of all positives."),
        (0.5, "Threshold 0.5: 50% of rows predicted positive, precision 80%, recall 80%."),
        (0.95, f"Threshold 0.95: 0% of rows predicted positive, precision {UNDEFINED}, recall 0%."),
    ],
)
def test_summary_of_a_probability(threshold: float | None, text: str) -> None:
    data = rows_of(np.repeat([0, 1, 0, 1], [40, 10, 10, 40]), np.repeat([0.1, 0.9], [50, 50]))
    assert ProbabilityReport(threshold=threshold).summary(data)[-1] == text


def test_labels_of_one_class_have_no_gains_curve() -> None:
    report = ProbabilityReport()
    for labels in (np.zeros(80, np.int8), np.ones(80, np.int8)):
        assert [figure.title for figure in report.figures(rows_of(labels, np.linspace(0, 0.2, 80)))] == ["Calibration"]
    assert report.summary(rows_of(np.zeros(80, np.int8), np.zeros(80))) == ["No positive row in the test split."]


def test_the_calibration_plot_has_uncalibrated_probabilities() -> None:
    probability = np.linspace(0.3, 0.7, 1_000)
    labels = (np.random.default_rng(0).random(1_000) < probability).astype(np.int8)
    sharp = 1 / (1 + (1 / probability - 1) ** 4)
    both = np.stack([1 - probability, probability], axis=1), np.stack([1 - sharp, sharp], axis=1)
    cases: list[tuple[TaskReport, ScoredRows]] = [
        (ProbabilityReport(), rows_of(labels, probability, sharp)),
        (ClassReport(classes=("no", "yes")), rows_of(labels, *both)),
        (LabelReport(labels=("a", "b")), rows_of(np.stack([1 - labels, labels], axis=1), *both)),
    ]
    for report, data in cases:
        (figure,) = (figure for figure in report.figures(data) if figure.title == "Calibration")
        errors = figure.caption.split("difference: ")[1].split(" percentage points")
        assert float(errors[0]) < 5 < float(errors[1].split("; ")[1])
        (plain,) = (f for f in report.figures(rows_of(data.labels, data.predictions)) if f.title == "Calibration")
        assert "uncalibrated" not in plain.svg + plain.caption


def test_numbers_are_summarized_by_quantiles() -> None:
    labels = np.concatenate([np.zeros(980), [1e9] * 20])
    report, data = NumberReport(unit="EUR"), rows_of(labels, np.zeros(1000))
    assert report.summary(data) == ["Absolute error: median 0 EUR, 90% quantile 0 EUR."]
    residuals = report.figures(data)[1]
    assert f"Not shown: {(1000 - sum(counts(residuals, 'rows'))) / 10:g}% of rows" in residuals.caption
    table = report.label_distribution({"train": np.arange(101.0), "test": np.empty(0)})
    assert table.rows == (("10", "50", "90"), (UNDEFINED,) * 3)
    assert report.baseline(np.array(2.5)) == "2.5 EUR"


def test_few_distinct_values_are_described_by_their_mean() -> None:
    generator = np.random.default_rng(0)
    rate = np.exp(generator.normal(size=3000) / 2 - 1)
    observed, residuals = NumberReport(unit="").figures(rows_of(generator.poisson(rate).astype(float), rate))
    assert "mean (line)" in observed.caption
    assert "Orange line: mean" in residuals.caption
    for mean, predicted in zip(column(observed, "mean"), column(observed, "predicted"), strict=True):
        assert float(mean) == pytest.approx(float(predicted), abs=0.2)


@pytest.mark.parametrize(("width", "coverage"), [(0.5, 0.4), (1.0, 0.8), (2.0, 1.0)])
def test_coverage_of_quantiles_of_any_width(width: float, coverage: float) -> None:
    generator = np.random.default_rng(0)
    start = 10 * generator.random(4000)
    quantiles = start[:, None] + 0.5 + width * (np.array(LEVELS) - 0.5)
    data, report = rows_of(start + generator.random(4000), quantiles), QuantileReport(levels=LEVELS, unit="minutes")
    (text,) = report.summary(data)
    assert share(text.split("coverage ")[1].split(" ")[0]) == pytest.approx(coverage, abs=0.03)
    assert f"(nominal: 80%), median width {0.8 * width:g} minutes." in text
    figure, intervals = report.figures(data)
    observed = [share(cell) for cell in column(figure, "observed")]
    assert observed == pytest.approx([0.5 - coverage / 2, 0.5, 0.5 + coverage / 2], abs=0.03)
    assert sum(counts(intervals, "rows")) == 4000
    assert report.baseline(np.array([3.0, 7.5, 21.0])) == "3 minutes (10%), 7.5 minutes (50%), 21 minutes (90%)"


def test_a_label_equal_to_its_quantile_is_covered() -> None:
    figure = QuantileReport(levels=LEVELS, unit="").figures(rows_of(np.ones(60), np.ones((60, 3))))[0]
    assert column(figure, "observed") == ["100%"] * 3


def test_auc_per_label_ignores_unlabelled_rows() -> None:
    generator = np.random.default_rng(0)
    probability = np.clip(np.linspace(0.6, 0.05, 30) * generator.random((400, 30)) * 2, 0, 1).astype(np.float32)
    labels = np.where(generator.random((400, 30)) < probability, 1, 0)
    labels[generator.random((400, 30)) < 0.2] = -1
    report = LabelReport(labels=tuple(f"label {index}" for index in range(30)))
    aucs, calibration = report.figures(rows_of(labels, probability))
    assert len(aucs.table.rows) == 20
    assert "20 most frequent of 30" in aucs.caption
    for name, frequency, auc, interval in aucs.table.rows:
        index = int(name.removeprefix("label "))
        labelled = labels[:, index] >= 0
        assert share(frequency) == pytest.approx(labels[labelled, index].mean(), abs=6e-4)
        expected = roc_auc_score(labels[labelled, index], probability[labelled, index])
        assert float(auc) == pytest.approx(expected, abs=6e-4)
        low, high = map(float, interval.split(" to "))
        assert low < float(auc) < high
    assert sum(counts(calibration, "rows x labels")) == (labels >= 0).sum()
    changed = rows_of(labels, np.where(labels < 0, 1 - probability, probability))
    assert [f.table for f in report.figures(changed)] == [aucs.table, calibration.table]


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ([1, 1, 1, 1], ("100%", UNDEFINED, UNDEFINED)),
        ([-1, -1, -1, -1], (UNDEFINED, UNDEFINED, UNDEFINED)),
        (
            [1, 0, -1, -1],
            ("50%", "1.000", "0.207 to 1.000"),
        ),  # 1 / (1 + 1.96²), as Wilson's of a single row
    ],
)
def test_auc_of_a_label_with_few_values(values: list[int], cells: tuple[str, ...]) -> None:
    labels = np.stack([[1, 0, 1, 0], values], axis=1)
    figure = LabelReport(labels=("a", "b")).figures(rows_of(labels, [[0.9, 0.8], [0.1, 0.2], [0.8, 0.3], [0.2, 0.4]]))[
        0
    ]
    assert next(row[1:] for row in figure.table.rows if row[0] == "b") == cells


@pytest.mark.parametrize(
    ("labels", "thresholds", "text"),
    [
        ([[0, -1]] * 3, (), "No positive label in the test split."),
        ([[1, 1], [0, 1], [1, -1]], (), "Threshold 0.5, over all labels: precision 50%, recall 25%."),
        (
            [[1, 1], [0, 1], [1, -1]],
            (0.55, 0.15),
            "Thresholds 0.15 to 0.55, over all labels: precision 50%, recall 25%.",
        ),
    ],
)
def test_summary_of_labels(labels: Any, thresholds: tuple[float, ...], text: str) -> None:
    data = rows_of(labels, [[0.5, 0.2], [0.6, 0.1], [0.4, 0.9]])
    assert LabelReport(labels=("a", "b"), thresholds=thresholds).summary(data) == [text]


def test_label_distribution_of_labels() -> None:
    train = np.array([[1, 0, 0, 0, 1], [1, 1, 0, 0, -1], [0, 1, 1, 0, -1], [1, 1, 0, 0, -1]])
    table = LabelReport(labels=tuple("abcde")).label_distribution({"train": train, "test": train[:0]})
    assert table.head == ("e", "a", "b", "c", "labels per row")
    assert table.rows == (("100%", "75%", "75%", "25%", "2.75"), (UNDEFINED,) * 5)


def test_report_of_clusters() -> None:
    predictions = np.concatenate([_one_hot(np.array([2, 2, 0]), 4), _one_hot(np.array([0, 2, 2]), 4, 0.55)])
    data = rows_of([0, 0, 1, 1, 1, 2], predictions)
    report = ClusterReport(clusters=4, classes=("a", "b"))
    assert report.summary(data) == [
        "4 clusters of 0% to 66.7% of rows; 2 empty.",
        "Probability of 90% or more in 50% of rows.",
    ]
    contingency = report.figures(data)[2].table
    assert contingency.head == ("cluster", "share of rows", "a", "b", "not in training")
    assert contingency.rows[2] == ("2", "66.7%", "50%", "25%", "25%")
    assert contingency.rows[1] == ("1", "0%", "0%", "0%", "0%")
    assert report.label_distribution({"train": data.labels[:5]}).head == ("a", "b")
    assert len(ClusterReport(clusters=4).figures(data)) == 2
    assert ClusterReport(clusters=4).label_distribution({"train": data.labels}).rows == ((),)
