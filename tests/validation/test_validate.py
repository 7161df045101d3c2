"""All parts of a problem, through the stage: what it writes and says, where all pass and where two fail."""

import json
import re
from pathlib import Path
from shutil import copytree
from typing import Any

import great_expectations as gx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.stages.validate import run
from mtl_core.errors import ValidationFailed
from mtl_core.validation.suite import suite_path
from mtl_core.validation.validate import validate
from tests.validation.conftest import DECLARED, ROWS, change, problem, set_column, table, write_part
from tests.validation.judging import BAD

WRITTEN = Path("artifacts", "validation")


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def failed(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder whose two parts fail in the stage, and the message of its error."""
    folder = copytree(reference, tmp_path_factory.mktemp("failed") / "orders")
    (folder / "params.yaml").write_text(json.dumps(DECLARED))
    write_part(folder, "2024-02.parquet", change("shop", dict.fromkeys(range(30), "moon"))(table(2)))
    far = change("amount", {row: 10**6 + row for row in range(9)})(table(3))
    write_part(folder, BAD, set_column(far, "days", pa.array([None] * ROWS, pa.int64())))
    with pytest.raises(ValidationFailed) as error:
        run(folder)
    return folder, str(error.value)


def test_parts_like_the_reference_pass(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "params.yaml").write_text(json.dumps(DECLARED))
    run(folder)
    assert (
        "2 parts, 200 rows, 0 set aside; Data Docs: artifacts/validation/data_docs/index.html"
        in capsys.readouterr().out
    )
    written = pq.read_table(folder / WRITTEN / "quarantine.parquet")
    assert written.num_rows == 0
    assert written.schema.names == ["part", "row", "column", "expectation", "value"]
    document = json.loads((folder / WRITTEN / "result.json").read_text())
    assert (document["passed"], document["rows"], document["set_aside"]) == (True, 2 * ROWS, 0)
    assert [part["part"] for part in document["parts"]] == ["2024-02.parquet", BAD]
    order = [one["type"] for one in json.loads(suite_path(folder, problem()).read_text())["expectations"]]
    assert [one["type"] for one in document["parts"][0]["expectations"]] == order


def test_what_fails_is_named_all_at_once(failed: tuple[Path, str]) -> None:
    lines = failed[1].splitlines()
    assert lines[0] == "2 of 2 parts of 'orders' break their expectations:"
    assert re.search(
        r"2024-02.parquet: shop: expect_column_values_to_be_in_set.*30 of 100 rows.*such as moon", lines[1]
    )
    assert re.search(r"2024-03.parquet: days: expect_column_values_to_not_be_null.*91 of 91 rows", lines[2])
    amount = (
        r"2024-03.parquet: amount: expect_column_values_to_be_between.* 9 of 100 rows break it \(9.000%\), such as "
    )
    assert re.search(amount + r"1000000.0, 1000001.0, 1000002.0", lines[3])
    assert "9 of 100 rows would be set aside (9.000%), at most 5.000% may be" in lines[4]
    assert "edit gx/expectations/orders.json, or raise data.quarantine (0.05)" in lines[5]
    assert "look at artifacts/validation/data_docs/index.html" in " ".join(lines[5:])


def test_a_failure_leaves_everything_written(failed: tuple[Path, str]) -> None:
    out = failed[0] / WRITTEN
    assert json.loads((out / "result.json").read_text())["passed"] is False
    rows = pq.read_table(out / "quarantine.parquet").to_pylist()
    assert [(row["part"], row["row"], row["column"], row["value"]) for row in rows] == [
        (BAD, place, "amount", str(10**6 + place)) for place in range(9)
    ]


def test_the_same_data_give_the_same_files_and_the_suite_stays(reference: Path, failed: tuple[Path, str]) -> None:
    folder, _ = failed
    seen = []

    def progress(sources: Any) -> Any:
        for source in sources:
            seen.append(source.name)
            yield source

    result = validate(folder, problem(), folder / "again", progress=progress)
    assert seen == ["2024-02.parquet", BAD]
    assert (result.passed, result.rows, result.set_aside) == (False, 2 * ROWS, 9)
    assert files(folder / "again") == files(folder / WRITTEN)
    assert files(folder / "gx") == files(reference / "gx")


def test_data_docs_need_no_network_and_link_to_what_is_there(failed: tuple[Path, str]) -> None:
    docs = failed[0] / WRITTEN / "data_docs"
    assert {page.name for page in docs.iterdir()} == {
        "index.html",
        "suite.html",
        *(f"part-2024-0{month}.parquet.html" for month in (2, 3)),
    }
    for page in docs.iterdir():
        text = page.read_text()
        assert not re.search(r'<(script|img|iframe)\b|<link\b|src="|url\(|@import', text)
        for link in re.findall(r'href="([^"#]+)"', text):
            assert (docs / link).exists(), (page.name, link)
    assert "9 of 100 rows would be set aside" in (docs / "index.html").read_text()
    assert "1970" not in (docs / f"part-{BAD}.html").read_text()


def test_a_project_of_great_expectations_reads_the_suite(folder: Path) -> None:
    context = gx.get_context(mode="file", project_root_dir=folder)
    suite = context.suites.get("orders")
    assert suite.expectations[1].max_value == 2 * ROWS
