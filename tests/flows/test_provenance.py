"""Provenance of numbers: command, commit, versions, and the digest of the declaration."""

import platform
from pathlib import Path

import pytest

from flows.git import git_output
from flows.provenance import provenance_of
from mtl_core.config import parse_problem
from mtl_core.studies.provenance import config_digest
from tests.config.orders import BASE, changed
from tests.flows.conftest import git


def commit(folder: Path) -> str:
    git(folder, "init", "--quiet")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=one")
    return git_output(folder, "rev-parse", "HEAD") or ""


def test_provenance_has_command_seeds_commit_versions_and_machine(tmp_path: Path) -> None:
    full_commit = commit(tmp_path)
    provenance = provenance_of("mtl compare", range(3), tmp_path, parse_problem(BASE))
    assert (provenance.command, provenance.seeds) == ("mtl compare", (0, 1, 2))
    assert provenance.commit == full_commit[:12]
    assert provenance.versions["python"] == platform.python_version()
    assert "torch" in provenance.versions
    assert " cores, " in provenance.machine


@pytest.mark.parametrize(
    ("name", "marked"),
    [
        ("params.yaml", True),
        ("other/dvc.yaml", True),
        ("dvc.lock", False),
        ("other/dvc.lock", False),
        ("studies/comparison.json", False),
        ("library/studies/arms.py", True),
    ],
)
def test_changed_files_mark_the_commit_unless_a_study_writes_them(tmp_path: Path, name: str, marked: bool) -> None:
    commit(tmp_path)
    (tmp_path / "problem").mkdir()
    (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / name).write_text("one")
    git(tmp_path, "add", name)
    assert provenance_of("mtl compare", [0], tmp_path / "problem", parse_problem(BASE)).commit.endswith("+") is marked


def test_outside_of_git_the_commit_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance_of("mtl compare", [0], tmp_path, parse_problem(BASE)).commit == ""


@pytest.mark.parametrize(
    ("path", "value", "same"),
    [
        ("training.learning_rate", 0.01, False),
        ("training.seed", 1, True),
        ("training.threads", 1, True),
        ("model.embedding", 8, False),
        ("tasks.days.loss", "absolute", False),
        ("features.amount.transform", "log1p", False),
        ("split.test", 0.2, False),
        ("name", "others", True),
        ("gates.size_mb", 1, True),
    ],
)
def test_the_digest_depends_on_options_that_change_the_trained_model(path: str, value: object, same: bool) -> None:
    before, after = parse_problem(BASE), parse_problem(changed(path, value))
    assert (config_digest(before) == config_digest(after)) is same
