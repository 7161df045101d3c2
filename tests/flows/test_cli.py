"""The command line: help with examples, errors as a message and an exit code, JSON output."""

import csv
import errno
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from flows.cli import COMMANDS, cli, main
from flows.layout import Layout
from mtl_core.config import Training
from mtl_core.config.budget import budget_of
from mtl_core.config.model import MEMBERS
from mtl_core.errors import CheckFailed, DataError, ProblemError, SystemFailure
from mtl_core.validation.results import write_quarantine
from serving.champion import LoadFailure, write_load_failure
from serving.store import Store
from tests.conftest import write_table
from tests.serving.example_models import SIGNATURE, graph, promote, save, write


@pytest.fixture
def declared(tiny_problem: Path, tmp_path: Path) -> Path:
    """A folder with the params.yaml of the tiny problem and nothing else."""
    shutil.copy(tiny_problem / "params.yaml", tmp_path)
    return tmp_path


@pytest.fixture
def store(declared: Path) -> Store:
    """The store of that folder."""
    return Store(declared / ".trunkline" / "bentoml")


def model_files(folder: Path, bias: float) -> Path:
    return write(folder / f"model-{bias}", graph(bias=bias), SIGNATURE | {"name": "tiny"})


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from flows.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print(sorted({'torch', 'prefect', 'dvc', 'bentoml', 'pyarrow', 'pandas', 'rich'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(f"\n  {name} " in output for name in COMMANDS)
    assert output.rstrip().endswith("[]")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_an_example(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert f"Example:\n    mtl {name}" in result.output
    assert "-C" in result.output


def test_every_command_has_a_module() -> None:
    folder = Path(__file__).parents[2] / "flows" / "commands"
    assert {path.stem for path in folder.glob("*.py")} - {"__init__", "arguments"} == {
        name.replace("-", "_") for name in COMMANDS
    }


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["check"], ProblemError.exit_code, "mtl init FILE --tasks a,b", id="no problem in the folder"),
        pytest.param(["init", "table.csv", "--tasks", "chruned"], ProblemError.exit_code, "did you mean 'churned'?"),
        pytest.param(["init", "table.txt", "--tasks", "churned"], DataError.exit_code, "must be .parquet, .csv, .tsv"),
        pytest.param(["init", "table.csv", "--tasks", "tier", "--name", "A!"], ProblemError.exit_code, "name: "),
        pytest.param(["stage", "trian"], 2, "'trian' is not one of", id="unknown stage"),
        pytest.param(["chekc"], 2, "No such command 'chekc'", id="unknown command"),
    ],
)
def test_errors_are_a_message_and_an_exit_code_and_write_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tools: None,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "table.csv", rows=100)
    (tmp_path / "table.txt").touch()
    before = sorted(tmp_path.rglob("*"))
    assert run(*arguments) == code
    out, err = capfd.readouterr()
    assert message in err
    assert "Traceback" not in err
    assert out == ""
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("in `dump`: KeyboardInterrupt: ")])
def test_an_interrupt_is_one_line_and_an_exit_code(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise error

    monkeypatch.setattr("flows.pipeline.graph.graph_text", interrupt)
    assert run("init", "--graph") == 130
    assert capfd.readouterr() == ("", "interrupted\n")


def test_init_overwrites_nothing(tiny_problem: Path, capfd: pytest.CaptureFixture[str]) -> None:
    table = write_table(tiny_problem.parent / "again.csv")
    before = {path: path.read_bytes() for path in tiny_problem.glob("*") if path.is_file()}
    assert run("init", str(table), "--tasks", "churned", "-C", str(tiny_problem)) == ProblemError.exit_code
    assert "found params.yaml, data.dvc, prefect.yaml;" in capfd.readouterr().err
    assert {path: path.read_bytes() for path in tiny_problem.glob("*") if path.is_file()} == before


def test_init_runs_again_after_the_disk_was_full(
    tiny_problem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    source = str(tmp_path / "table.csv")
    shutil.copy(next((tiny_problem / "data").iterdir()), source)
    command = ("init", source, "--tasks", "churned", "-C", str(tmp_path / "new"))

    def fail(_folder: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("flows.draft.folder.pin", fail)
        assert run(*command) == SystemFailure.exit_code
    assert str(tmp_path / "new") in capfd.readouterr().err
    Path(source).write_bytes(b"key,churned\n" + Path(source).read_bytes())
    assert run(*command) == ProblemError.exit_code  # another table of the same name
    Path(source).write_bytes((tmp_path / "new" / "data" / "table.csv").read_bytes())
    assert run(*command) == 0
    assert run("check", "-C", str(tmp_path / "new")) == 0


def test_check_shows_the_problem_and_prints_it_as_json(tiny_problem: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("check", "-C", str(tiny_problem)) == 0
    text = capfd.readouterr().out
    assert all(word in text for word in ("plan: type", "Größe", "churned", "spend", "tier", "shared_bottom", "hold"))
    assert run("check", "--json", "-C", str(tiny_problem)) == 0
    resolved = json.loads(capfd.readouterr().out)
    assert list(resolved["tasks"]) == ["churned", "spend", "tier"]
    assert resolved["data"]["types"]["Größe"] == "number"
    assert resolved["warnings"] == []


def test_check_shows_defaults_that_depend_on_the_training_rows(
    tiny_problem: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_problem, tmp_path / "open")
    params = tmp_path / "open" / "params.yaml"
    declared = YAML(typ="safe").load(params)
    declared["training"], declared["model"] = {}, {}
    YAML(typ="safe").dump(declared, params)
    assert run("check", "--json", "-C", str(params.parent)) == 0
    resolved = json.loads(capfd.readouterr().out)
    rows = resolved["data"]["rows_per_split"]["train"]
    assert resolved["budget"] == budget_of(Training(), rows).model_dump()
    assert run("check", "-C", str(params.parent)) == 0
    text = " ".join(capfd.readouterr().out.replace("│", " ").split())
    assert f"epochs {resolved['budget']['epochs']}" in text
    assert f"for {rows:,} training rows" in text
    assert f"members {MEMBERS}" in text


def test_check_and_prepare_show_the_times_of_rolling_windows(
    tiny_problem: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_problem, tmp_path / "rolling")
    params = tmp_path / "rolling" / "params.yaml"
    assert "# Boundaries that move with the newest row: {train: 9 months," in params.read_text(encoding="utf-8")
    declared = YAML(typ="safe").load(params)
    declared["split"] = {
        "by": "time",
        "column": "joined",
        "train": "6 months",
        "validation": "60 days",
        "test": "60 days",
    }
    YAML(typ="safe").dump(declared, params)
    assert run("check", "--json", "-C", str(params.parent)) == 0
    data = json.loads(capfd.readouterr().out)["data"]
    assert data["windows"]["test"] == {"start": "2024-10-30", "end": "2024-12-29"}
    assert 0 < data["left_out"] == data["rows"] - sum(data["rows_per_split"].values())
    write_quarantine(Layout(params.parent).quarantine, [])
    assert run("stage", "prepare", "-C", str(params.parent)) == 0
    prepared = capfd.readouterr().out
    assert run("check", "-C", str(params.parent)) == 0
    checked = capfd.readouterr().out
    for text in ("test from 2024-10-30 to before 2024-12-29", f"rows before the training window: {data['left_out']}"):
        assert text in prepared
        assert text in checked


def test_check_warns_of_a_feature_that_leaks_a_target(
    tiny_problem: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    params = (tiny_problem / "params.yaml").read_text()
    copied = 'features:\n  copy: {kind: categorical, column: "[tier]"}\n'
    (tmp_path / "params.yaml").write_text(params.replace("features:\n", copied))
    shutil.copy(tiny_problem / "dvc.yaml", tmp_path)
    with next((tiny_problem / "data").glob("*.csv")).open(encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / "tiny.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[*head, "[tier]"], *([*row, row[-1]] for row in rows)])
    assert run("check", "-C", str(tmp_path)) == 0
    assert "warning: '[tier]' equals target 'tier' in 100.0% of the rows" in capfd.readouterr().out
    assert run("check", "--json", "-C", str(tmp_path)) == 0
    assert len(json.loads(capfd.readouterr().out)["warnings"]) == 1


def test_the_error_of_a_stage_is_printed_once_and_stored_for_the_flow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tools: None
) -> None:
    from flows.pipeline.failure import last_failure
    from flows.stages import check

    def fail(_folder: Path) -> None:
        raise CheckFailed("1 of 9 checks failed")

    monkeypatch.setattr(check, "run", fail)
    assert run("stage", "check", "-C", str(tmp_path)) == CheckFailed.exit_code
    assert capfd.readouterr().err == "error: 1 of 9 checks failed\n"
    stored = last_failure(tmp_path, "check")
    assert stored is not None
    assert (str(stored), stored.exit_code) == ("1 of 9 checks failed", CheckFailed.exit_code)
    monkeypatch.setattr(check, "run", lambda _folder: None)
    assert run("stage", "check", "-C", str(tmp_path)) == 0
    assert last_failure(tmp_path, "check") is None


@pytest.mark.parametrize(
    ("stage", "before"), [("train", "prepare"), ("export", "train"), ("check", "export"), ("report", "check")]
)
def test_a_stage_names_the_stage_that_must_run_before(
    declared: Path, capfd: pytest.CaptureFixture[str], stage: str, before: str
) -> None:
    assert run("stage", stage, "-C", str(declared)) == DataError.exit_code
    assert f"run `mtl stage {before}` first" in capfd.readouterr().err


def test_commands_that_need_a_model_name_what_is_missing(declared: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("models", "-C", str(declared)) == 0
    assert "`mtl retrain`" in capfd.readouterr().out
    assert run("promote", "tiny:nothing", "-C", str(declared)) == 8
    for name in ("serve", "demo"):
        capfd.readouterr()
        assert run(name, "-C", str(declared)) == 8
        assert "no champion" in capfd.readouterr().err


@pytest.mark.parametrize("file", ["checks.json", "model.onnx", "signature.json", "model.yaml"])
def test_one_damaged_version_does_not_hide_the_others(
    declared: Path, store: Store, capfd: pytest.CaptureFixture[str], file: str
) -> None:
    intact, damaged = (save(store, model_files(declared, bias)) for bias in (0.0, 1.0))
    (store.path(damaged) / file).write_text("a: [")
    needed = file != "model.yaml"  # the service does not read it
    assert run("models", "-C", str(declared)) == 0
    text = capfd.readouterr().out
    assert intact in text
    assert (f"{damaged} cannot be served: " in text) == needed
    assert run("models", "--json", "-C", str(declared)) == 0
    models = {model["version"]: model for model in json.loads(capfd.readouterr().out)}
    assert models[intact]["damage"] is None
    assert (file in (models[damaged]["damage"] or "")) == needed


def test_a_champion_that_a_service_could_not_load_is_named(
    declared: Path, store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    served, failed = (promote(store, model_files(declared, bias)) for bias in (0.0, 1.0))
    message = f"a service could not load {failed} at 2026-01-02 03:04:05 UTC and answers with {served}: damaged [x]"
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    write_load_failure(store.home, "tiny", LoadFailure(champion=failed, serving=served, reason="damaged [x]", at=at))
    assert run("models", "-C", str(declared)) == 0
    assert message in capfd.readouterr().out
    assert run("models", "--json", "-C", str(declared)) == 0
    models = json.loads(capfd.readouterr().out)
    assert {model["version"]: model["load_failure"] for model in models} == {served: None, failed: "damaged [x]"}
    assert {model["refused"] for model in models} == {None}
    assert run("promote", failed, "-C", str(declared)) == 0
    assert message in capfd.readouterr().out
    assert run("promote", served, "-C", str(declared)) == 0
    assert run("models", "-C", str(declared)) == 0
    assert "could not load" not in capfd.readouterr().out
