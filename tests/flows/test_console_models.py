"""Output of `mtl models`."""

import pytest

from flows.console.models import print_models
from mtl_core.checks import Check

MODEL = {"version": "orders:1", "champion": True, "load_failure": None, "damage": None, "refused": None}


def check(name: str) -> dict[str, object]:
    return Check(name=name, value=0.25, limit=0.0, rule="at least", unit="").to_document()


def test_own_metrics_are_shown_though_no_gate_limits_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    checks = [check("late.ece"), check("late.auc over baseline"), check("size")]
    metrics = {"late.auc": 0.8125, "days.mae": None}
    print_models([MODEL | {"overruled": None, "checks": checks, "metrics": metrics}])
    text = capsys.readouterr().out
    assert "late.auc 0.8125" in text
    assert "late.ece 0.25" in text
    assert "days" not in text
    assert "over baseline" not in text


def test_a_version_of_before_that_has_the_limited_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    print_models([MODEL | {"overruled": None, "checks": [check("late.auc")]}])
    assert "late.auc 0.25" in capsys.readouterr().out
