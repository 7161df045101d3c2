"""Commands that build no network import neither torch nor modules that only other commands need."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import write_table

RUN = """
import sys
from flows.cli import main
try:
    main(sys.argv[1:])
except SystemExit as exit:
    code = exit.code
import json
print(json.dumps({"code": code, "modules": sorted(sys.modules)}), file=sys.stderr)
"""

HEAVY = {"torch", "torchjd", "onnx", "onnxruntime", "prefect"}
LIGHT = HEAVY | {"dvc", "great_expectations", "pandas"}

CASES = {
    "init --graph": (["init", "--graph"], 0, LIGHT),
    "data": (["data"], 0, HEAVY),
    "init": (["init", "TABLE", "--tasks", "churned,spend"], 0, HEAVY | {"great_expectations"}),
    "check": (["check"], 0, LIGHT - {"pandas"}),  # pyarrow imports it before it reads an array
    "profile": (["profile", "--force"], 0, HEAVY | {"dvc"}),
    "models": (["models"], 0, LIGHT - {"onnxruntime"}),  # the store checks new graphs
    "promote": (["promote", "tiny:none"], 8, LIGHT - {"onnxruntime"}),
    "stage digests": (["stage", "digests"], 0, LIGHT),
    "stage validate": (["stage", "validate"], 0, HEAVY | {"dvc"}),
    "stage prepare": (["stage", "prepare"], 0, LIGHT - {"pandas"}),  # as `check`
}
"""Arguments, exit code, modules that must not be imported. A stage comes after the stages that it needs."""


@pytest.fixture(scope="module")
def problem(tiny_problem: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start") / "tiny"
    shutil.copytree(tiny_problem, folder, symlinks=True)
    return folder


@pytest.mark.parametrize(("arguments", "code", "forbidden"), CASES.values(), ids=CASES)
def test_a_command_imports_no_more_than_it_needs(
    problem: Path, tmp_path: Path, arguments: list[str], code: int, forbidden: set[str]
) -> None:
    if "TABLE" in arguments:
        table = write_table(tmp_path / "table.csv", rows=200)
        arguments = [str(table) if argument == "TABLE" else argument for argument in arguments]
        arguments += ["-C", str(tmp_path / "new")]
    run = subprocess.run([sys.executable, "-c", RUN, *arguments], cwd=problem, capture_output=True, text=True)
    report = json.loads(run.stderr.splitlines()[-1])
    assert report["code"] == code, run.stderr
    assert sorted(forbidden & set(report["modules"])) == []
