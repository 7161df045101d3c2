"""The git repository that `mtl init` creates or uses."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

from flows.draft.drafting import draft_problem
from flows.git import git_output
from tests.flows.conftest import git

NAMES = {"GIT_AUTHOR_NAME": "tests", "GIT_COMMITTER_NAME": "tests"}
EMAILS = {"GIT_AUTHOR_EMAIL": "tests@example.org", "GIT_COMMITTER_EMAIL": "tests@example.org"}


@pytest.fixture
def csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table, in a folder without a git identity."""
    path = tmp_path / "houses.csv"
    pyarrow.csv.write_csv(
        pa.table({"size": [row * 0.37 for row in range(50)], "sold": [row % 2 for row in range(50)]}), path
    )
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    for name in (*NAMES, *EMAILS, "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    return path


@pytest.fixture
def committer(csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (NAMES | EMAILS).items():
        monkeypatch.setenv(name, value)


def test_the_first_commit_of_a_new_repository_has_all_files_but_the_data(
    csv: Path, tmp_path: Path, committer: None
) -> None:
    folder = tmp_path / "houses"
    _, lines = draft_problem(csv, ("sold",), folder, None)
    assert lines[-1] == "created the first commit"
    assert git_output(folder, "status", "--porcelain") == ""
    assert git_output(folder, "rev-list", "--count", "HEAD") == "1"
    committed = (git_output(folder, "ls-files") or "").splitlines()
    assert {
        "params.yaml",
        "dvc.yaml",
        "prefect.yaml",
        "data.dvc",
        ".gitignore",
        ".dvc/config",
        "studies/README.md",
    } <= set(committed)
    assert not [name for name in committed if name.endswith(".csv")]


def test_other_staged_files_are_not_committed(csv: Path, tmp_path: Path, committer: None) -> None:
    folder = tmp_path / "houses"
    folder.mkdir()
    (folder / "notes.txt").write_text("notes", encoding="utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", "notes.txt")
    draft_problem(csv, ("sold",), folder, None)
    assert git_output(folder, "status", "--porcelain") == "A  notes.txt"


def test_a_repository_with_commits_gets_no_other(csv: Path, tmp_path: Path, committer: None) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "first")
    draft_problem(csv, ("sold",), tmp_path / "houses", None)
    assert git_output(tmp_path, "rev-list", "--count", "HEAD") == "1"


def test_without_a_git_identity_the_problem_is_written_and_the_fix_is_named(csv: Path, tmp_path: Path) -> None:
    folder = tmp_path / "houses"
    git(tmp_path, "config", "--file", str(tmp_path / "config"), "user.useConfigOnly", "true")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
        _, lines = draft_problem(csv, ("sold",), folder, None)
    assert "git add . && git commit" in lines[-1]
    assert (folder / "params.yaml").exists()
    assert git_output(folder, "rev-parse", "--verify", "HEAD") is None
