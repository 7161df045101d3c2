"""The orders of three months as part files."""

from pathlib import Path

import pytest

from tests.data.orders import month, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, a=month(1), b=month(2), c=month(3))
    return tmp_path
