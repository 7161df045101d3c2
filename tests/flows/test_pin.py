"""`data/` against `data.dvc`: missing files are fetched, files that differ are named and never overwritten."""

import shutil
from pathlib import Path

import pytest

from flows.pipeline.listing import folder_hash, list_files
from flows.pipeline.pin import DATA, fetch, pin
from mtl_core.errors import DataError, ToolError

FETCH = """
from pathlib import Path
for name, text in {"a.csv": "x\\n1\\n", "deep/b.csv": "x\\n2\\n"}.items():
    path = Path(__file__).parent / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
"""


@pytest.fixture
def folder(tmp_path: Path, tools: None) -> Path:
    """A problem whose data are pinned, present, and can be fetched."""
    from dvc.repo import Repo

    Repo.init(str(tmp_path), no_scm=True).close()
    (tmp_path / "fetch_data.py").write_text(FETCH)
    exec(compile(FETCH, str(tmp_path / "fetch_data.py"), "exec"), {"__file__": str(tmp_path / "fetch_data.py")})
    pin(tmp_path)
    return tmp_path


def lose_cache(folder: Path) -> None:
    """As in a fresh clone."""
    shutil.rmtree(folder / ".dvc" / "cache")


def status(folder: Path) -> object:
    from dvc.repo import Repo

    with Repo(str(folder)) as repo:
        return repo.status([str(folder / "data.dvc")])


def test_matching_data_are_not_touched(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (folder / "data").rglob("*")}
    assert fetch(folder) == "data/ matches data.dvc"
    assert {path: path.stat().st_mtime_ns for path in (folder / "data").rglob("*")} == before


@pytest.mark.parametrize("lost", ["data", "data/a.csv", "data/deep"])
@pytest.mark.parametrize("fresh", [False, True], ids=["with cache", "fresh clone"])
def test_missing_data_are_fetched(folder: Path, lost: str, fresh: bool) -> None:
    if fresh:
        lose_cache(folder)
    path = folder / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = (folder / "data.dvc").read_bytes()
    assert "written by fetch_data.py" in fetch(folder)
    assert status(folder) == {}
    assert (folder / "data.dvc").read_bytes() == before


def test_present_data_are_added_to_an_empty_cache(folder: Path) -> None:
    lose_cache(folder)
    assert "already present" in fetch(folder)
    assert status(folder) == {}


@pytest.mark.parametrize("fresh", [False, True], ids=["with cache", "fresh clone"])
def test_differences_are_named_and_not_overwritten(folder: Path, fresh: bool) -> None:
    if fresh:
        lose_cache(folder)
    (folder / "data" / "a.csv").write_text("x\n9\n")
    (folder / "data" / "new.csv").write_text("x\n")
    (folder / "data" / "deep" / "b.csv").unlink()
    with pytest.raises(DataError, match=r"missing: deep/b\.csv; not pinned: new\.csv; changed: a\.csv.*`dvc add data`"):
        fetch(folder)
    assert (folder / "data" / "a.csv").read_text() == "x\n9\n"


def test_fetched_data_that_differ_are_refused(folder: Path) -> None:
    shutil.rmtree(folder / "data")
    (folder / "fetch_data.py").write_text(FETCH.replace("x\\n2", "x\\n3"))
    with pytest.raises(DataError, match=r"changed: deep/b\.csv"):
        fetch(folder)


def test_an_outdated_list_in_the_pin_is_not_used(folder: Path) -> None:
    """`dvc add` does not update `meta`, so that its list is that of the earlier pin."""
    from dvc.repo import Repo

    (folder / "data" / "new.csv").write_text("x\n")
    with Repo(str(folder)) as repo:
        repo.add(str(folder / "data"))
    (folder / "data" / "new.csv").write_text("y\n")
    with pytest.raises(DataError, match=r"changed: new\.csv"):  # from DVC's cache
        fetch(folder)
    lose_cache(folder)
    with pytest.raises(DataError, match="list of files is not in the DVC cache"):
        fetch(folder)


def test_data_without_a_source_are_an_error(folder: Path) -> None:
    shutil.rmtree(folder / "data")
    (folder / "fetch_data.py").unlink()
    with pytest.raises(DataError, match="add a DVC remote"):
        fetch(folder)


def test_a_failing_fetch_script_is_an_error(folder: Path) -> None:
    shutil.rmtree(folder / "data")
    (folder / "fetch_data.py").write_text("raise SystemExit(5)")
    with pytest.raises(ToolError, match="code 0, found 5"):
        fetch(folder)


def test_a_default_remote_is_used_instead_of_the_script(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    from dvc.repo import Repo

    remote = tmp_path_factory.mktemp("remote")
    with Repo(str(folder)) as repo, repo.config.edit("repo") as config:
        config["remote"] = {"here": {"url": str(remote)}}
        config["core"]["remote"] = "here"
    with Repo(str(folder)) as repo:
        repo.push()
    lose_cache(folder)
    shutil.rmtree(folder / "data")
    (folder / "fetch_data.py").write_text("raise SystemExit(5)")
    assert "pulled from remote here" in fetch(folder)
    assert status(folder) == {}


def test_data_may_be_unpinned(tmp_path: Path) -> None:
    assert "no data.dvc" in fetch(tmp_path)


def test_the_digest_of_a_folder_is_that_of_dvc(folder: Path) -> None:
    text = (folder / "data.dvc").read_text()
    assert folder_hash(list_files(folder / DATA)) in text
