"""Mutated files lead to predictions or to an error of Trunkline, never to a traceback."""

from pathlib import Path

import pytest

from tests.mutated_commands import run_commands

pytestmark = pytest.mark.no_cover  # other tests run the same lines

FILES, TRAINED = 200, 13
"""Every thirteenth file is trained on, exported and served; benchmarks/mutated_files.py does it with thousands."""


@pytest.mark.parametrize("number", range(FILES))
def test_a_mutated_file(tmp_path: Path, number: int) -> None:
    result = run_commands(tmp_path / "file", number, trained=number % TRAINED == 0)
    if result.command == "predict":
        assert '"predictions"' in result.output
    elif result.command == "read":
        assert number % TRAINED
    else:
        assert result.code >= 2, result
        assert "error: " in result.output, result
