"""Gates: both sides of every limit; undefined values never pass."""

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtl_core.checks import BaselineCheck, Check, LatencyCheck, with_latencies, write_checks, write_latencies
from mtl_core.config import Gates, parse_problem
from mtl_core.evaluation import Difference, MetricValue, compare, evaluate
from mtl_core.export.parity import Parity
from mtl_core.gates import (
    baseline_checks,
    gates_off,
    latency_checks,
    metric_checks,
    parity_check,
    size_checks,
    tasks_without_limit,
)
from tests.small import Small, document


@pytest.mark.parametrize(
    ("value", "rule", "passed"),
    [
        (0.8, "at least", True),
        (0.79999, "at least", False),
        (0.8, "at most", True),
        (0.80001, "at most", False),
        (0.80001, "above", True),
        (0.8, "above", False),
        (math.nan, "at least", False),
        (math.nan, "at most", False),
        (math.nan, "above", False),
        (math.inf, "at least", False),
        (-math.inf, "at most", False),
    ],
)
def test_both_sides_of_a_limit(value: float, rule: Any, passed: bool) -> None:
    check = Check(name="x", value=value, limit=0.8, rule=rule, unit="")
    assert check.passed is passed
    assert ("passed" in check.message) is passed


def test_a_metrics_direction_determines_a_minimum_or_maximum(small: Small) -> None:
    gates = Gates(metrics={"late": {"auc": 0.8}, "minutes": {"mae": 2.0}})
    metrics = {
        "late": {"auc": MetricValue(value=0.9, low=0.8, high=1.0)},
        "minutes": {"mae": MetricValue(value=1.5, low=1.0, high=2.0)},
    }
    minimum, maximum = metric_checks(gates, small.tasks, metrics)
    assert (minimum.name, minimum.rule, minimum.passed) == ("late.auc", "at least", True)
    assert (maximum.name, maximum.rule, maximum.unit, maximum.passed) == ("minutes.mae", "at most", "minutes", True)


def test_a_check_without_a_value_names_the_reason(small: Small) -> None:
    labels = {"late": np.ones(9, np.int8), "minutes": np.full(9, np.nan, np.float32)}
    predictions = {"late": np.full(9, 0.5), "minutes": np.zeros(9)}
    tasks = [task for task in small.tasks if task.name in labels]
    gates = Gates(metrics={"late": {"auc": 0.8}, "minutes": {"mae": 2.0}})
    checks = metric_checks(gates, tasks, evaluate(tasks, labels, predictions, resamples=5))
    checks += baseline_checks(gates, tasks, compare(tasks, labels, predictions, predictions, resamples=5))
    reasons = ["one class only in the test split", "no labelled row in the test split"]
    assert [check.reason for check in checks] == reasons * 2
    assert all(check.message.endswith(check.reason) for check in checks)
    assert {check.outcome for check in checks} == {"failed"}


def baseline_check(low: float, high: float, rule: Any = "report", **labels: Any) -> BaselineCheck:
    return BaselineCheck(
        name="late.auc over baseline",
        value=low,
        high=high,
        limit=0.0,
        rule="above",
        unit="",
        required=rule == "required",
        **labels,
    )


@pytest.mark.parametrize(
    ("low", "high", "report", "required"),
    [
        (1e-9, 0.2, "passed", "passed"),
        (0.0, 0.2, "warning", "failed"),
        (-0.1, 0.2, "warning", "failed"),
        (0.0, 0.0, "warning", "failed"),
        (-0.1, 0.0, "warning", "failed"),
        (-0.1, -1e-9, "failed", "failed"),
        (math.nan, math.nan, "failed", "failed"),
        (-math.inf, 0.2, "failed", "failed"),
        (-0.1, math.nan, "failed", "failed"),
    ],
)
def test_the_interval_and_the_rule_determine_the_outcome(low: float, high: float, report: str, required: str) -> None:
    for rule, outcome in {"report": report, "required": required}.items():
        check = baseline_check(low, high, rule)
        assert (check.outcome, check.passed) == (outcome, outcome == "passed")
        assert ("FAILED" if outcome == "failed" else outcome) in check.message


def test_a_message_distinguishes_worse_from_not_shown_to_be_better() -> None:
    assert "worse than the baseline" in baseline_check(-0.2, -0.1, "required").message
    uncertain = baseline_check(-0.2, 0.1, "required").message
    assert "not shown to be better" in uncertain
    assert uncertain.endswith("-0.2 to 0.1; gates.baseline says required")


@pytest.mark.parametrize(("needs_labels", "outcome"), [(True, "failed"), (False, "warning")])
def test_only_an_unsupervised_task_may_lack_test_labels(needs_labels: bool, outcome: str) -> None:
    without_labels = baseline_check(math.nan, math.nan, reason="no labelled row", needs_labels=needs_labels)
    assert without_labels.outcome == outcome
    with_nan_predictions = baseline_check(math.nan, math.nan, needs_labels=needs_labels)
    assert with_nan_predictions.outcome == "failed"


def test_each_task_has_its_rule_and_an_ignored_one_has_no_check(small: Small) -> None:
    gates = Gates(baseline={"late": "required", "band": "ignore"})
    values: dict[str, Any] = {"reference": 0.5, "candidate": 0.5, "difference": 0.0, "low": -0.1, "high": 0.1}
    differences = [Difference(task=task.name, metric=task.metric.name, **values) for task in small.tasks]
    checks = baseline_checks(gates, small.tasks, differences)
    assert {check.name.partition(".")[0]: check.outcome for check in checks} == {
        "late": "failed",
        "minutes": "warning",
        "rare": "warning",
    }


EVERY_GATE_OFF = {
    "metrics": {"late": {"auc": None}},
    "baseline": dict.fromkeys(("late", "band", "minutes", "rare"), "ignore"),
    "parity": None,
    "latency_ms": None,
    "size_mb": None,
    "worse_than_champion": None,
}


def test_every_gate_can_be_switched_off_and_is_then_listed(small: Small, tmp_path: Path) -> None:
    problem = parse_problem(document() | {"gates": EVERY_GATE_OFF})
    worse: dict[str, Any] = {"reference": 1.0, "candidate": 0.0, "difference": -1.0, "low": -1.1, "high": -0.9}
    gates, differences = problem.gates, [Difference(task=task.name, metric="m", **worse) for task in small.tasks]
    assert metric_checks(gates, small.tasks, {}) == []
    assert baseline_checks(gates, small.tasks, differences) == []
    assert latency_checks(gates, None, {}) == []  # type: ignore[arg-type]  # no session is needed
    assert size_checks(gates, tmp_path / "missing") == []
    assert all("quality" in line for line in tasks_without_limit(problem))
    assert [line.split(": off (gates.")[0] for line in gates_off(gates)] == [
        *("late.auc", "baseline of late", "baseline of band", "baseline of minutes", "baseline of rare"),
        *("parity", "parity on adversarial rows", "latency of 1 row", "latency of 1,000 rows", "size"),
        "comparison with the champion",
    ]


def test_one_of_two_gates_can_be_switched_off() -> None:
    gates = Gates.model_validate({"parity": {"adversarial_rows": None}, "latency_ms": {"rows_1": None}})
    assert (gates.parity.test_rows, gates.latency_ms.rows_1000) == (1e-4, 100.0)
    assert [name for name, _ in gates.switched_off()] == ["parity on adversarial rows", "latency of 1 row"]
    both = Gates.model_validate({"parity": 0.5}).parity
    assert (both.test_rows, both.adversarial_rows) == (0.5, 0.5)


def test_no_gate_is_off_by_default(small: Small) -> None:
    assert list(Gates().switched_off()) == []
    assert all("worse than the baseline" in line for line in tasks_without_limit(small.problem))


@pytest.mark.parametrize(("difference", "passed"), [(0.0, True), (1e-4, True), (1.1e-4, False), (math.nan, False)])
def test_parity_is_checked_against_its_limit(difference: float, passed: bool) -> None:
    check = parity_check("parity", Parity(difference=difference, task="t", rows=9), 1e-4)
    assert check.passed is passed


class WaitingSession:
    """A session whose calls wait, as on a shared machine."""

    def run(self, names: None, inputs: dict[str, np.ndarray]) -> None:
        time.sleep(0.02)


def test_latency_without_inputs_fails_and_waiting_does_not_count() -> None:
    gates = Gates.model_validate({"latency_ms": {"rows_1": 5}})
    one_row, thousand_rows = latency_checks(gates, WaitingSession(), {1: {}})  # type: ignore[arg-type]
    assert one_row.passed, one_row.message
    assert not thousand_rows.passed


def test_size_is_in_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"x" * 2_000_000)
    checks = [check for limit in (2.0, 1.999) for check in size_checks(Gates(size_mb=limit), path)]
    assert [check.passed for check in checks] == [True, False]


def test_checks_json_is_valid_and_has_the_outcome_of_every_check(tmp_path: Path) -> None:
    passing = Check(name="passing", value=1.0, limit=0.0, rule="at least", unit="ms")
    undefined = Check(name="undefined", value=math.nan, limit=0.0, rule="at least", unit="")
    write_checks(tmp_path / "a.json", [passing], ["a note"])
    write_checks(tmp_path / "b.json", [passing, undefined], [], {"late.auc": 0.5, "days.mae": math.nan})
    write_checks(tmp_path / "c.json", [passing, baseline_check(-0.1, 0.1)], [])

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    a, b, c = (json.loads((tmp_path / f"{name}.json").read_text(), parse_constant=refuse) for name in "abc")
    assert (a["passed"], a["notes"]) == (True, ["a note"])
    assert a["checks"][0]["value"] == 1.0
    assert (b["passed"], b["checks"][1]["passed"], b["checks"][1]["value"]) == (False, False, None)
    assert (a["metrics"], b["metrics"]) == ({}, {"late.auc": 0.5, "days.mae": None})
    assert {"name", "value", "limit", "outcome", "passed", "unit", "message"} <= a["checks"][0].keys()
    warning = c["checks"][1]
    assert (c["passed"], warning["outcome"], warning["passed"], warning["high"]) == (True, "warning", False, 0.1)


def test_latencies_are_stored_separately_for_the_measured_graph(tmp_path: Path) -> None:
    """Two measurements of one model give the same checks.json."""
    graph, times = tmp_path / "model.onnx", tmp_path / "latency.json"
    graph.write_bytes(b"a graph")
    documents = []
    for value in (0.25, 0.5):
        checks = [
            LatencyCheck(name="latency of 1 row", value=value, limit=5, rule="at most", unit="ms"),
            Check(name="size", value=1.0, limit=5, rule="at most", unit="MB"),
        ]
        write_checks(tmp_path / "checks.json", checks, [])
        write_latencies(times, graph, checks)
        documents.append((tmp_path / "checks.json").read_bytes())
    assert documents[0] == documents[1]
    entries = json.loads(documents[1])["checks"]
    assert [(entry["outcome"], entry["value"]) for entry in entries] == [("passed", None), ("passed", 1.0)]
    completed = with_latencies(entries, times, graph)
    assert [entry["value"] for entry in completed] == [0.5, 1.0]
    assert completed[0]["message"] == checks[0].message
    assert with_latencies(entries, tmp_path / "none.json", graph) == entries
    graph.write_bytes(b"another")
    assert with_latencies(entries, times, graph) == entries
