"""A run on disk, its page, and a copy."""

import shutil
from pathlib import Path

import pytest

from flows.layout import Layout
from mtl_core.report.run import Run
from tests.report.html_page import Page, read
from tests.report.run_folder import RunFolder, write_run


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The run; tests must not change it."""
    return write_run(tmp_path_factory.mktemp("run") / "problem")


@pytest.fixture
def copied(folder: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy, which a test may change."""
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
