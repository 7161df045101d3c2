"""Structured logs: every line of a run is a JSON object with problem, version and stage, and without secrets."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL

from flows.environment import prepare_environment
from flows.logs import FIELDS, JsonFormatter, is_json, json_line, set_fields
from mtl_core.errors import CheckFailed, ToolError
from tests.flows.conftest import Whole, mtl, replace_text

LINES = """
import logging, os, subprocess, sys
from flows.logs import set_fields, start_json_lines
set_fields(problem="tiny", stage="train")
start_json_lines()
start_json_lines()
print("printed", file=sys.stderr)
os.write(2, b"from C\\n\\n  \\n\\xff\\xfe no UTF-8\\n{not JSON\\n{}\\n")
set_fields(version="tiny:1")
code = "from flows.logs import *; start_json_lines(); print('child', file=sys.stderr)"
subprocess.run([sys.executable, "-c", code], check=True)
subprocess.Popen(["sleep", "9"], stdout=subprocess.DEVNULL)  # holds the pipe open, as a stray process does
print("see http://user:password@host", file=sys.stderr)
sys.stderr.write("no end of line")
"""


def parse(text: str) -> list[dict[str, Any]]:
    """The lines, every one of which must be a JSON object with all fields."""
    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "logger", "message", *FIELDS} <= line.keys() for line in lines)
    return lines


def test_every_line_of_a_process_and_its_children_is_an_object() -> None:
    environment = {**os.environ, "TRUNKLINE_LOG": "json"}
    done = subprocess.run(
        [sys.executable, "-c", LINES], env=environment, stderr=subprocess.PIPE, check=True, timeout=50
    )
    lines = parse(done.stderr.decode())
    assert [line["message"] for line in lines] == [
        *("printed", "from C", "\ufffd\ufffd no UTF-8", "{not JSON", "{}", "child"),
        *("see http://***@host", "no end of line"),
    ]
    assert {line["stage"] for line in lines} == {"train"}
    assert [line["version"] for line in lines][-3:] == ["tiny:1"] * 3


def test_every_line_of_a_retrain_is_an_object_and_stdout_has_the_result(whole: Whole, copied: Path) -> None:
    """A gate fails, so that a stage runs and the run ends with an error."""
    replace_text(copied, "gates: {}", "gates: {metrics: {churned: {auc: 0.999}}}")
    variables = {"TRUNKLINE_LOG": "json", "PREFECT_API_URL": str(PREFECT_API_URL.value()), "DB_PASSWORD": "auc: FAILED"}
    command = ["mtl", "retrain", "--json", "-C", str(copied)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_LOGGING")}
    done = subprocess.run(command, env={**environment, **variables}, capture_output=True, text=True, timeout=300)
    assert done.returncode == CheckFailed.exit_code
    assert json.loads(done.stdout)["decision"]["outcome"] == "refused"
    lines = parse(done.stderr)
    stages = [line["stage"] for line in lines if line["problem"] == "tiny"]
    assert {"validate", "train", "check"} <= set(stages)
    assert {"prefect.flow_runs", "prefect.task_runs", "trunkline"} <= {line["logger"] for line in lines}
    assert lines[-1]["level"] == "ERROR"
    assert lines[-1]["stage"] == "check"
    assert "auc: FAILED" not in done.stderr


def test_a_record_has_its_level_its_exception_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.setenv("TRUNKLINE_LOG_STAGE", "")
    try:
        raise ValueError("very-secret")
    except ValueError:
        arguments = ("name", logging.WARNING, "file", 1, "%s\nof two lines", ("very-secret",), sys.exc_info())
        record = logging.LogRecord(*arguments)
    record.flow_run_id = "f"
    (line,) = parse(JsonFormatter(format="ignored").format(record))
    assert (line["level"], line["message"], line["flow_run_id"]) == ("WARNING", "***\nof two lines", "f")
    assert line["stage"] is None
    assert "ValueError: ***" in line["exception"]


def test_fields_are_inherited_and_can_be_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FIELDS:
        monkeypatch.setenv(f"TRUNKLINE_LOG_{name.upper()}", "")
    set_fields(problem="größe", stage="train")
    assert os.environ["TRUNKLINE_LOG_STAGE"] == "train"
    set_fields(stage=None)
    (line,) = parse(json_line("x"))
    assert (line["problem"], line["stage"]) == ("größe", None)


def test_another_kind_of_log_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRUNKLINE_LOG", "xml")
    with pytest.raises(ToolError, match="TRUNKLINE_LOG: must be json or text, found 'xml'"):
        is_json()
    assert mtl(tmp_path, "check") == ToolError.exit_code
    assert "TRUNKLINE_LOG: must be" in capfd.readouterr().err


def test_prefect_gets_the_formatter_only_for_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for kind in ("text", "json"):
        monkeypatch.setattr(os, "environ", {"PATH": "", "TRUNKLINE_LOG": kind})
        prepare_environment(tmp_path)
        assert ("PREFECT_LOGGING_FORMATTERS_STANDARD_" in os.environ) == (kind == "json")
