"""The DVC remote on S3: `mtl data` fetches pinned data from it; errors name what is wrong, and no secret."""

import shutil
from pathlib import Path

import pytest

from flows.pipeline.pin import fetch, pin
from mtl_core.errors import ToolError
from tests.s3 import CREDENTIALS, S3Server


@pytest.fixture
def folder(tmp_path: Path, tools: None) -> Path:
    """A problem whose data are pinned."""
    from dvc.repo import Repo

    Repo.init(str(tmp_path), no_scm=True).close()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "part.csv").write_text("x\n1\n")
    pin(tmp_path)
    return tmp_path


def use_remote(folder: Path, url: str) -> None:
    from dvc.repo import Repo

    with Repo(str(folder)) as repo, repo.config.edit("repo") as config:
        config["remote"] = {"team": {"url": url}}
        config["core"]["remote"] = "team"


def push(folder: Path) -> None:
    from dvc.repo import Repo

    with Repo(str(folder)) as repo:
        repo.push()


def lose_data(folder: Path) -> None:
    """As in a fresh clone."""
    shutil.rmtree(folder / "data")
    shutil.rmtree(folder / ".dvc" / "cache")


def test_pinned_data_are_fetched_from_s3(folder: Path, s3: str) -> None:
    use_remote(folder, f"{s3}/dvc")
    push(folder)
    lose_data(folder)
    assert fetch(folder) == "data/ matches data.dvc: 1 files, pulled from remote team"
    assert (folder / "data" / "part.csv").read_text() == "x\n1\n"


def test_a_missing_bucket_and_wrong_credentials_are_errors_without_secrets(
    folder: Path, s3: str, s3_server: S3Server
) -> None:
    use_remote(folder, "s3://no-such-bucket/dvc")
    lose_data(folder)
    with pytest.raises(ToolError, match=r"remote team, s3://no-such-bucket/dvc: .*do not exist.*`dvc remote list`"):
        fetch(folder)
    use_remote(folder, f"{s3}/dvc")
    s3_server.check_credentials(after=0)
    try:
        with pytest.raises(ToolError, match=r"remote team, .*PermissionError.*the credentials") as error:
            fetch(folder)
    finally:
        s3_server.check_credentials(after=float("inf"))
    assert not any(value in str(error.value) for value in CREDENTIALS.values())
