"""Summary of `mtl retrain`: warnings, gates that are off, and outputs that differ in bits."""

import pytest

from flows.console.retrain import print_result
from flows.retrain.compare import ChampionComparison
from flows.retrain.decision import Decision
from flows.retrain.result import RetrainResult
from mtl_core.checks import BaselineCheck, Check


def result(*off: str, other_outputs: str = "", deleted: tuple[str, ...] = ()) -> RetrainResult:
    checks = (
        Check(name="size", value=1.0, limit=2.0, rule="at most", unit="MB"),
        BaselineCheck(name="rare[x].auc over baseline", value=-0.1, high=0.2, limit=0.0, rule="above", unit=""),
    )
    return RetrainResult(
        stages=(),
        checks=tuple(check.to_document() for check in checks),
        gates_off=off,
        comparison=ChampionComparison(champion=None),
        version="tiny:1",
        decision=Decision(outcome="promoted", reasons=("better in t",)),
        promoted=True,
        waiting="",
        experiment="recorded",
        remote="",
        service="told",
        deleted=deleted,
        other_outputs=other_outputs,
    )


def test_a_task_that_is_not_better_than_the_baseline_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(result())
    text = capsys.readouterr().out
    assert "checks: 1 of 2 passed, 1 warning\n" in text
    assert "rare[x].auc over baseline: warning; not shown to be better than the baseline" in text
    assert "gates switched off" not in text


def test_gates_that_are_off_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(result("size", "parity"))
    assert "gates switched off: size, parity\n" in capsys.readouterr().out


def test_stages_with_other_outputs_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(result(other_outputs="dvc.lock: train gave other bits"))
    assert capsys.readouterr().out.endswith("told\ndvc.lock: train gave other bits\n")


def test_deleted_versions_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(result(deleted=("tiny:0", "tiny:2")))
    assert "deleted, beyond the limits of `store`: tiny:0, tiny:2\n" in capsys.readouterr().out
