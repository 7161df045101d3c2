"""The retrain flow on a tiny problem: stages, promotion, refusals, records, the service, the schedule."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prefect.client.schemas.objects import State

from flows.layout import Layout
from flows.pipeline.experiments import save_experiment
from flows.pipeline.failure import last_failure
from flows.pipeline.graph import STAGES, bring_up_to_date, graph_text, open_repository
from flows.retrain import tasks
from flows.retrain.flow import run_retrain
from flows.retrain.result import RetrainResult
from flows.retrain.tasks import compare_with_champion, wait_for_service
from mtl_core.errors import CheckFailed, DataError, ProblemError, PromotionRefused, RunInProgress, ToolError
from serving.store import Store
from tests.flows.conftest import Whole, copy_of, git, mtl, replace_text

RUN = list(STAGES[1:])
"""Without `digests`, which always runs and is not shown."""


def ran(result: RetrainResult) -> list[str]:
    return [stage.name for stage in result.stages if stage.ran]


def store(folder: Path) -> Store:
    return Store(Layout(folder).store)


def test_the_first_run_runs_every_stage_and_promotes(whole: Whole) -> None:
    assert ran(whole.first) == RUN
    assert whole.first.comparison.champion is None
    assert "no champion yet" in whole.first.comparison.notes[0]
    assert all(check["passed"] for check in whole.first.checks)
    assert store(whole.folder).champion("tiny") == whole.first.version
    assert whole.first.experiment == "recorded as DVC experiment " + whole.first.version.replace(":", "-")
    with open_repository(whole.folder) as repo:
        assert whole.first.version.replace(":", "-") in {
            name for names in repo.experiments.ls().values() for name, _ in names
        }


def test_a_second_run_runs_no_stage_and_keeps_the_champion(whole: Whole) -> None:
    second = run_retrain(whole.folder)
    assert ran(second) == []
    assert (second.version, second.promoted) == (whole.first.version, False)
    assert "already the champion" in second.comparison.notes[0]


@pytest.mark.parametrize(
    ("old", "new", "first"),
    [
        pytest.param("seed: 0", "seed: 1", "train", id="training"),
        pytest.param("embedding: 16", "embedding: 8", "train", id="model"),
        pytest.param("visits: {kind: numeric}", "visits: {kind: categorical}", "validate", id="features"),
        pytest.param("gates: {}", "gates: {size_mb: 49}", "check", id="gates"),
    ],
)
def test_changed_params_outdate_the_stages_from_theirs_on(copied: Path, old: str, new: str, first: str) -> None:
    replace_text(copied, old, new)
    with open_repository(copied) as repo:
        outdated = [stage for stage in STAGES[1:] if stage in repo.status()]
    assert outdated[0] == first


def test_a_worse_candidate_is_refused(whole: Whole, copied: Path, capfd: pytest.CaptureFixture[str]) -> None:
    replace_text(copied, "epochs: 4", "epochs: 1")
    assert mtl(copied, "retrain", "--json") == PromotionRefused.exit_code
    printed, error = capfd.readouterr()
    assert re.search(r"spend: rmse .* worse by .* 95% interval", error)
    assert error.rstrip().endswith("--overrule`")  # nothing follows the refusal
    assert "Traceback" not in error
    assert store(copied).champion("tiny") == whole.first.version
    refused = next(tag for tag in store(copied).versions("tiny") if tag != whole.first.version)
    assert any(reason.startswith("against tiny:") for reason in store(copied).refusal(refused))
    result = json.loads(printed)
    assert (result["version"], result["promoted"], result["decision"]["outcome"]) == (refused, False, "refused")
    assert result["decision"]["reasons"] == list(store(copied).refusal(refused))
    assert result["comparison"]["champion"] == whole.first.version
    assert {churn["task"] for churn in result["comparison"]["churn"]} == {"churned", "spend", "tier"}
    assert mtl(copied, "promote", refused) == PromotionRefused.exit_code
    assert re.search(r"(?s)refused:\n  against tiny:.*spend: rmse .*--overrule", capfd.readouterr().err)
    assert mtl(copied, "promote", refused, "--overrule") == 0
    assert store(copied).champion("tiny") == refused
    assert mtl(copied, "promote", whole.first.version.split(":")[1]) == 0
    assert store(copied).champion("tiny") == whole.first.version
    # The same version is promoted, and its refusal removed, once the comparison is off.
    replace_text(copied, "gates: {}", "gates: {worse_than_champion: null}")
    accepted = run_retrain(copied)
    assert (accepted.version, accepted.promoted) == (refused, True)
    assert accepted.gates_off == ("comparison with the champion",)
    assert store(copied).refusal(refused) == ()


def test_a_failed_check_stops_the_flow_with_its_message(
    whole: Whole, copied: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The candidate is the champion, under a stricter gate: it keeps serving, and is not refused."""
    replace_text(copied, "gates: {}", "gates: {metrics: {churned: {auc: 0.999}}}")
    assert mtl(copied, "retrain") == CheckFailed.exit_code
    error = capfd.readouterr().err.rstrip()
    assert "stage check: 1 of " in error
    assert "Traceback" not in error
    assert error.endswith(
        f"{last_failure(copied, 'check')}\n{whole.first.version} is already the champion and keeps serving"
    )
    assert store(copied).champion("tiny") == whole.first.version
    assert store(copied).refusal(whole.first.version) == ()


def test_the_demo_shows_served_predictions_and_paths(whole: Whole, capfd: pytest.CaptureFixture[str]) -> None:
    assert mtl(whole.folder, "demo", "--rows", "2") == 0
    printed = capfd.readouterr().out
    assert f"2 rows, answered by {whole.first.version}" in printed
    assert all(word in printed for word in ("churned", "spend", "tier", "report.html", "checks.json", "mtl serve"))


def test_without_git_or_a_commit_there_is_no_experiment(tmp_path: Path, tools: None) -> None:
    from dvc.repo import Repo

    without_git, without_commit = tmp_path / "without_git", tmp_path / "without_commit"
    for folder in (without_git, without_commit):
        folder.mkdir()
    git(without_commit, "init", "--quiet")
    Repo.init(str(without_git), no_scm=True).close()
    Repo.init(str(without_commit)).close()
    assert "not in a git repository" in save_experiment(without_git, "m-1")
    assert "no commit yet" in save_experiment(without_commit, "m-1")


def test_a_folder_outside_dvc_is_a_tool_error(tmp_path: Path, tools: None) -> None:
    with pytest.raises(ToolError, match="DVC in"):
        bring_up_to_date(tmp_path, "train")


def test_a_missing_section_and_a_busy_output_of_a_users_stage_are_errors(tmp_path: Path, tools: None) -> None:
    """The output is locked by process 1."""
    from dvc.repo import Repo

    Repo.init(str(tmp_path), no_scm=True).close()
    stage = "stages:\n  extra: {cmd: 'true', params: [section], outs: [out]}\n"
    (tmp_path / "dvc.yaml").write_text(graph_text().replace("stages:\n", stage), encoding="utf-8")
    sections = "model: {}\ntraining: {}\nexport: {}\ngates: {}\n"
    (tmp_path / "params.yaml").write_text(sections, encoding="utf-8")
    with pytest.raises(ToolError, match=r"stage extra: DVC could not run it: .*'section'"):
        bring_up_to_date(tmp_path, "extra")
    lock = {"write": {str(tmp_path / "out"): {"pid": 1, "cmd": "dvc repro"}}, "read": {}}
    (tmp_path / ".dvc" / "tmp" / "rwlock").write_text(json.dumps(lock), encoding="utf-8")
    (tmp_path / "params.yaml").write_text(f"{sections}section: 1\n", encoding="utf-8")
    with pytest.raises(RunInProgress, match=r"stage extra: .*busy"):
        bring_up_to_date(tmp_path, "extra")


def test_an_invalid_declaration_is_refused_before_anything_starts(
    tiny_problem: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = copy_of(tiny_problem, tmp_path)
    (folder / "params.yaml").write_text("{}", encoding="utf-8")
    assert mtl(folder, "retrain") == ProblemError.exit_code
    assert "tasks: required" in capfd.readouterr().err
    assert not Layout(folder).prefect.exists()


DAMAGED = [
    ("encoded/encoder.json", ["demo"]),
    ("encoded/test.parquet", ["demo"]),
    ("validation/quarantine.parquet", ["stage", "prepare"]),
    ("encoded/train/labels/churned.npy", ["stage", "train"]),
    ("training/model.safetensors", ["stage", "export"]),
    ("training/model.safetensors", ["stage", "check"]),
    ("model/model.onnx", ["stage", "check"]),
    ("training/history.json", ["stage", "report"]),
    ("evaluation.json", ["stage", "report"]),
    ("predictions.parquet", ["stage", "report"]),
]


@pytest.mark.parametrize(("artifact", "command"), DAMAGED)
def test_a_damaged_artifact_is_named(
    copied: Path, artifact: str, command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = Layout(copied).artifacts / artifact
    path.unlink()  # may be a link to DVC's cache
    path.write_bytes(b"[1")
    assert mtl(copied, *command) == DataError.exit_code
    assert f"error: {path.with_suffix('') if path.suffix == '.npy' else path}: must be" in capfd.readouterr().err


def test_a_damaged_champion_is_named_before_the_comparison(whole: Whole, copied: Path) -> None:
    graph = store(copied).path(whole.first.version) / Layout(copied).graph.name
    graph.write_bytes(b"damaged")
    refused = compare_with_champion.fn(copied, "tiny:other")
    assert isinstance(refused, State)
    assert isinstance(refused.data, PromotionRefused)
    assert str(graph) in str(refused.message)


@contextmanager
def service_with(answer: bytes) -> Iterator[str]:
    """Address of an HTTP server that answers every GET with those bytes."""

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
        (b'{"model": "tiny:old"}', r"must serve .*tiny:new, found tiny:old"),
        (b"not JSON", r"must answer GET /model"),
        (b"{}", r"must answer GET /model"),
    ],
)
def test_the_service_must_serve_the_new_version(answer: bytes, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with service_with(answer) as url:
        monkeypatch.setenv("TRUNKLINE_SERVICE_URL", url)
        outcome = wait_for_service.fn("tiny:new")
    assert re.search(expected, str(outcome.message if isinstance(outcome, State) else outcome))


def test_only_the_task_wait_for_service_is_retried() -> None:
    retries = {name: task.retries for name, task in vars(tasks).items() if hasattr(task, "task_key")}
    assert {name for name, count in retries.items() if count} == {"wait_for_service"}
    assert len(retries) > 4


def test_the_removed_option_cron_names_what_replaces_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert mtl(tmp_path, "retrain", "--cron", "0 5 * * *") == 2
    error = capfd.readouterr().err
    assert all(words in error for words in ("prefect.yaml", "0 5 * * *", "timezone", "mtl up", "prefect deploy --all"))
