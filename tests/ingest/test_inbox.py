"""The inbox: only settled files are taken, and each ends in the data or, with the reason, in refused/."""

import os
import time
from pathlib import Path

import pytest

from flows.ingest import inbox as module
from flows.ingest.inbox import clear_inbox, inbox_folder, names_of, read_inbox
from flows.ingest.result import IngestResult, LabelUpdate, PartArrival
from mtl_core.errors import DataError


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """An inbox of the problem in tmp_path, with parts and labels."""
    folder = inbox_folder(tmp_path, None)
    for name in (
        "b.csv",
        "a.csv",
        ".hidden.csv",
        "c.csv.tmp",
        "d.part",
        "e.partial",
        "updates/l.csv",
        "refused/old.csv",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    (folder / "link.csv").symlink_to(folder / "a.csv")
    os.mkfifo(folder / "pipe.csv")
    return folder


def test_settled_files_are_listed_by_name(inbox: Path) -> None:
    files = read_inbox(inbox, 0)
    assert names_of(files.parts) == ("a.csv", "b.csv")
    assert names_of(files.updates) == ("l.csv",)
    assert files.waiting == ()


def test_a_file_that_changes_is_left_there(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(_: float) -> None:
        (inbox / "a.csv").write_text("longer than before")
        (inbox / "new.csv").write_text("new")
        (inbox / "b.csv").unlink()

    monkeypatch.setattr(time, "sleep", change)
    files = read_inbox(inbox)
    assert names_of(files.parts) == ()
    assert names_of(files.waiting) == ("a.csv", "new.csv")


def test_an_empty_inbox_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "sleep", lambda _: pytest.fail("nothing to wait for"))
    assert read_inbox(inbox_folder(tmp_path, None)).versions == {}


def test_accepted_files_are_removed_and_refused_ones_get_their_reason(inbox: Path) -> None:
    files = read_inbox(inbox, 0)
    for name in ("a.csv", "l.csv"):  # refused before
        (inbox / "refused" / name).write_text("earlier")
    (inbox / "new.csv").write_text("arrived in the meantime")
    result = IngestResult(
        parts=(
            PartArrival(file=str(inbox / "a.csv"), name="a.csv", outcome="refused", message="no rows"),
            PartArrival(file=str(inbox / "b.csv"), name="b.csv", outcome="present"),
        ),
        updates=(LabelUpdate(file=str(inbox / "updates/l.csv"), outcome="refused", message="no key"),),
    )
    clear_inbox(inbox, files, result)
    assert {path.name for path in inbox.iterdir() if path.suffix == ".csv"} == {
        ".hidden.csv",
        "link.csv",
        "new.csv",
        "pipe.csv",
    }
    assert list((inbox / "updates").iterdir()) == []
    refused = {path.name: path.read_text() for path in (inbox / "refused").iterdir()}
    assert refused == {
        "old.csv": "refused/old.csv",
        "a.csv": "earlier",
        "a.2.csv": "a.csv",
        "a.2.csv.reason.txt": "no rows\n",
        "l.csv": "earlier",
        "l.2.csv": "updates/l.csv",
        "l.2.csv.reason.txt": "no key\n",
    }


def test_a_file_that_was_replaced_in_the_meantime_stays(inbox: Path) -> None:
    files = read_inbox(inbox, 0)
    (inbox / "a.csv").write_text("another version")
    clear_inbox(inbox, files, IngestResult())
    assert (inbox / "a.csv").read_text() == "another version"
    assert not (inbox / "b.csv").exists()


def test_an_inbox_is_a_folder_outside_of_the_data(tmp_path: Path) -> None:
    assert inbox_folder(tmp_path, None) == tmp_path / "inbox"
    (tmp_path / "data" / "in").mkdir(parents=True)
    with pytest.raises(DataError, match="must be outside of data/"):
        inbox_folder(tmp_path, Path("data/in"))
    with pytest.raises(DataError, match="the inbox must be a folder, found none there"):
        inbox_folder(tmp_path, Path("missing"))
