"""Ingest into pinned data: each outcome is defined, and data/ and data.dvc change together."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.ingest import ingest as module
from flows.ingest.ingest import ingest_files
from flows.ingest.result import IngestResult
from flows.layout import Layout
from flows.pipeline.graph import open_repository
from flows.pipeline.pin import fetch, pin, push
from flows.running import exclusive_run
from mtl_core.errors import DataError, RunInProgress, ToolError
from mtl_core.locks import exclusive_lock
from tests.ingest.conftest import lines, state, write

pytestmark = pytest.mark.usefixtures("without_suite")
CLEAN = "data/ matches data.dvc"


def ingest(folder: Path, *parts: Path, updates: tuple[Path, ...] = (), **options: Any) -> IngestResult:
    with exclusive_run(folder):
        return ingest_files(folder, parts, updates, **options)


def outcomes(result: IngestResult) -> list[tuple[str, str]]:
    return [(part.outcome, part.name) for part in result.parts]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Labels for rows of January and March."""
    return write(tmp_path / "new" / "labels.csv", ["order,late", "1-0,1", "3-7,0", "9-9,1"])


def test_a_new_part_is_added_and_pinned_as_dvc_would(orders: Path, april: Path) -> None:
    result = ingest(orders, april)
    assert outcomes(result) == [("added", "2024-04.csv")]
    assert (orders / "data" / "orders" / april.name).read_bytes() == april.read_bytes()
    assert fetch(orders) == CLEAN
    written = (orders / "data.dvc").read_bytes()
    pin(orders)
    assert (orders / "data.dvc").read_bytes() == written
    assert not Layout(orders).staging.exists()


def test_every_file_has_its_own_outcome(orders: Path, april: Path, tmp_path: Path) -> None:
    again = shutil.copy(april, tmp_path / "again.csv")
    old = shutil.copy(orders / "data" / "orders" / "2024-01.csv", tmp_path / "2024-01.csv")
    other = write(tmp_path / "2024-02.csv", lines(5))
    cut = tmp_path / "cut.csv"
    cut.write_bytes(april.read_bytes()[:-1])
    same_name = write(tmp_path / "2024-04.csv", lines(5))
    result = ingest(orders, april, Path(again), Path(old), other, cut, same_name)
    assert outcomes(result) == [
        ("added", "2024-04.csv"),
        ("present", "2024-04.csv"),
        ("present", "2024-01.csv"),
        ("refused", "2024-02.csv"),
        ("refused", "cut.csv"),
        ("refused", "2024-04.csv"),
    ]
    messages = [part.message for part in result.parts]
    assert messages[3].startswith(f"{other}: ")
    assert "use --replace to replace that part" in messages[3]
    assert messages[4].startswith(f"{cut}: its last line must end")
    assert "distinct names" in messages[5]
    assert result.changed_parts == ("2024-04.csv",)
    assert fetch(orders) == CLEAN


def test_a_second_export_of_a_part_is_refused(orders: Path, tmp_path: Path) -> None:
    """The same rows in other bytes and under another name would count twice."""
    before = state(orders)
    present = (orders / "data" / "orders" / "2024-01.csv").read_text(encoding="utf-8")
    export = tmp_path / "export of january.csv"
    export.write_text(present.replace("east", '"east"'), encoding="utf-8")
    (refused,) = ingest(orders, export).parts
    assert refused.outcome == "refused"
    assert refused.message.startswith(
        f"{export}: must have new rows, found exactly those of the present part 2024-01.csv"
    )
    assert state(orders) == before
    export.write_text(present.replace("east", '"east"').replace("1-0,", "1-100,"), encoding="utf-8")
    assert outcomes(ingest(orders, export)) == [("added", export.name)]


def test_the_same_part_again_changes_nothing(orders: Path, tmp_path: Path) -> None:
    before = state(orders)
    again = shutil.copy(orders / "data" / "orders" / "2024-01.csv", tmp_path / "renamed.csv")
    assert outcomes(ingest(orders, Path(again))) == [("present", "2024-01.csv")]
    assert state(orders) == before


def test_a_part_is_replaced_only_on_request(orders: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "2024-02.csv", lines(2, rows=28))
    assert outcomes(ingest(orders, other, replace_parts=True)) == [("replaced", "2024-02.csv")]
    assert (orders / "data" / "orders" / "2024-02.csv").read_bytes() == other.read_bytes()
    assert fetch(orders) == CLEAN


def test_the_bytes_of_a_replaced_part_may_come_back_under_another_name(orders: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copy(orders / "data" / "orders" / "2024-02.csv", tmp_path / "moved.csv"))
    other = write(tmp_path / "2024-02.csv", lines(9, rows=28))
    result = ingest(orders, other, moved, replace_parts=True)
    assert outcomes(result) == [("replaced", "2024-02.csv"), ("added", "moved.csv")]


def test_labels_are_written_into_several_parts(orders: Path, labels: Path) -> None:
    (update,) = ingest(orders, updates=(labels,)).updates
    assert (update.outcome, update.filled, update.unknown) == ("updated", 2, 1)
    assert update.parts == ("2024-01.csv", "2024-03.csv")
    assert update.message == "unknown keys, such as 9-9"
    assert (orders / "data" / "orders" / "2024-01.csv").read_text().splitlines()[1] == lines(1)[1].replace(",,", ",1,")
    assert fetch(orders) == CLEAN
    before = state(orders)
    (update,) = ingest(orders, updates=(labels,)).updates
    assert (update.outcome, update.unchanged) == ("unchanged", 2)
    assert state(orders) == before


def test_labels_of_a_part_that_arrives_with_them_are_found(orders: Path, april: Path, tmp_path: Path) -> None:
    labels = write(tmp_path / "labels.csv", ["order,late", "4-0,1"])
    (update,) = ingest(orders, april, updates=(labels,)).updates
    assert update.parts == (april.name,)
    assert fetch(orders) == CLEAN


class Killed(BaseException):
    """End of the process."""


@pytest.mark.parametrize("step", range(7))
def test_a_crash_leaves_the_old_data_or_the_new(
    orders: Path, april: Path, labels: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Before each rename of a part, of data.dvc and of the journal, for a new part and for labels of two parts."""
    old = state(orders)
    replace, left = Path.replace, step

    def killed(path: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(Killed):
        ingest(orders, april, updates=(labels,))
    monkeypatch.undo()
    with exclusive_run(orders):
        after = state(orders)
    assert CLEAN in fetch(orders)
    names = {name for name in after if after[name] != old.get(name)}
    added, updated = {"data.dvc", "data/orders/2024-04.csv"}, {"data/orders/2024-01.csv", "data/orders/2024-03.csv"}
    assert names == (set() if step == 0 else added if step < 4 else added | updated)
    assert not Layout(orders).journal.exists()
    assert not Layout(orders).staging.exists()


def test_two_ingests_at_once_are_refused(orders: Path, april: Path) -> None:
    before = state(orders)
    with (
        exclusive_lock(Layout(orders).run_lock, lambda _: pytest.fail("free"), key="another process"),
        pytest.raises(RunInProgress, match="only one command may use a problem"),
    ):
        ingest(orders, april)
    assert state(orders) == before


def test_a_dvc_command_that_reads_the_data_is_not_disturbed(
    orders: Path, april: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dvc repro` hashes a dependency after its stage, when no stage holds our locks."""
    from dvc.rwlock import rwlock

    before = state(orders)
    with open_repository(orders) as repo:
        tmp_dir, fs = repo.tmp_dir, repo.fs
    with (
        rwlock(tmp_dir, fs, "dvc repro", [str(orders / "data")], [], False),
        pytest.raises(RunInProgress, match="busy"),
    ):
        ingest(orders, april)
    assert state(orders) == before
    assert not Layout(orders).staging.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda folder: (folder / "data.dvc").unlink(), r"found no such file; run `dvc add data`"),
        pytest.param(
            lambda folder: write(folder / "data" / "orders" / "own.csv", lines(5)), "not pinned: orders/own.csv"
        ),
        pytest.param(
            lambda folder: edit(folder, "data/orders", "data/orders/2024-01.csv"),
            "must be a folder of part files to add parts, found the file",
        ),
        pytest.param(lambda folder: edit(folder, "data/orders", "gx"), "data.path: must be below data/"),
    ],
    ids=["no pin", "data that differ", "a single file", "not pinned by it"],
)
def test_data_that_cannot_take_a_part_are_an_error(
    orders: Path, april: Path, change: Callable[[Path], object], message: str
) -> None:
    change(orders)
    before = state(orders) if (orders / "data.dvc").exists() else {}
    with pytest.raises(DataError, match=message):
        ingest(orders, april)
    assert not before or state(orders) == before


def edit(folder: Path, old: str, new: str) -> None:
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace(old, new))


def test_labels_in_tagged_text_are_refused_by_name(orders: Path, labels: Path) -> None:
    edit(orders, "path: data/orders", "format: conll, path: data/orders")
    (update,) = ingest(orders, updates=(labels,)).updates
    assert update.outcome == "refused"
    assert "data.format: conll; replace the part" in update.message


def test_labels_that_cannot_be_stored_change_no_part(
    orders: Path, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(orders)

    def fail(*_: object) -> None:
        raise DataError("no")

    monkeypatch.setattr(module, "rewrite", fail)
    (update,) = ingest(orders, updates=(labels,)).updates
    assert (update.outcome, update.message) == ("refused", "no")
    assert state(orders) == before


def test_a_failed_push_is_repeated_by_the_next_one(orders: Path, april: Path, tmp_path: Path) -> None:
    assert push(orders) == ""
    remote = write(tmp_path / "remote", ["no folder"])
    with open_repository(orders) as repo, repo.config.edit("repo") as config:
        config["remote"] = {"here": {"url": str(remote)}}
        config["core"]["remote"] = "here"
    ingest(orders, april)
    with pytest.raises(ToolError, match="remote here: must take the data, found"):
        push(orders)
    assert fetch(orders) == CLEAN
    remote.unlink()
    assert push(orders) == "pushed 5 files to remote here"
    assert push(orders) == "remote here has all files"
