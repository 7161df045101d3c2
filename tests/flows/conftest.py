"""A Prefect server for the tests of flows, and a problem that went the whole path once."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.retrain.flow import run_retrain
from flows.retrain.result import RetrainResult
from tests.small import small

__all__ = ["Whole", "git", "small"]


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A problem's folder after its first retrain, and what the flow returned."""

    folder: Path
    first: RetrainResult


@pytest.fixture(scope="session")
def prefect_server(tools: None) -> Iterator[None]:
    """Ephemeral Prefect server for the whole session."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def whole(tiny_problem: Path, prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The tiny problem in git, retrained once. A test that changes it puts it back."""
    folder = tmp_path_factory.mktemp("whole") / "tiny"
    shutil.copytree(tiny_problem, folder, symlinks=True)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a problem")
    forget_homes()
    return Whole(folder=folder, first=run_retrain(folder))


@pytest.fixture(autouse=True)
def own_homes() -> Iterator[None]:
    """The command line sets the tools' homes once a process; here each test acts on another folder."""
    forget_homes()
    yield
    forget_homes()


def forget_homes() -> None:
    """As at the start of a process."""
    for name in ("BENTOML_HOME", "PREFECT_HOME"):
        os.environ.pop(name, None)


def git(folder: Path, *arguments: str) -> None:
    """Runs git as somebody, whoever runs the tests."""
    who = ["-c", "user.name=tests", "-c", "user.email=tests@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)
