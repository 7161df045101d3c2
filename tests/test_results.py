"""The results in benchmarks/results, and the pages that show them: the pages show what the commands print."""

import itertools
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from flows.studies.replay.study import stored_replay
from mtl_core.config import load_problem
from tests.pages import blocks, commands, missing_lines

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
POLICIES = ("joint", "freeze", "hold", "patient")
TABLES = {
    "comparing.md": "comparison_table.py",
    "distillation.md": "churn_table.py",
    "early-stopping.md": "stopping_table.py",
    "quality-and-speed.md": "quality_table.py",
    "quality-and-speed.md#suite": "suite_table.py",
    "relating.md": "groupings_table.py",
    "text.md": "titles_table.py",
    "tuning.md": "tuning_table.py",
}
"""Page -> the script that prints its tables from the stored results."""


def stored(name: str) -> Any:
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", TABLES)
def test_a_page_shows_the_tables_that_its_command_prints(page: str) -> None:
    script = f"benchmarks/{TABLES[page]}"
    printed = subprocess.run([sys.executable, script], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    text = (ROOT / "docs" / page.partition("#")[0]).read_text(encoding="utf-8")
    assert f"`python {script}`" in text
    rows = [line for line in printed.splitlines() if line.startswith("|")]
    assert rows
    assert [line for line in rows if line not in text.splitlines()] == []


def test_challengers_with_and_without_a_teacher_have_the_same_months_and_seeds() -> None:
    rows, provenance = stored("churn.json"), stored("churn.provenance.json")["flights"]
    assert_provenance(provenance, "python benchmarks/churn.py --months 4 9 ")
    keys = sorted((row["month"], row["seed"], row["arm"], row["task"]) for row in rows)
    tasks = load_problem(ROOT).tasks
    assert keys == sorted(itertools.product(range(4, 10), provenance["seeds"], ("labels", "champion"), tasks))


def test_every_policy_has_results_for_every_task_and_the_same_five_seeds() -> None:
    rows = stored("early_stopping.json")
    fields = {"problem", "policy", "seed", "task", "metric", "higher_is_better", "validation", "best", "test"}
    fields |= {"epochs", "seconds"}
    assert all(row.keys() == fields for row in rows)
    tasks = {(row["problem"], row["task"]) for row in rows}
    keys = sorted((row["problem"], row["task"], row["policy"], row["seed"]) for row in rows)
    expected = sorted((*task, policy, seed) for task, policy, seed in itertools.product(tasks, POLICIES, range(5)))
    assert keys == expected
    assert len({problem for problem, _ in tasks}) >= 3


def provenances() -> dict[str, dict[str, Any]]:
    """Name of the results -> problem -> provenance."""
    return {
        "early_stopping": stored("early_stopping.provenance.json"),
        "sharing": {problem: result["provenance"] for problem, result in stored("sharing.json").items()},
        "relating": {problem: result["study"]["provenance"] for problem, result in stored("relating.json").items()},
        "tuning": {problem: result["study"]["provenance"] for problem, result in stored("tuning.json").items()},
    }


@pytest.mark.parametrize("name", ["early_stopping", "sharing", "relating", "tuning"])
def test_results_have_provenance(name: str) -> None:
    for problem, record in provenances()[name].items():
        assert_provenance(record, f"python benchmarks/{name}.py --problems {problem} --seeds ")


def assert_provenance(record: dict[str, Any], command: str) -> None:
    assert record["command"].startswith(command)
    assert record["commit"]
    assert "+" not in record["commit"]
    assert record["seeds"] == list(range(len(record["seeds"])))
    assert len(record["seeds"]) >= 3
    assert record["machine"]
    assert record["versions"]["torch"]


def test_the_films_declare_the_title_that_was_best_on_validation() -> None:
    results, films = stored("titles.json"), load_problem(ROOT / "examples" / "films")
    assert_provenance(results["provenance"], "python benchmarks/titles.py --trials ")
    best = max(results["variants"], key=lambda variant: statistics.mean(variant["gains"].values()))
    assert results["variants"][results["selected"]] == best
    declared = films.model.text.model_dump() | films.features["title"].model_dump()
    assert best["options"].items() <= declared.items()


def test_every_problem_of_the_results_has_provenance() -> None:
    assert provenances()["early_stopping"].keys() == {row["problem"] for row in stored("early_stopping.json")}


def test_the_provenance_of_a_configuration_has_the_seeds_of_its_rows() -> None:
    rows, records = stored("quality.json"), stored("quality.provenance.json")
    seeds_of: dict[str, set[int]] = {}
    for row in rows:
        seeds_of.setdefault(f"{row['problem']}: {row['configuration']}", set()).add(row["seed"])
    assert seeds_of.keys() == records.keys()
    for name, seeds in seeds_of.items():
        record, problem = records[name], name.split(": ")[0]
        assert record["command"].startswith(f"python benchmarks/quality.py --problems {problem} --configurations ")
        assert "+" not in record["commit"]
        assert seeds == set(record["seeds"]) or name.endswith("LightGBM, a model per task")
    assert all(seeds_of[f"{problem}: as declared"] == set(range(5)) for problem in ("census", "flights"))


def test_the_page_of_the_replay_shows_what_its_command_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "112")
    with pytest.raises(SystemExit):
        main(["replay", "--show", "-C", str(ROOT)])
    (console,) = (block.text for block in blocks("replay.md") if block.language == "console")
    (command,) = commands(console)
    assert command.line == "mtl replay --show"
    assert missing_lines(command.shown, capsys.readouterr().out) == []
    provenance = stored_replay(ROOT)[0].provenance
    assert "+" not in provenance.commit
    assert f"`{provenance.command}`" in (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")
