"""`mtl replay` through the real commands, on months of the tiny table; interrupted, resumed, and refused."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.cli import main
from flows.layout import Layout
from flows.pipeline.pin import push
from flows.studies.replay import study as module
from flows.studies.replay.cadence import LOG, CadenceFolder, replay_params, without_user_config
from flows.studies.replay.scores import MonthRows
from flows.studies.replay.study import replay_split, run_replay, stored_replay
from mtl_core.config import PARAMS, load_problem
from mtl_core.config.document import parse_yaml
from mtl_core.errors import DataError, ProblemError, ToolError
from mtl_core.studies.replay.record import Replay
from tests.flows.conftest import copy_of, replace_text


@pytest.fixture(scope="module")
def monthly(tiny_problem: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny problem, split by time; its twelve months are in one CSV file."""
    folder = copy_of(tiny_problem, tmp_path_factory.mktemp("monthly"))
    document = parse_yaml((folder / PARAMS).read_text(encoding="utf-8"))
    document["split"] = {"by": "time", "column": "joined", "validation": "2024-10-01", "test": "2024-11-01"}
    document["gates"] = {"metrics": {"churned": {"auc": 0.99999}}, "approval": "required"}
    document["store"] = {"keep": 1}
    (folder / PARAMS).write_text(json.dumps(document), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def finished(monthly: Path) -> tuple[Replay, str]:
    """A replay of two months: interrupted after the first, then after the second has arrived, and resumed."""
    progress, stop = module.ReplayProgress.on_month, [True]
    with pytest.MonkeyPatch.context() as patch:

        def on_month(self: Any, *arguments: Any) -> None:
            progress(self, *arguments)
            if stop.pop() if stop else False:
                raise KeyboardInterrupt

        patch.setattr(module.ReplayProgress, "on_month", on_month)
        with pytest.raises(KeyboardInterrupt):
            run_replay(monthly, "2024-11", (1,))
        (folder,) = (Layout(monthly).state / "studies" / "replay").glob("*/from-2024-11-every-1")
        write, logs = module.write_study, []

        def write_study(*arguments: Any) -> None:
            logs.append((folder / LOG).read_text(encoding="utf-8"))
            write(*arguments)

        patch.setattr(module, "write_study", write_study)
        with pytest.MonkeyPatch.context() as interrupted:

            def read(*_arguments: Any) -> None:
                raise KeyboardInterrupt

            interrupted.setattr(MonthRows, "read", read)
            with pytest.raises(KeyboardInterrupt):
                run_replay(monthly, "2024-11", (1,))
        study, where = run_replay(monthly, "2024-11", (1,))
    assert not (Layout(monthly).state / "studies" / "replay").exists()
    (log,) = logs
    # No retrain is repeated once its month has arrived: it would be trained on the rows that it is scored on.
    assert [log.count(f"$ mtl {command}") for command in ("retrain", "ingest")] == [2, 3]
    return study, where


def test_each_month_is_scored_by_models_that_cannot_know_it(finished: tuple[Replay, str], monthly: Path) -> None:
    study, where = finished
    assert where.startswith("written to studies/replay.json; no report yet")
    assert stored_replay(monthly)[0] == study
    assert study.months == ("2024-11", "2024-12")
    assert study.rows == (50, 50)
    (cadence,) = study.cadences
    first, second = cadence.retrains
    assert (first.month, first.champion, first.outcome) == ("2024-11", None, "promoted")
    assert "churned" in first.reasons[1]  # its gate failed, and a replay needs a first model
    assert second.champion == first.candidate
    assert second.outcome == "refused"
    assert set(second.next_month) == set(study.tasks) == {"churned", "spend", "tier"}
    assert study.never == cadence.scores  # the first model stays the champion
    change = second.next_month["spend"]
    assert change.champion == study.never["spend"][1]
    assert change.low is not None
    assert change.high is not None
    assert change.low <= change.high
    assert all(retrain.processor_seconds > 0 for retrain in cadence.retrains)


def test_a_replay_touches_neither_store_nor_data(finished: tuple[Replay, str], monthly: Path) -> None:
    assert not (Layout(monthly).state / "bentoml" / "models").exists()
    assert not Layout(monthly).artifacts.exists()
    assert [path.name for path in (monthly / "data").iterdir()] == ["tiny.csv"]


def test_show_prints_the_last_study(
    finished: tuple[Replay, str], monthly: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["--show"], ["--show", "--json"]):
        with pytest.raises(SystemExit) as exit_info:
            main(["replay", *arguments, "-C", str(monthly)])
        assert exit_info.value.code == 0
    printed = capsys.readouterr().out
    text, document = printed[: printed.index("\n{") + 1], printed[printed.index("\n{") + 1 :]
    assert "2024-11 to 2024-12" in text
    assert "every month" in text
    assert Replay.model_validate_json(document) == finished[0]


def test_params_of_a_replay_have_months_and_no_approval(monthly: Path) -> None:
    split = replay_split(monthly, load_problem(monthly))
    document = parse_yaml(replay_params(monthly, split))
    assert document["data"]["path"] == "data/months"
    assert document["split"] == {"by": "time", "column": "joined", "validation": "1 month", "test": "1 month"}
    assert document["gates"] == {"metrics": {"churned": {"auc": 0.99999}}}
    assert parse_yaml(replay_params(monthly, split, limits=False))["gates"] == {}
    assert "store" not in document


def test_declared_durations_are_kept(monthly: Path, tmp_path: Path) -> None:
    folder = copy_of(monthly, tmp_path)
    replace_text(folder, '"2024-10-01"', '"2 months"')
    replace_text(folder, '"2024-11-01"', '"6 weeks"')
    assert replay_split(folder, load_problem(folder)).starts == {"validation": "2 months", "test": "6 weeks"}


def test_a_problem_without_time_cannot_be_replayed(tiny_problem: Path, tmp_path: Path) -> None:
    folder = copy_of(tiny_problem, tmp_path)
    document = parse_yaml((folder / PARAMS).read_text(encoding="utf-8"))
    document["split"] = {"by": "hash", "column": "row"}
    (folder / PARAMS).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ProblemError, match=r"split.by must be time for a replay, found hash"):
        run_replay(folder, None, (1,))


@pytest.mark.parametrize("first", ["2024-03", "2025-01"])
def test_months_are_needed_before_and_after_the_first_one(monthly: Path, first: str) -> None:
    with pytest.raises(DataError, match=f"--from: must be a month from 2024-04 to 2024-12.*found {first}"):
        run_replay(monthly, first, (1,))


def test_a_command_that_fails_is_shown_with_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(
        ToolError, match=r"(?s)`mtl check` ended with code 2 in .*replay.log:\n.*params.yaml: not found"
    ):
        CadenceFolder(tmp_path, server="").run("check")


def test_the_output_of_a_stage_goes_to_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with CadenceFolder(tmp_path, server="").logged_stdout():
        subprocess.run(["echo", "9 parts"], check=True)
    subprocess.run(["echo", "after"], check=True)
    assert capfd.readouterr().out == "after\n"
    assert (tmp_path / LOG).read_text() == "9 parts\n"


def test_the_months_are_not_pushed_to_the_remote_of_the_user(
    monthly: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, remote = copy_of(monthly, tmp_path), tmp_path / "remote"
    (tmp_path / "config").write_text(f"[core]\nremote = team\n['remote \"team\"']\nurl = {remote}\n")
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path))
    with without_user_config(folder):
        assert push(folder) == ""
    assert not remote.exists()
    assert push(folder).startswith("pushed")  # outside of a replay
    environments: list[dict[str, str]] = []

    def run(*_arguments: Any, env: dict[str, str], **_options: Any) -> subprocess.CompletedProcess[bytes]:
        environments.append(env)
        return subprocess.CompletedProcess([], 0)

    monkeypatch.setattr(subprocess, "run", run)
    CadenceFolder(folder, server="").run("ingest", "2024-11.parquet")
    for name in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):
        assert environments[0][name] == str(folder / "no-dvc-config")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--cadence", "0"], "distinct numbers"), (["--cadence", "1,1"], "distinct"), (["--from", "April"], "a month")],
)
def test_options_are_checked(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["replay", *arguments])
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err


def test_a_command_ends_with_a_replay_that_is_killed(monthly: Path, tmp_path: Path) -> None:
    folder = copy_of(monthly, tmp_path)
    code = (
        "import sys; from pathlib import Path; from flows.studies.replay.cadence import CadenceFolder\n"
        "from serving.lifeline import start_lifeline\n"
        "folder = Path(sys.argv[1]); start_lifeline(folder / 'lifelines')\n"
        "CadenceFolder(folder, server='').run('retrain')"
    )
    replay = subprocess.Popen([sys.executable, "-c", code, str(folder)])
    process = psutil.Process(replay.pid)
    for _ in range(600):
        if len(children := process.children(recursive=True)) > 1:  # `mtl retrain`, and its Prefect server
            break
        time.sleep(0.1)
    replay.kill()
    replay.wait()
    assert psutil.wait_procs(children, 30)[1] == []
