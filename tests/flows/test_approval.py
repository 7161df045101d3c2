"""Approval of a candidate: waiting in the store, a paused run on a server, `mtl approve`."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.flow_runs import resume_flow_run

from flows.layout import Layout
from flows.retrain import approval, tasks
from flows.retrain.decision import Decision
from flows.retrain.flow import run_retrain
from flows.running import exclusive_run
from mtl_core.errors import PromotionRefused
from serving.champion import read_champion
from serving.decisions import VersionDecision, decide_version, decision_of
from serving.store import Store
from tests.flows.conftest import Whole, mtl, replace_text
from tests.serving.example_models import SIGNATURE, graph, save, write

GATES = """gates:
  worse_than_champion: null
  approval: required
"""
SLICES = """gates:
  slices: {columns: ["plan: type", "customer id"], min_rows: 30}
  approval: required
"""
DECISION = Decision(outcome="promoted", reasons=("better in all",))


@pytest.fixture
def problem(tiny_problem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose gates require an approval, within a minute, and where a pause is polled often."""
    text = (tiny_problem / "params.yaml").read_text(encoding="utf-8").replace("gates: {}\n", GATES)
    (tmp_path / "params.yaml").write_text(text.replace("name: tiny", "name: flights"), encoding="utf-8")
    monkeypatch.setattr(approval, "POLL_SECONDS", 0.1)
    return tmp_path


@pytest.fixture
def models(problem: Path) -> Callable[[float], str]:
    """Function that saves a version of the problem, with that bias, and returns its tag."""

    def save_version(bias: float) -> str:
        return save(store_of(problem), write(problem / "exports", graph(bias=bias), SIGNATURE, passed=True))

    return save_version


def store_of(folder: Path) -> Store:
    return Store(Layout(folder).store)


def waits(problem: Path, candidate: str, champion: str | None, answer: Callable[[VersionDecision], Any]) -> Any:
    """Result of a flow run that waits for the approval; `answer` gets the decision once it has paused."""
    store = store_of(problem)

    @flow
    def waiting() -> Any:
        with exclusive_run(problem):
            sentence = approval.wait_for_approval(problem, candidate, champion, DECISION)
            assert json.loads(Layout(problem).run_lock.read_text())["pid"]  # held again
            return sentence

    def when_paused() -> None:
        for _ in range(300):
            time.sleep(0.05)
            decision = decision_of(store, candidate)
            if decision is not None and decision.flow_run:
                with get_client(sync_client=True) as client:
                    state = client.read_flow_run(UUID(decision.flow_run)).state
                if state is not None and state.is_paused():
                    with exclusive_run(problem):  # not held by the paused run
                        answer(decision)
                    return

    thread = threading.Thread(target=when_paused)
    thread.start()
    try:
        return tasks.result_of(tasks.as_failed_state(waiting))
    finally:
        thread.join()


def resume_in_prefect(decision: VersionDecision) -> None:
    assert decision.flow_run
    resume_flow_run(UUID(decision.flow_run))


def test_a_paused_run_goes_on_when_it_is_resumed_on_the_server(
    prefect_server: None, problem: Path, models: Callable[..., str]
) -> None:
    champion, candidate = models(0.0), models(1.0)
    store_of(problem).promote(champion)
    assert waits(problem, candidate, champion, resume_in_prefect) == ""


@pytest.mark.parametrize("replaced", ["champion", "candidate"])
def test_a_resumed_run_promotes_only_what_was_compared(
    prefect_server: None, problem: Path, models: Callable[..., str], replaced: str
) -> None:
    champion, candidate, other = models(0.0), models(1.0), models(2.0)
    store = store_of(problem)
    store.promote(champion)

    def replace_and_resume(decision: VersionDecision) -> None:
        if replaced == "champion":
            store.promote(other)
        else:
            decide_version(store, other, "waiting", champion=champion, reasons=("better",))
        resume_in_prefect(decision)

    fix = "compares it again" if replaced == "champion" else f"a newer version waits for approval: {other}"
    with pytest.raises(PromotionRefused, match=fix):
        waits(problem, candidate, champion, replace_and_resume)


def test_the_command_answers_a_paused_run(
    prefect_server: None, problem: Path, models: Callable[..., str], capfd: pytest.CaptureFixture[str]
) -> None:
    first, second = models(0.0), models(1.0)
    store = store_of(problem)
    codes = []
    waits(problem, first, None, lambda _: codes.append(mtl(problem, "approve", "--reason", "checked")))
    printed = capfd.readouterr().out
    assert store.champion("flights") == first
    assert f"{first} is the champion\nthe paused flow run" in printed
    assert decision_of(store, first) is None
    assert store.promotions("flights")[-1].reason == "approved: checked"

    def reject(_: VersionDecision) -> None:
        codes.append(mtl(problem, "approve", second.split(":")[1], "--reject", "--reason", "no holidays", "--json"))

    with pytest.raises(PromotionRefused, match="rejected: no holidays"):
        waits(problem, second, first, reject)
    assert codes == [0, 0]
    assert json.loads(capfd.readouterr().out)["outcome"] == "refused"
    assert store.champion("flights") == first


def test_a_pause_without_an_answer_ends_and_the_candidate_waits_still(
    prefect_server: None, problem: Path, models: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = models(0.0)
    monkeypatch.setattr(approval, "timeout_seconds", lambda _gates: 1)
    sentence = waits(problem, candidate, None, lambda _: None)
    assert sentence.startswith("no answer within gates.approval_timeout = 7 days; gates.approval: required; to promote")
    assert mtl(problem, "approve") == 0
    assert store_of(problem).champion("flights") == candidate


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 8, "flights: no version waits for approval"),
        (("--reject",), 2, "--reject needs --reason TEXT"),
        (("nothing",), 8, "no version 'flights:nothing'"),
    ],
)
def test_a_wrong_answer_is_refused(
    problem: Path, models: Callable[..., str], arguments: tuple[str, ...], code: int, words: str, capfd: Any
) -> None:
    models(0.0)
    assert mtl(problem, "approve", *arguments) == code
    assert words in capfd.readouterr().err


def test_an_approval_of_a_candidate_compared_with_another_champion_is_refused(
    problem: Path, models: Callable[..., str], capfd: pytest.CaptureFixture[str]
) -> None:
    champion, candidate = models(0.0), models(1.0)
    store = store_of(problem)
    decide_version(store, candidate, "waiting", champion=None, reasons=("better",))
    store.promote(champion)
    assert mtl(problem, "approve") == PromotionRefused.exit_code
    assert f"found one with none, while {champion} is the champion now" in capfd.readouterr().err


def test_without_a_lasting_server_a_retrain_ends_and_its_candidate_waits(
    whole: Whole, copied: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Then it is promoted by the command; a later candidate that is no better is kept."""
    monkeypatch.setattr(approval, "has_lasting_server", lambda: False)
    monkeypatch.setattr(tasks, "decide", lambda *_, **__: DECISION)
    replace_text(copied, "gates: {}\n", SLICES)
    replace_text(copied, "seed: 0", "seed: 1")
    assert mtl(copied, "retrain", "--json") == 0
    result = json.loads(capfd.readouterr().out)
    candidate = result["version"]
    assert (result["promoted"], result["decision"]["outcome"]) == (False, "promoted")
    assert f"`mtl approve {candidate}`" in result["waiting"]
    assert {each["task"] for each in result["comparison"]["churn"]} == {"churned", "spend", "tier"}
    slices = result["comparison"]["slices"]
    assert {each["column"] for each in slices["differences"]} == {"plan: type"}
    assert "customer id=" in slices["left_out"][0]
    assert mtl(copied, "models") == 0
    assert f"{candidate} waits for approval: better in all; `mtl approve {candidate}`" in capfd.readouterr().out
    assert mtl(copied, "approve") == 0
    assert capfd.readouterr().out == f"{candidate} is the champion; previous champion: {whole.first.version}\n"
    assert read_champion(store_of(copied).home, "tiny").champion == candidate

    kept = Decision(outcome="kept", reasons=("no task is better",))
    monkeypatch.setattr(tasks, "decide", lambda *_, **__: kept)
    store_of(copied).promote(whole.first.version)
    later = run_retrain(copied)
    assert (later.version, later.promoted, later.waiting) == (candidate, False, "")
    assert later.service == f"champion {whole.first.version} keeps serving"
    assert mtl(copied, "models") == 0
    assert f"{candidate} was kept: no task is better" in capfd.readouterr().out
