"""Environment variables of the tools: no telemetry, state in the problem's folder, precedence of the user's values."""

import os
import sys
from pathlib import Path

import pytest

from flows.environment import prepare_environment, store_home


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"PATH": "/usr/bin"})


def test_telemetry_is_off_and_state_is_in_the_folder(tmp_path: Path) -> None:
    prepare_environment(tmp_path)
    off = {
        "DO_NOT_TRACK": "1",
        "BENTOML_DO_NOT_TRACK": "True",
        "GX_ANALYTICS_ENABLED": "false",
        "DVC_NO_ANALYTICS": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    assert {name: os.environ[name] for name in off} == off
    assert Path(os.environ["PREFECT_HOME"]).is_relative_to(tmp_path)
    assert store_home(tmp_path) == tmp_path / ".trunkline" / "bentoml"
    assert not list(tmp_path.iterdir())


def test_variables_of_the_user_take_precedence(tmp_path: Path) -> None:
    os.environ["BENTOML_HOME"] = "/models"
    prepare_environment(tmp_path)
    assert store_home(tmp_path) == Path("/models")


def test_the_interpreters_folder_is_first_on_path_and_once(tmp_path: Path) -> None:
    prepare_environment(tmp_path)
    prepare_environment(tmp_path)
    assert os.environ["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/usr/bin"]
