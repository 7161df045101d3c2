"""Types hold. A test, so that it runs beside the others: mypy takes a minute of one core."""

import subprocess
import sys
from pathlib import Path


def test_mypy_finds_nothing() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
