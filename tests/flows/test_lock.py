"""Outputs that differ from the committed dvc.lock although no input does are named; what an edit explains is not."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from flows.pipeline.lock import LOCK, other_bits, other_bits_words
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


def write(folder: Path, found: dict[str, Any]) -> None:
    YAML().dump({"schema": "2.0", "stages": found}, folder / LOCK)


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
    ids=["nothing", "other bits", "no inputs recorded", "other code", "other data"],
)
def test_only_what_no_input_explains(folder: Path, changed: dict[str, str], expected: tuple[str, ...]) -> None:
    write(folder, stages(**changed))
    assert other_bits(folder) == expected
    words = other_bits_words(folder)
    assert bool(words) == bool(expected)
    assert all(name in words for name in (*expected, "git checkout dvc.lock") if expected)


def test_a_stage_that_is_new_or_gone_is_no_difference(folder: Path) -> None:
    write(folder, {"train": stages()["train"], "report": stages()["export"]})
    assert other_bits(folder) == ()


def test_without_a_committed_lock_there_is_nothing_to_compare(folder: Path, tmp_path: Path) -> None:
    (folder / LOCK).unlink()
    assert other_bits(folder) == ()
    write(tmp_path, stages(weights="v"))
    assert other_bits(tmp_path) == ()
