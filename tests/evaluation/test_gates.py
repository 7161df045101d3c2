"""Gates: both sides of every limit, and never a silent pass."""

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
    assert ("passed" in check.words) is passed


def test_a_metrics_direction_decides_floor_or_ceiling(small: Small) -> None:
    gates = Gates(metrics={"late": {"auc": 0.8}, "minutes": {"mae": 2.0}})
    measured = {
        "late": {"auc": MetricValue(value=0.9, low=0.8, high=1.0)},
        "minutes": {"mae": MetricValue(value=1.5, low=1.0, high=2.0)},
    }
    floor, ceiling = metric_checks(gates, small.tasks, measured)
    assert (floor.name, floor.rule, floor.passed) == ("late.auc", "at least", True)
    assert (ceiling.name, ceiling.rule, ceiling.unit, ceiling.passed) == ("minutes.mae", "at most", "minutes", True)


def test_a_gate_without_a_value_says_what_the_labels_lack(small: Small) -> None:
    labels = {"late": np.ones(9, np.int8), "minutes": np.full(9, np.nan, np.float32)}
    predictions = {"late": np.full(9, 0.5), "minutes": np.zeros(9)}
    tasks = [task for task in small.tasks if task.name in labels]
    gates = Gates(metrics={"late": {"auc": 0.8}, "minutes": {"mae": 2.0}})
    checks = metric_checks(gates, tasks, evaluate(tasks, labels, predictions, resamples=5))
    checks += baseline_checks(gates, tasks, compare(tasks, labels, predictions, predictions, resamples=5))
    lacking = ["one class only in the test split", "no labelled row in the test split"]
    assert [check.reason for check in checks] == lacking * 2
    assert all(check.words.endswith(f"found none: {check.reason}") for check in checks)
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
def test_a_task_is_better_or_not_shown_to_be_or_worse(low: float, high: float, report: str, required: str) -> None:
    for rule, outcome in {"report": report, "required": required}.items():
        check = baseline_check(low, high, rule)
        assert (check.outcome, check.passed) == (outcome, outcome == "passed")
        assert ("FAILED" if outcome == "failed" else outcome) in check.words


def test_the_words_say_which_of_the_two_failures_it_is() -> None:
    assert "worse than the baseline beyond chance" in baseline_check(-0.2, -0.1, "required").words
    unproven = baseline_check(-0.2, 0.1, "required").words
    assert "not shown to be better than the baseline" in unproven
    assert unproven.endswith("interval of the difference -0.2 to 0.1; gates.baseline says required")


@pytest.mark.parametrize(("needs_labels", "outcome"), [(True, "failed"), (False, "warning")])
def test_only_an_unsupervised_task_may_lack_test_labels(needs_labels: bool, outcome: str) -> None:
    found = baseline_check(math.nan, math.nan, reason="no labelled row in the test split", needs_labels=needs_labels)
    assert found.outcome == outcome
    broken = baseline_check(math.nan, math.nan, needs_labels=needs_labels)
    assert broken.outcome == "failed"  # the labels are there, and the predictions are not finite


def test_the_rule_of_a_task_decides_and_an_ignored_one_has_no_check(small: Small) -> None:
    gates = Gates(baseline={"late": "required", "band": "ignore"})
    values: dict[str, Any] = {"champion": 0.5, "candidate": 0.5, "difference": 0.0, "low": -0.1, "high": 0.1}
    found = [Difference(task=task.name, metric=task.metric.name, **values) for task in small.tasks]
    checks = baseline_checks(gates, small.tasks, found)
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


def test_every_gate_can_be_switched_off_and_is_named_then(small: Small, tmp_path: Path) -> None:
    problem = parse_problem(document() | {"gates": EVERY_GATE_OFF})
    gates, differences = problem.gates, [Difference(**{**worse(), "task": task.name}) for task in small.tasks]
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


def worse() -> dict[str, Any]:
    return {"metric": "m", "champion": 1.0, "candidate": 0.0, "difference": -1.0, "low": -1.1, "high": -0.9}


def test_one_of_two_gates_can_be_switched_off() -> None:
    gates = Gates.model_validate({"parity": {"adversarial_rows": None}, "latency_ms": {"rows_1": None}})
    assert (gates.parity.test_rows, gates.latency_ms.rows_1000) == (1e-4, 100.0)
    assert [name for name, _ in gates.switched_off()] == ["parity on adversarial rows", "latency of 1 row"]
    both = Gates.model_validate({"parity": 0.5}).parity
    assert (both.test_rows, both.adversarial_rows) == (0.5, 0.5)


def test_no_gate_is_off_that_nobody_switched_off(small: Small) -> None:
    assert list(Gates().switched_off()) == []
    assert all("worse than the baseline" in line for line in tasks_without_limit(small.problem))


@pytest.mark.parametrize(("difference", "passed"), [(0.0, True), (1e-4, True), (1.1e-4, False), (math.nan, False)])
def test_parity_within_a_ten_thousandth(difference: float, passed: bool) -> None:
    check = parity_check("parity", Parity(difference=difference, task="t", rows=9), 1e-4)
    assert check.passed is passed


def test_latency_without_its_input_fails() -> None:
    class Session:
        """As much of a session as the clock needs."""

        def run(self, names: None, inputs: dict[str, np.ndarray]) -> None:
            """Takes no time."""

    one, thousand = latency_checks(Gates(), Session(), {1: {}})  # type: ignore[arg-type]
    assert one.passed
    assert not thousand.passed


def test_waiting_for_the_processor_is_no_latency_of_the_graph() -> None:
    class Session:
        """A session whose calls wait, as on a machine that others use."""

        def run(self, names: None, inputs: dict[str, np.ndarray]) -> None:
            time.sleep(0.02)

    gates = Gates.model_validate({"latency_ms": {"rows_1": 5, "rows_1000": None}})
    (check,) = latency_checks(gates, Session(), {1: {}})  # type: ignore[arg-type]
    assert check.passed, check.words


def test_size_is_in_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"x" * 2_000_000)
    assert [check.passed for limit in (2.0, 1.999) for check in size_checks(Gates(size_mb=limit), path)] == [
        True,
        False,
    ]


def test_the_file_says_what_failed_and_stays_valid_json(tmp_path: Path) -> None:
    good = Check(name="good", value=1.0, limit=0.0, rule="at least", unit="ms")
    bad = Check(name="bad", value=math.nan, limit=0.0, rule="at least", unit="")
    write_checks(tmp_path / "a.json", [good], ["a note"])
    write_checks(tmp_path / "b.json", [good, bad], [], {"late.auc": 0.5, "days.mae": math.nan})
    write_checks(tmp_path / "c.json", [good, baseline_check(-0.1, 0.1)], [])

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    a, b, c = (json.loads((tmp_path / f"{name}.json").read_text(), parse_constant=refuse) for name in "abc")
    assert (a["passed"], a["notes"]) == (True, ["a note"])
    assert a["checks"][0]["value"] == 1.0
    assert (b["passed"], b["checks"][1]["passed"], b["checks"][1]["value"]) == (False, False, None)
    assert (a["metrics"], b["metrics"]) == ({}, {"late.auc": 0.5, "days.mae": None})
    assert {"name", "value", "limit", "outcome", "passed", "unit", "words"} <= a["checks"][0].keys()
    warned = c["checks"][1]
    assert (c["passed"], warned["outcome"], warned["passed"], warned["high"]) == (True, "warning", False, 0.1)


def test_measured_times_stand_beside_the_checks_and_go_with_the_graph_that_was_measured(tmp_path: Path) -> None:
    """Two measurements of one model give the same checks.json."""
    graph, times = tmp_path / "model.onnx", tmp_path / "latency.json"
    graph.write_bytes(b"a graph")
    written = []
    for value in (0.25, 0.5):
        checks = [
            LatencyCheck(name="latency of 1 row", value=value, limit=5, rule="at most", unit="ms"),
            Check(name="size", value=1.0, limit=5, rule="at most", unit="MB"),
        ]
        write_checks(tmp_path / "checks.json", checks, [])
        write_latencies(times, graph, checks)
        written.append((tmp_path / "checks.json").read_bytes())
    assert written[0] == written[1]
    entries = json.loads(written[1])["checks"]
    assert [(entry["outcome"], entry["value"]) for entry in entries] == [("passed", None), ("passed", 1.0)]
    shown = with_latencies(entries, times, graph)
    assert [entry["value"] for entry in shown] == [0.5, 1.0]
    assert shown[0]["words"] == checks[0].words
    assert with_latencies(entries, tmp_path / "none.json", graph) == entries
    graph.write_bytes(b"another")
    assert with_latencies(entries, times, graph) == entries
