import shutil
from pathlib import Path

import pytest

from flows.layout import Layout
from tests.report.made import Made, make
from tests.report.reading import Page, read


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The artifacts; not to be changed."""
    return make(tmp_path_factory.mktemp("made") / "problem")


@pytest.fixture
def changeable(made: Made, tmp_path: Path) -> Made:
    """The same, to be changed."""
    shutil.copytree(made.layout.folder, tmp_path / "problem")
    return Made(layout=Layout(tmp_path / "problem"), problem=made.problem)


@pytest.fixture(scope="session")
def html(made: Made) -> str:
    return made.page()


@pytest.fixture(scope="session")
def page(html: str) -> Page:
    return read(html)
