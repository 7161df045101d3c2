"""The results that benchmarks/ keeps, and the pages that show them: the pages show what the commands print."""

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
POLICIES = ("joint", "freeze", "resume", "hold", "single_task", "patient")
TABLES = {"early-stopping.md": "stopping_table.py"}
"""Page -> the script that prints its tables from the kept results."""


def kept(name: str) -> Any:
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", TABLES)
def test_a_page_shows_the_tables_that_its_command_prints(page: str) -> None:
    script = f"benchmarks/{TABLES[page]}"
    printed = subprocess.run([sys.executable, script], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    words = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert f"`python {script}`" in words
    rows = [line for line in printed.splitlines() if line.startswith("|")]
    assert rows
    assert [line for line in rows if line not in words.splitlines()] == []


def test_every_policy_was_run_on_every_task_with_the_same_five_seeds() -> None:
    rows = kept("early_stopping.json")
    fields = {"problem", "policy", "seed", "task", "metric", "value", "epochs", "seconds"}
    assert all(row.keys() == fields for row in rows)
    tasks = {(row["problem"], row["task"]) for row in rows}
    found = sorted((row["problem"], row["task"], row["policy"], row["seed"]) for row in rows)
    expected = sorted((*task, policy, seed) for task, policy, seed in itertools.product(tasks, POLICIES, range(5)))
    assert found == expected
    assert len({problem for problem, _ in tasks}) >= 3


def test_how_the_results_were_made_stands_beside_them() -> None:
    rows, made = kept("early_stopping.json"), kept("early_stopping.made.json")
    assert made.keys() == {row["problem"] for row in rows}
    for problem, record in made.items():
        assert record["command"].startswith("python benchmarks/early_stopping.py")
        assert problem in record["command"]
        assert record["commit"]
        assert "+" not in record["commit"]
        assert record["seeds"] == [0, 1, 2, 3, 4]
        assert record["machine"]
        assert record["versions"]["torch"]
