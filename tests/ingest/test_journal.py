"""A crash at any step of a change leaves the old files or the new ones, once the next command has begun."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.ingest.journal import change_files, discard_staged, roll_forward
from flows.layout import Layout
from flows.running import exclusive_run
from mtl_core.errors import DataError

KILLED = """
import os, sys
from pathlib import Path
from flows.ingest.journal import change_files

def counted(call):
    def wrapped(*args, **kwargs):
        global left
        if left == 0:
            os._exit(9)
        left -= 1
        return call(*args, **kwargs)
    return wrapped

for name in ("fsync", "replace", "unlink", "rmdir"):
    setattr(os, name, counted(getattr(os, name)))
for left, folder in enumerate(map(Path, sys.argv[1:])):
    if (child := os.fork()) == 0:
        staged = folder / ".trunkline" / "ingest"
        change_files(folder, {staged / "1" / "a": folder / "data" / "a", staged / "2" / "b": folder / "data" / "b"})
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
"""Changes each folder in a process of its own, which is killed: at the first step in the first folder, and so on."""
STEPS = 16
OLD, NEW = {"a": "old a"}, {"a": "new a", "b": "new b"}


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (folder / "data").iterdir()}


def staged_folder(folder: Path) -> Path:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "a").write_text("old a")
    for number, name in enumerate(("a", "b"), start=1):
        path = Layout(folder).staging / str(number) / name
        path.parent.mkdir(parents=True)
        path.write_text(f"new {name}")
    return folder


def test_a_kill_at_any_step_leaves_the_old_or_the_new_files(tmp_path: Path) -> None:
    folders = [staged_folder(tmp_path / str(step)) for step in range(STEPS + 1)]
    command = [sys.executable, "-c", KILLED, *map(str, folders)]
    killed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert killed == ["9"] * STEPS + ["0"]
    outcomes = []
    for folder in folders:
        roll_forward(folder)
        outcomes.append(contents(folder))
        assert list(Layout(folder).state.iterdir()) == []
        roll_forward(folder)
        assert contents(folder) == outcomes[-1]
    assert outcomes == sorted(outcomes, key=[OLD, NEW].index)  # once new, never old
    assert outcomes[0] == OLD
    assert outcomes[-1] == NEW


def test_every_command_with_the_run_lock_finishes_a_change_first(tmp_path: Path, tools: None) -> None:
    folder = staged_folder(tmp_path)
    layout = Layout(folder)
    moves = {".trunkline/ingest/1/a": "data/a", ".trunkline/ingest/2/b": "data/b"}
    layout.journal.write_text(json.dumps(moves))
    with exclusive_run(folder):
        assert contents(folder) == NEW
        assert not layout.journal.exists()


def test_staged_files_are_kept_while_a_journal_needs_them(tmp_path: Path) -> None:
    folder = staged_folder(tmp_path)
    Layout(folder).journal.write_text(json.dumps({".trunkline/ingest/1/a": "data/a"}))
    discard_staged(folder)
    assert Layout(folder).staging.exists()
    roll_forward(folder)
    assert contents(folder) == {"a": "new a"}
    assert not Layout(folder).staging.exists()


def test_data_on_another_file_system_are_replaced_in_one_step_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = staged_folder(tmp_path)
    stat = Path.stat

    def other_device(path: Path, **options: bool) -> os.stat_result:
        values = list(stat(path, **options))
        if path == folder / "data":
            values[2] += 1  # st_dev
        return os.stat_result(values)

    monkeypatch.setattr(Path, "stat", other_device)
    staging = Layout(folder).staging
    change_files(folder, {staging / "1" / "a": folder / "data" / "a", staging / "2" / "b": folder / "data" / "b"})
    monkeypatch.undo()
    assert contents(folder) == NEW


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 1}'])
def test_a_damaged_journal_is_an_error_with_the_fix(tmp_path: Path, text: str) -> None:
    folder = staged_folder(tmp_path)
    Layout(folder).journal.write_text(text)
    with pytest.raises(DataError, match=r"ingest\.json: must be as `mtl ingest` wrote it.*remove it, then `mtl data`"):
        roll_forward(folder)
    assert contents(folder) == OLD
