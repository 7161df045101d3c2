"""Outputs that differ from the committed dvc.lock although no input does."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from flows.pipeline.dvc_lock import LOCK, other_outputs_note, stages_with_other_outputs
from tests.flows.conftest import git


def stages(*, code: str = "c", data: str = "d", weights: str = "w", digests: str = "x") -> dict[str, Any]:
    """The lock's stages: train reads the data, export reads the weights."""

    def files(path: str, md5: str) -> list[dict[str, str]]:
        return [{"path": path, "hash": "md5", "md5": md5}]

    return {
        "digests": {"cmd": "mtl stage digests", "outs": files("digests.json", digests)},
        "train": {
            "cmd": "mtl stage train",
            "deps": files("data", data),
            "params": {"digests.json": {"code.train": code}},
            "outs": files("weights", weights),
        },
        "export": {"cmd": "mtl stage export", "deps": files("weights", weights), "outs": files("graph", f"g{weights}")},
    }


def write(folder: Path, content: dict[str, Any]) -> None:
    YAML().dump({"schema": "2.0", "stages": content}, folder / LOCK)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A problem below the root of a repository, with a committed lock."""
    problem = tmp_path / "problem"
    problem.mkdir()
    write(problem, stages())
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "a lock")
    return problem


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ()),
        ({"weights": "v"}, ("train",)),
        ({"weights": "v", "digests": "y"}, ("train",)),
        ({"weights": "v", "code": "b"}, ()),
        ({"weights": "v", "data": "e"}, ()),
    ],
    ids=["equal", "other outputs", "no inputs recorded", "other code", "other data"],
)
def test_outputs_are_named_unless_an_input_differs_too(
    folder: Path, changed: dict[str, str], expected: tuple[str, ...]
) -> None:
    write(folder, stages(**changed))
    assert stages_with_other_outputs(folder) == expected
    note = other_outputs_note(folder)
    assert bool(note) == bool(expected)
    assert all(words in note for words in (*expected, "git checkout dvc.lock") if expected)


def test_new_and_removed_stages_are_no_difference(folder: Path) -> None:
    write(folder, {"train": stages()["train"], "report": stages()["export"]})
    assert stages_with_other_outputs(folder) == ()


def test_without_both_locks_there_is_no_difference(folder: Path, tmp_path: Path) -> None:
    (folder / LOCK).unlink()
    assert stages_with_other_outputs(folder) == ()
    write(tmp_path, stages(weights="v"))
    assert stages_with_other_outputs(tmp_path) == ()
