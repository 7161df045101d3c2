"""Files that nobody would write on purpose end in predictions or in an error of ours, never in a traceback."""

from pathlib import Path

import pytest

from tests.mutated import walk

pytestmark = pytest.mark.no_cover  # other tests run the same lines

FILES, TRAINED = 200, 5
"""Each fifth of them is trained on, exported and served; benchmarks/mutated_files.py does it with thousands."""


@pytest.mark.parametrize("number", range(FILES))
def test_a_mutated_file(tmp_path: Path, number: int) -> None:
    found = walk(tmp_path / "walk", number, trained=number % TRAINED == 0)
    if found.command == "predict":
        assert '"predictions"' in found.words
    elif found.command == "read":
        assert number % TRAINED
    else:
        assert found.code >= 2, found
        assert "error: " in found.words, found
