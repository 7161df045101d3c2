"""Provenance of numbers: the record that is stored with them."""

import platform
import subprocess
from pathlib import Path

import pytest

from flows.provenance import provenance_of
from mtl_core.config import parse_problem
from mtl_core.studies.provenance import config_digest
from tests.config.orders import BASE, changed


def commit(folder: Path) -> str:
    for command in (
        ["git", "init", "--quiet"],
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "--message=one"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_it_says_what_it_takes_to_make_them_again(tmp_path: Path) -> None:
    whole = commit(tmp_path)
    made = provenance_of("mtl compare", range(3), tmp_path, parse_problem(BASE))
    assert (made.command, made.seeds) == ("mtl compare", (0, 1, 2))
    assert whole.startswith(made.commit)
    assert len(made.commit) == 12
    assert made.versions["python"] == platform.python_version()
    assert "torch" in made.versions
    assert " cores, " in made.machine


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
def test_files_that_differ_from_the_commit_are_marked_unless_a_study_writes_them(
    tmp_path: Path, name: str, marked: bool
) -> None:
    commit(tmp_path)
    (tmp_path / "problem").mkdir()
    (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / name).write_text("one")
    subprocess.run(["git", "add", name], cwd=tmp_path, check=True)
    assert provenance_of("mtl compare", [0], tmp_path / "problem", parse_problem(BASE)).commit.endswith("+") is marked


def test_outside_of_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_a_declaration_is_what_decides_what_is_learned(path: str, value: object, same: bool) -> None:
    before, after = parse_problem(BASE), parse_problem(changed(path, value))
    assert (config_digest(before) == config_digest(after)) is same
