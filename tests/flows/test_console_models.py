"""Output of `mtl models`: the metrics of a version."""

import pytest

from flows.console.models import print_models
from mtl_core.checks import Check

UNSET = ("load_failure", "damage", "refused", "overruled", "decision")
MODEL = {"version": "orders:1", "champion": True} | dict.fromkeys(UNSET)


def check(name: str) -> dict[str, object]:
    return Check(name=name, value=0.25, limit=0.0, rule="at least", unit="").to_document()


def test_the_metric_of_a_task_is_shown_without_a_gate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    checks = [check("late.ece"), check("late.auc over baseline"), check("size")]
    metrics = {"late.auc": 0.8125, "days.mae": None}
    print_models([MODEL | {"checks": checks, "metrics": metrics}])
    text = capsys.readouterr().out
    assert "late.auc 0.8125" in text
    assert "late.ece 0.25" in text
    assert "days" not in text
    assert "over baseline" not in text


def test_an_earlier_version_has_metrics_with_a_limit(capsys: pytest.CaptureFixture[str]) -> None:
    print_models([MODEL | {"checks": [check("late.auc")]}])
    assert "late.auc 0.25" in capsys.readouterr().out
