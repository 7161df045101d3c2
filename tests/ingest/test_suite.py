"""The suite decides as the stage `validate` does: rows are reported and quarantined, or the part is refused."""

import json
from pathlib import Path

import pytest

from flows.cli import main
from flows.ingest.ingest import ingest_files
from flows.running import exclusive_run
from mtl_core.config import load_problem
from mtl_core.errors import DataError
from mtl_core.validation.suite import suite_path
from mtl_core.validation.validate import validate
from tests.ingest.conftest import lines, state, write


def mtl(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def with_negative_amounts(month: int, rows: int) -> list[str]:
    """The lines of a month, of which the first rows have an amount that the suite does not expect."""
    content = lines(month)
    for row in range(1, rows + 1):
        cells = content[row].rsplit(",", 3)
        content[row] = ",".join([cells[0], "-5", *cells[2:]])
    return content


def test_bad_rows_are_reported_up_to_the_limit_and_quarantined_by_the_stage(
    orders: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two of 56 rows are less than the limit of 5 %, three are more."""
    path = suite_path(orders, load_problem(orders))
    document = json.loads(path.read_text())
    document["expectations"] = [
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "min_value": 0}}
    ]
    path.write_text(json.dumps(document))
    few = write(tmp_path / "few.csv", with_negative_amounts(4, 2))
    many = write(tmp_path / "many.csv", with_negative_amounts(5, 3))
    labels = write(tmp_path / "labels.csv", ["order,late", "4-0,1", "9-9,0"])

    arguments = ("ingest", str(few), str(many), "--update", str(labels), "-C", str(orders))
    assert mtl(*arguments, "--json") == DataError.exit_code
    result = json.loads(capfd.readouterr().out)
    added, refused = result["parts"]
    assert (added["outcome"], added["rows"], added["quarantined"]) == ("added", 56, 2)
    (reason,) = added["reasons"]
    assert reason.startswith("amount: expect_column_values_to_be_between(min_value=0): 2 of 56 rows break it")
    assert refused["outcome"] == "refused"
    assert "at most 5.000% of the rows of a part may be quarantined, found 3 of 56" in refused["message"]
    assert result["updates"][0]["filled"] == 1

    assert mtl(*arguments) == DataError.exit_code
    printed = capfd.readouterr().out
    assert "already there as few.csv" not in printed  # labels were written into it
    assert "nothing added: the data are unchanged" in printed

    validation = validate(orders, load_problem(orders), tmp_path / "validation")
    assert validation.passed
    assert [(part.part, part.quarantined) for part in validation.parts if part.quarantined] == [("few.csv", 2)]


def test_labels_that_break_the_suite_are_refused(orders: Path, tmp_path: Path) -> None:
    labels = write(tmp_path / "labels.csv", ["order,grade", *(f"1-{row},unheard of" for row in range(40))])
    before = state(orders)
    with exclusive_run(orders):
        (update,) = ingest_files(orders, (), (labels,)).updates
    assert update.outcome == "refused"
    assert "2024-01.csv" in update.message
    assert state(orders) == before


@pytest.mark.parametrize("arguments", [(), ("a.csv", "--inbox"), ("--inbox", "--replace")])
def test_arguments_that_do_not_go_together_are_refused(orders: Path, arguments: tuple[str, ...]) -> None:
    assert mtl("ingest", "-C", str(orders), *arguments) == 2
