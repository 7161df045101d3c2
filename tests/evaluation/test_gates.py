"""Gates: both sides of every limit, and never a silent pass."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtl_core.config import Gates
from mtl_core.evaluation import Difference, Measured, compare, evaluate
from mtl_core.export.parity import Parity
from mtl_core.gates import Check, baseline_checks, latency_checks, metric_checks, parity_check, size_check, write_checks
from tests.small import Small


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
        "late": {"auc": Measured(value=0.9, low=0.8, high=1.0)},
        "minutes": {"mae": Measured(value=1.5, low=1.0, high=2.0)},
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
    checks += baseline_checks(compare(tasks, labels, predictions, predictions, resamples=5))
    lacking = ["one class only in the test split", "no labelled row in the test split"]
    assert [check.reason for check in checks] == lacking * 2
    assert all(check.words.endswith(f"found none: {check.reason}") and not check.passed for check in checks)


@pytest.mark.parametrize(("low", "passed"), [(0.01, True), (0.0, False), (-0.01, False), (math.nan, False)])
def test_trivial_is_beaten_beyond_chance_or_not(low: float, passed: bool) -> None:
    found = Difference(task="t", metric="auc", champion=0.5, candidate=0.6, difference=0.1, low=low, high=0.2)
    (check,) = baseline_checks([found])
    assert check.passed is passed


@pytest.mark.parametrize(("difference", "passed"), [(0.0, True), (1e-4, True), (1.1e-4, False), (math.nan, False)])
def test_parity_within_a_ten_thousandth(difference: float, passed: bool) -> None:
    check = parity_check("parity", Parity(difference=difference, task="t", rows=9), Gates())
    assert check.passed is passed


def test_latency_without_its_input_fails() -> None:
    class Session:
        """As much of a session as the clock needs."""

        def run(self, names: None, inputs: dict[str, np.ndarray]) -> None:
            """Takes no time."""

    one, thousand = latency_checks(Gates(), Session(), {1: {}})  # type: ignore[arg-type]
    assert one.passed
    assert not thousand.passed


def test_size_is_in_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"x" * 2_000_000)
    assert size_check(Gates(size_mb=2.0), path).passed
    assert not size_check(Gates(size_mb=1.999), path).passed


def test_the_file_says_what_failed_and_stays_valid_json(tmp_path: Path) -> None:
    good = Check(name="good", value=1.0, limit=0.0, rule="at least", unit="ms")
    bad = Check(name="bad", value=math.nan, limit=0.0, rule="at least", unit="")
    write_checks(tmp_path / "a.json", [good], ["a note"])
    write_checks(tmp_path / "b.json", [good, bad], [])

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    a, b = (json.loads((tmp_path / name).read_text(), parse_constant=refuse) for name in ("a.json", "b.json"))
    assert (a["passed"], a["notes"]) == (True, ["a note"])
    assert a["checks"][0]["value"] == 1.0
    assert (b["passed"], b["checks"][1]["passed"], b["checks"][1]["value"]) == (False, False, None)
    assert {"name", "value", "limit", "passed", "unit"} <= a["checks"][0].keys()
