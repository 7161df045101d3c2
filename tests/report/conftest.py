"""A run on disk, its page, and copies that tests may change."""

import shutil
from pathlib import Path

import pytest

from flows.layout import Layout
from mtl_core.report.run import Run
from tests.report.html_page import Page, read
from tests.report.run_folder import RunFolder, write_run


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Read only."""
    return write_run(tmp_path_factory.mktemp("run") / "problem")


@pytest.fixture
def copied(folder: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy that a test may change."""
    shutil.copytree(folder.layout.folder, tmp_path / "problem")
    return RunFolder(layout=Layout(tmp_path / "problem"), problem=folder.problem)


@pytest.fixture(scope="session")
def run(folder: RunFolder) -> Run:
    return folder.run()


@pytest.fixture(scope="session")
def html(folder: RunFolder) -> str:
    return folder.page()


@pytest.fixture(scope="session")
def page(html: str) -> Page:
    return read(html)
