"""Output of `mtl models`: a row per version, and everything about one."""

from datetime import timedelta
from typing import Any

import pytest

from flows.console.models import age_text, print_model, print_models
from mtl_core.checks import Check

UNSET = ("load_failure", "damage", "refused", "overruled", "decision", "data", "git", "changed", "provenance_damage")
MODEL: dict[str, Any] = {
    "version": "orders:1",
    "status": "champion",
    "champion": True,
    "pinned": False,
    "age_seconds": 7_200,
    **dict.fromkeys(UNSET),
    "created": "2026-01-02T03:04:05.678+00:00",
    "history": [],
    "provenance": None,
}


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


def test_status_data_and_commit_are_shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    origin = {"data": "0123456789abcdef.dir", "git": "f" * 40, "changed": ["params.yaml"], "pinned": True}
    others = [
        MODEL | {"version": "orders:2", "champion": False, "status": "refused", "refused": ["worse"], "checks": []},
        MODEL | {"version": "orders:3", "champion": False, "status": "kept", "provenance_damage": "x", "checks": []},
    ]
    print_models([MODEL | origin | {"checks": []}, *others])
    text = capsys.readouterr().out
    assert all(words in text for words in ("champion,", "pinned", "01234567", "ffffffff+", "2h", "refused", "kept"))
    assert "orders:2 was refused: worse\n" in text
    assert "orders:3 cannot be reproduced: x\n" in text


def test_everything_about_a_version_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    stages = {"train": {"seconds": 2.0, "processor_seconds": 1.5}, "export": {"seconds": 1.0, "processor_seconds": 0.5}}
    code = {
        "revision": "f" * 40,
        "folder": "sub",
        "changed": ["a[b].py"],
        "experiment": {"name": "orders-1", "revision": "e" * 40},
    }
    provenance = {
        "data": {"hash": "0123.dir", "files": {"a.csv": "1"}},
        "code": code,
        "seed": 7,
        "processor": "A processor",
        "packages": {"torch": "2"},
        "stages": stages,
    }
    history = [{"at": "2026-01-02T03:04:05Z", "from": "orders:0", "to": "orders:1", "reason": "rollback: [x]\x1b[31m"}]
    print_model(MODEL | {"checks": [], "provenance": provenance, "history": history})
    text = capsys.readouterr().out
    for words in (
        *(
            "2026-01-02 03:04:05 UTC",
            "0123.dir, 1 file listed",
            "f" * 40 + ", folder sub",
            "a[b].py",
            "orders-1, eeeeee",
        ),
        *("7", "A processor", "torch 2", "3.0 s, 2.0 s of processor: train, export"),
        r"champion: orders:0 -> orders:1 (rollback: [x]\x1b[31m)",
    ):
        assert words in text


@pytest.mark.parametrize(("damage", "shown"), [(None, "none; `mtl retrain`"), ("provenance.json: must", "must")])
def test_a_version_without_provenance_is_shown(
    capsys: pytest.CaptureFixture[str], damage: str | None, shown: str
) -> None:
    print_model(MODEL | {"checks": [], "provenance_damage": damage})
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0m"), (59, "0m"), (60, "1m"), (7_199, "1h"), (86_400 * 400, "400d")]
)
def test_an_age_is_in_its_largest_unit(seconds: int, text: str) -> None:
    assert age_text(timedelta(seconds=seconds)) == text
