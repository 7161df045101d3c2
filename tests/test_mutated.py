"""Mutated files lead to predictions or to an error of Trunkline, never to a traceback."""

from pathlib import Path

import pytest

from tests.mutated import walk

pytestmark = pytest.mark.no_cover  # other tests run the same lines

FILES, TRAINED = 200, 5
"""Every fifth file is trained on, exported and served; benchmarks/mutated_files.py does it with thousands."""


@pytest.mark.parametrize("number", range(FILES))
def test_a_mutated_file(tmp_path: Path, number: int) -> None:
    outcome = walk(tmp_path / "walk", number, trained=number % TRAINED == 0)
    if outcome.command == "predict":
        assert '"predictions"' in outcome.words
    elif outcome.command == "read":
        assert number % TRAINED
    else:
        assert outcome.code >= 2, outcome
        assert "error: " in outcome.words, outcome
