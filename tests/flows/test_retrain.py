"""The whole path on a tiny problem: what runs, what is promoted, what is refused, what is remembered."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State

from flows.cli import main
from flows.layout import Layout
from flows.pipeline.experiments import save_experiment
from flows.pipeline.failure import last_failure
from flows.pipeline.graph import DIGESTS, STAGES, bring_up_to_date, open_repository
from flows.retrain.flow import run_retrain, serve_retrain, tell_service
from flows.retrain.result import RetrainResult
from mtl_core.errors import CheckFailed, PromotionRefused, ToolError
from serving.store import Store
from tests.flows.conftest import Whole, git


@contextmanager
def changed(folder: Path, old: str, new: str) -> Iterator[None]:
    """params.yaml with a change, and what was made of it undone afterwards."""
    params = folder / "params.yaml"
    before = params.read_text(encoding="utf-8")
    assert before.count(old) == 1
    params.write_text(before.replace(old, new), encoding="utf-8")
    try:
        yield
    finally:
        params.write_text(before, encoding="utf-8")
        for stage in STAGES:
            bring_up_to_date(folder, stage)


RUN = list(STAGES[1:])
"""Without `digests`, which always runs and is not shown."""


def ran(result: RetrainResult) -> list[str]:
    return [stage.name for stage in result.stages if stage.ran]


def store(folder: Path) -> Store:
    return Store(Layout(folder).state / "bentoml")


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_first_run_runs_everything_and_promotes(whole: Whole) -> None:
    assert ran(whole.first) == RUN
    assert whole.first.comparison.champion is None
    assert "no champion yet" in whole.first.comparison.notes[0]
    assert all(check["passed"] for check in whole.first.checks)
    assert store(whole.folder).champion("tiny") == whole.first.version
    assert whole.first.recorded == "recorded as DVC experiment " + whole.first.version.replace(":", "-")
    with open_repository(whole.folder) as repo:
        assert whole.first.version.replace(":", "-") in {
            name for names in repo.experiments.ls().values() for name, _ in names
        }


def test_prefect_shows_checks_metrics_and_the_report(whole: Whole) -> None:
    with get_client(sync_client=True) as client:
        found = {artifact.key: artifact for artifact in client.read_artifacts()}
    assert {"checks", "metrics", "report"} <= set(found)
    rows = json.loads(found["metrics"].data)
    assert {row["task"] for row in rows} == {"churned", "spend", "tier"}
    assert Layout(whole.folder).report.as_uri() in found["report"].data


def test_a_second_run_runs_nothing_and_keeps_the_champion(whole: Whole) -> None:
    again = run_retrain(whole.folder)
    assert ran(again) == []
    assert (again.version, again.promoted) == (whole.first.version, False)
    assert "is the champion already" in again.comparison.notes[0]


def test_changed_gates_run_check_and_report_alone(whole: Whole) -> None:
    with changed(whole.folder, "size_mb: 50", "size_mb: 49"):
        assert ran(run_retrain(whole.folder)) == ["check", "report"]


@pytest.mark.parametrize(
    ("old", "new", "first"),
    [
        pytest.param("seed: 0", "seed: 1", "train", id="training"),
        pytest.param("embedding: 16", "embedding: 8", "train", id="model"),
        pytest.param("visits: {kind: numeric}", "visits: {kind: categorical}", "validate", id="features"),
    ],
)
def test_changed_params_run_from_their_stage_on(whole: Whole, old: str, new: str, first: str) -> None:
    params = whole.folder / "params.yaml"
    before = params.read_text(encoding="utf-8")
    try:
        params.write_text(before.replace(old, new), encoding="utf-8")
        with open_repository(whole.folder) as repo:
            assert set(repo.status()) >= {first}
            assert min(STAGES.index(stage) for stage in repo.status() if stage != DIGESTS) == STAGES.index(first)
    finally:
        params.write_text(before, encoding="utf-8")


def test_a_worse_candidate_is_refused_by_name(whole: Whole, capfd: pytest.CaptureFixture[str]) -> None:
    with changed(whole.folder, "epochs: 4", "epochs: 1"):
        assert run("retrain", "-C", str(whole.folder)) == PromotionRefused.exit_code
        said = capfd.readouterr().err
        assert re.search(r"spend: mae .* worse by .* 95% interval", said)
        assert said.rstrip().endswith("`")  # the refusal is the last thing said, and no traceback
        assert "Traceback" not in said
        assert store(whole.folder).champion("tiny") == whole.first.version
        refused = next(tag for tag in store(whole.folder).versions("tiny") if tag != whole.first.version)
        assert run("promote", refused, "-C", str(whole.folder)) == 0
        assert store(whole.folder).champion("tiny") == refused
        assert run("promote", whole.first.version.split(":")[1], "-C", str(whole.folder)) == 0
        assert store(whole.folder).champion("tiny") == whole.first.version
    assert run("models", "--json", "-C", str(whole.folder)) == 0
    models = json.loads(capfd.readouterr().out.split("\n", 2)[2])
    assert {model["version"]: model["champion"] for model in models} == {whole.first.version: True, refused: False}


def test_a_failed_check_stops_the_flow_with_its_own_words(whole: Whole, capfd: pytest.CaptureFixture[str]) -> None:
    with changed(whole.folder, "metrics: {}", "metrics: {churned: {auc: 0.999}}"):
        assert run("retrain", "-C", str(whole.folder)) == CheckFailed.exit_code
        said = capfd.readouterr().err.rstrip()
        kept = last_failure(whole.folder, "check")
    assert "stage check: 1 of " in said
    assert "Traceback" not in said
    assert said.endswith(str(kept))  # the stage's own words, last
    assert store(whole.folder).champion("tiny") == whole.first.version


def test_dvcs_own_commands_work(whole: Whole) -> None:
    def dvc(*arguments: str) -> str:
        return subprocess.run(["dvc", *arguments], cwd=whole.folder, check=True, capture_output=True, text=True).stdout

    try:
        said = dvc("exp", "run", "--set-param", "training.seed=1", "--name", "longer")
        assert re.findall(r"Running stage '(\w+)'", said) == [DIGESTS, *RUN[2:]]
        assert "training.seed" in dvc("params", "diff")
        assert "test.spend.mae" in dvc("metrics", "show")
        assert "index.html" in dvc("plots", "show", "--out", "artifacts/plots")
        assert "longer" in dvc("exp", "list")
    finally:
        git(whole.folder, "checkout", "--", "params.yaml")
        for stage in STAGES:
            bring_up_to_date(whole.folder, stage)


def test_the_demo_shows_served_predictions_and_where_everything_is(
    whole: Whole, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("demo", "--rows", "2", "-C", str(whole.folder)) == 0
    said = capfd.readouterr().out
    assert f"2 rows, answered by {whole.first.version}" in said
    assert all(word in said for word in ("churned", "spend", "tier", "report.html", "checks.json", "mtl serve"))


def test_without_git_and_without_a_commit_the_words_say_why(tmp_path: Path, tools: None) -> None:
    from dvc.repo import Repo

    alone, empty = tmp_path / "alone", tmp_path / "empty"
    for folder in (alone, empty):
        folder.mkdir()
    git(empty, "init", "--quiet")
    Repo.init(str(alone), no_scm=True).close()
    Repo.init(str(empty)).close()
    assert "in no git repository" in save_experiment(alone, "m-1")
    assert "has none yet" in save_experiment(empty, "m-1")


def test_a_folder_outside_dvc_is_a_tool_error(tmp_path: Path, tools: None) -> None:
    with pytest.raises(ToolError, match="DVC in"):
        bring_up_to_date(tmp_path, "train")


@contextmanager
def service_that_says(answer: bytes) -> Iterator[str]:
    """An HTTP server on loopback whose every GET is answered with those bytes."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b'{"model": "tiny:new"}', r"serves tiny:new"),
        (b'{"model": "tiny:old"}', r"must serve tiny:new, .* still serves tiny:old"),
        (b"not JSON", r"must answer GET /model"),
        (b"{}", r"must answer GET /model"),
    ],
)
def test_the_service_is_asked_what_it_serves(answer: bytes, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with service_that_says(answer) as url:
        monkeypatch.setenv("TRUNKLINE_SERVICE_URL", url)
        said = tell_service.fn("tiny:new")
    assert re.search(expected, str(said.message if isinstance(said, State) else said))


def test_only_telling_the_service_is_tried_again() -> None:
    from flows.retrain import flow

    retries = {name: getattr(flow, name).retries for name in flow.__dict__ if hasattr(getattr(flow, name), "task_key")}
    assert {name for name, count in retries.items() if count} == {"tell_service"}
    assert len(retries) > 4


@pytest.mark.parametrize(
    ("url", "cron", "says"),
    [
        (None, "0 5 * * *", "needs a Prefect server, found no PREFECT_API_URL"),
        ("http://127.0.0.1:1/api", "every day", "must be five fields.*found 'every day'"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str | None, cron: str, says: str
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    if url:
        monkeypatch.setenv("PREFECT_API_URL", url)
    with pytest.raises(ToolError, match=says):
        serve_retrain(tmp_path, cron)
