"""Files that nobody would write on purpose end in predictions or in an error of ours, never in a traceback."""

from pathlib import Path

import pytest

from tests.mutated import walk

pytestmark = pytest.mark.no_cover  # other tests run the same lines

FILES = 200
"""`python benchmarks/mutated_files.py` takes thousands."""


@pytest.mark.parametrize("number", range(FILES))
def test_a_mutated_file(tmp_path: Path, number: int) -> None:
    found = walk(tmp_path / "walk", number)
    if found.command == "predict":
        assert '"predictions"' in found.words
    else:
        assert found.code >= 2, found
        assert "error: " in found.words, found
