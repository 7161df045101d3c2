"""Validation of all parts, in the stage: files and messages where all parts pass, and where two fail."""

import html
import json
import re
from datetime import date
from pathlib import Path
from shutil import copytree
from typing import Any

import great_expectations as gx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.stages.validate import run
from mtl_core.data.prepare import prepare
from mtl_core.data.windows import SPLIT, SplitSummary
from mtl_core.errors import ValidationFailed
from mtl_core.validation.preflight import check_data
from mtl_core.validation.results import QUARANTINE_SCHEMA
from mtl_core.validation.suite import suite_path
from mtl_core.validation.validate import validate
from tests.validation.conftest import CHANGED, DECLARED, ROWS, changed, edit, problem, table, write_part

OUTPUT = Path("artifacts", "validation")


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def failed(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder whose two parts fail in the stage, and the message of its error."""
    folder = copytree(reference, tmp_path_factory.mktemp("failed") / "orders")
    (folder / "params.yaml").write_text(json.dumps(DECLARED))
    write_part(folder, "2024-02.parquet", changed(table(2), shop=dict.fromkeys(range(30), "moon")))
    amounts = {row: 10**6 + row for row in range(9)}
    write_part(folder, CHANGED, changed(table(3), amount=amounts, days=pa.nulls(ROWS, pa.int64())))
    with pytest.raises(ValidationFailed) as error:
        run(folder)
    return folder, str(error.value)


def test_the_reference_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "params.yaml").write_text(json.dumps(DECLARED))
    run(folder)
    out = capsys.readouterr().out
    assert "2 parts, 200 rows, 0 quarantined; Data Docs: artifacts/validation/data_docs/index.html" in out
    quarantine = pq.read_table(folder / OUTPUT / "quarantine.parquet")
    assert (quarantine.num_rows, quarantine.schema) == (0, QUARANTINE_SCHEMA)
    document = json.loads((folder / OUTPUT / "result.json").read_text())
    assert (document["passed"], document["rows"], document["quarantined"]) == (True, 2 * ROWS, 0)
    assert [part["part"] for part in document["parts"]] == ["2024-02.parquet", CHANGED]
    order = [entry["type"] for entry in json.loads(suite_path(folder, problem()).read_text())["expectations"]]
    assert [entry["type"] for entry in document["parts"][0]["expectations"]] == order


def test_all_errors_are_listed_at_once(failed: tuple[Path, str]) -> None:
    message = failed[1].splitlines()
    for line, pattern in zip(
        message,
        [
            r"2 of 2 parts of 'orders'",
            r"2024-02.parquet: shop: expect_column_values_to_be_in_set.*30 of 100 rows.*such as moon",
            r"2024-03.parquet: days: expect_column_values_to_not_be_null.*91 of 91 rows",
            r"2024-03.parquet: amount: .* 9 of 100 rows .*9.000%.* 1000000.0, 1000001.0, 1000002.0",
            r"2024-03.parquet: data.quarantine: at most 5.000% .*, found 9 of 100 \(9.000%\)",
            r"edit gx/expectations/orders.json, or raise data.quarantine \(0.05\)",
            r"artifacts/validation/data_docs/index.html",
        ],
        strict=True,
    ):
        assert re.search(pattern, line)


def test_a_failed_validation_writes_all_files(failed: tuple[Path, str]) -> None:
    out = failed[0] / OUTPUT
    assert json.loads((out / "result.json").read_text())["passed"] is False
    rows = pq.read_table(out / "quarantine.parquet").to_pylist()
    assert [(row["part"], row["row"], row["column"], row["value"]) for row in rows] == [
        (CHANGED, row, "amount", str(10**6 + row)) for row in range(9)
    ]


def test_the_same_data_give_the_same_files_and_the_suite_is_unchanged(
    reference: Path, failed: tuple[Path, str]
) -> None:
    folder, _ = failed
    names = []

    def progress(sources: Any) -> Any:
        for source in sources:
            names.append(source.name)
            yield source

    result = validate(folder, problem(), folder / "again", progress=progress)
    assert names == ["2024-02.parquet", CHANGED]
    assert (result.passed, result.rows, result.quarantined) == (False, 2 * ROWS, 9)
    assert files(folder / "again") == files(folder / OUTPUT)
    assert files(folder / "gx") == files(reference / "gx")


def test_data_docs_need_no_network_and_have_no_broken_link(failed: tuple[Path, str]) -> None:
    docs = failed[0] / OUTPUT / "data_docs"
    parts = {f"part-2024-0{month}.parquet.html" for month in (2, 3)}
    assert {page.name for page in docs.iterdir()} == {"index.html", "suite.html", *parts}
    for page in docs.iterdir():
        text = page.read_text()
        assert not re.search(r'<(script|img|iframe)\b|<link\b|src="|url\(|@import', text)
        for link in re.findall(r'href="([^"#]+)"', text):
            assert (docs / link).exists(), (page.name, link)
        ids = re.findall(r'id="?([^" >]+)', text)
        assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids), page.name


def test_the_index_lists_all_errors_and_broken_expectations(failed: tuple[Path, str]) -> None:
    out = failed[0] / OUTPUT
    index = html.unescape((out / "data_docs" / "index.html").read_text())
    for part in json.loads((out / "result.json").read_text())["parts"]:
        broken = [entry["text"] for entry in part["expectations"] if not entry["success"]]
        assert broken
        for line in (part["part"], *part["errors"], *broken):
            assert line in index


def test_an_interrupted_validation_leaves_the_old_files(reference: Path, failed: tuple[Path, str]) -> None:
    out = failed[0] / OUTPUT
    before = files(out)

    def interrupted(sources: Any) -> Any:
        yield sources[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        validate(reference, problem(), out, progress=interrupted)
    assert files(out) == before


def test_great_expectations_reads_the_suite(folder: Path) -> None:
    context = gx.get_context(mode="file", project_root_dir=folder)
    suite = context.suites.get("orders")
    assert suite.expectations[1].max_value == 2 * ROWS


def test_the_windows_of_the_check_are_those_of_prepare(folder: Path) -> None:
    """A row of the future beyond the limits of the suite is quarantined, and the newest of the others counts."""
    limit = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "day", "max_value": "2030-01-01"}}
    edit(folder, lambda entries: entries.append(limit))
    write_part(folder, "2024-04.parquet", changed(table(4), day=[date(2099, 1, 1), *table(4)["day"].to_pylist()[1:]]))
    declared = problem(split={"by": "time", "column": "day", "validation": "1 month", "test": "1 month"})
    result = validate(folder, declared, folder / OUTPUT)
    assert (result.passed, result.quarantined) == (True, 1)
    rows = prepare(folder, declared, folder / OUTPUT / "quarantine.parquet", folder / "encoded")
    summary = SplitSummary.model_validate_json((folder / "encoded" / SPLIT).read_bytes())
    checked = check_data(folder, declared)
    assert (checked.rows, checked.windows) == (rows, summary.windows)
    assert str(summary.windows["test"]) == "from 2024-03-29 to before 2024-04-29"
