"""A Prefect server for the tests of flows, and a problem after one retrain."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.cli import main
from flows.retrain.flow import run_retrain
from flows.retrain.result import RetrainResult
from tests.conftest import forget_homes
from tests.small import small

__all__ = ["Whole", "copy_of", "git", "mtl", "replace_text", "small"]


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
    folder = copy_of(tiny_problem, tmp_path_factory.mktemp("whole"))
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a problem")
    forget_homes()
    return Whole(folder=folder, first=run_retrain(folder))


@pytest.fixture
def copied(whole: Whole, tmp_path: Path) -> Path:
    """A copy of the retrained problem, to be changed."""
    return copy_of(whole.folder, tmp_path)


def copy_of(problem: Path, parent: Path) -> Path:
    """A copy of the problem's folder, below `parent`."""
    folder = parent / "tiny"
    shutil.copytree(problem, folder, symlinks=True)
    return folder


def replace_text(folder: Path, old: str, new: str) -> None:
    """Replace a text that occurs once in params.yaml."""
    params = folder / "params.yaml"
    text = params.read_text(encoding="utf-8")
    assert text.count(old) == 1
    params.write_text(text.replace(old, new), encoding="utf-8")


def mtl(folder: Path, *arguments: str) -> int:
    """Exit code of the command for the folder's problem, as in a process of its own."""
    forget_homes()
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "-C", str(folder)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def git(folder: Path, *arguments: str) -> None:
    """Run git with an identity that does not depend on the user."""
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)
