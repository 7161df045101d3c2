"""A pinned problem with three part files, and files that arrive."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from flows.ingest.arrival import Checker
from flows.pipeline.pin import pin
from mtl_core.config import load_problem
from mtl_core.data.part_files import PartFile, open_files, open_part
from mtl_core.data.parts import Part
from mtl_core.validation.profile import write_profile
from mtl_core.validation.results import PartValidation

HEADER = "order,day,shop,amount,late,grade"
ROWS = 56
SHOPS = ("east", '"a,b"')
DECLARED: dict[str, Any] = {
    "name": "orders",
    "data": {"path": "data/orders", "key": "order", "quarantine": 0.05},
    "split": {"by": "time", "column": "day", "validation": "2024-03-01", "test": "2024-03-15"},
    "features": {"shop": {"kind": "categorical"}, "amount": {"kind": "numeric"}},
    "tasks": {
        "late": {"kind": "binary", "target": "late"},
        "grade": {"kind": "multiclass", "target": "grade"},
    },
}


def lines(month: int, rows: int = ROWS) -> list[str]:
    """Header and rows of a month; every seventh row has no label `late`."""
    rows_of_text = [
        f"{month}-{row},2024-{month:02}-{1 + row % 28:02},{SHOPS[row % 2]},{month + row % 9},"
        f"{'' if row % 7 == 0 else row % 2},{'xyz'[row % 3]}"
        for row in range(rows)
    ]
    return [HEADER, *rows_of_text]


def write(path: Path, content: Sequence[str]) -> Path:
    """The lines as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in content), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def unpinned(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The problem with a suite, without DVC. Not to be changed."""
    folder = tmp_path_factory.mktemp("unpinned") / "orders"
    for month in (1, 2, 3):
        write(folder / "data" / "orders" / f"2024-{month:02}.csv", lines(month))
    YAML(typ="safe", pure=True).dump(DECLARED, folder / "params.yaml")
    write_profile(folder, load_problem(folder))
    return folder


@pytest.fixture(scope="session")
def pinned(unpinned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The problem, pinned. Not to be changed."""
    from dvc.repo import Repo

    folder = Path(shutil.copytree(unpinned, tmp_path_factory.mktemp("pinned") / "orders"))
    Repo.init(str(folder), no_scm=True).close()
    pin(folder)
    return folder


@pytest.fixture
def orders(pinned: Path, tmp_path: Path) -> Path:
    """A copy of the problem, to be changed."""
    return Path(shutil.copytree(pinned, tmp_path / "orders"))


@pytest.fixture
def april(tmp_path: Path) -> Path:
    """A new part."""
    return write(tmp_path / "new" / "2024-04.csv", lines(4))


@pytest.fixture
def without_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part passes the suite: Great Expectations takes seconds, and test_suite.py runs it."""

    def passes(_: Checker, part: Part) -> PartValidation:
        rows = sum(batch.num_rows for batch in part.batches(part.names))
        return PartValidation(part=part.name, rows=rows, limit=0.05, results=())

    monkeypatch.setattr(Checker, "validate", passes)


def present_files(folder: Path) -> list[PartFile]:
    """The part files of the problem."""
    problem = load_problem(folder)
    return open_files(folder / problem.data.path, problem.data)


def part_file(path: Path, folder: Path) -> PartFile:
    """A file, as the problem reads it."""
    return open_part(path, load_problem(folder).data.csv)


def state(folder: Path) -> dict[str, bytes]:
    """Content of data/ and data.dvc."""
    files = [folder / "data.dvc", *(path for path in (folder / "data").rglob("*") if path.is_file())]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
