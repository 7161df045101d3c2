"""Prefect artifacts of a run: their keys, and what Prefect's pages show."""

import base64
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from prefect.client.orchestration import get_client

from flows.layout import Layout
from flows.retrain.artifacts.key import artifact_key
from flows.retrain.artifacts.links import links
from flows.retrain.artifacts.markdown import code, escape, table
from flows.retrain.artifacts.validation import MAX_ROWS, validation_summary
from mtl_core.validation.results import QUARANTINE_SCHEMA, PartValidation, QuarantineReason, write_quarantine
from tests.flows.conftest import Whole, mtl

KINDS = ("validation", "learning-curves", "gates", "metrics", "comparison", "links")


def artifacts(problem: str) -> dict[str, str]:
    """Key -> data of the latest artifact."""
    with get_client(sync_client=True) as client:
        found = sorted(client.read_artifacts(), key=lambda artifact: artifact.created)
    return {a.key: a.data for a in found if a.key and a.key.startswith(f"{problem}-")}


def test_a_run_has_an_artifact_of_every_kind(whole: Whole) -> None:
    data = artifacts("tiny")
    assert set(data) == {f"tiny-{kind}" for kind in KINDS}
    assert {row["task"] for row in json.loads(data["tiny-metrics"])} == {"churned", "spend", "tier"}
    assert "600 rows, 0 quarantined" in data["tiny-validation"]
    charts = re.findall(r"!\[[^]]*\]\(data:image/svg\+xml;base64,([^)]*)\)", data["tiny-learning-curves"])
    assert len(charts) == 3
    assert all(base64.b64decode(chart).startswith(b"<svg xmlns=") for chart in charts)
    assert f"Model version: {escape('tiny:')}" in data["tiny-links"]


def test_a_run_that_fails_has_the_artifacts_of_its_stages(whole: Whole, copied: Path) -> None:
    (part,) = (copied / "data").iterdir()
    part.write_text(part.read_text(encoding="utf-8").replace(",pro,", ",unknown,"), encoding="utf-8")
    assert mtl(copied, "retrain") == 3
    data = artifacts("tiny")
    assert "**failed**" in data["tiny-validation"]
    assert "### Errors" in data["tiny-validation"]


def test_keys_are_valid_and_distinct() -> None:
    names = ["flights", "Flights", "flights 2", "flights-2", "größe", "gröse", "价格", "--", "a_b", "a-b"]
    keys = [artifact_key(name, "gates") for name in names]
    assert len(set(keys)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key) for key in keys)
    assert keys[0] == "flights-gates"


def test_names_have_no_effect_as_markdown_or_html() -> None:
    """Backslashes and the entities of HTML itself: the only escapes that both of Prefect's pages know."""
    text = table(("name",), [["a|b"], ["<img src=x>&"], ["[x](http://y) `*_"], ["two\nlines"], ["a\\b-c"]])
    assert text.splitlines() == [
        *("| name |", "| --- |", r"| a\|b |", "| &lt;img src=x&gt;&amp; |", r"| \[x\](http://y) \`\*\_ |"),
        *("| two lines |", r"| a\\b-c |"),
    ]
    assert (code("a b"), code("a `` b")) == ("`a b`", "``` a `` b ```")


def test_the_validation_summary_lists_reasons_and_failed_parts_first(tmp_path: Path) -> None:
    reasons = tuple(QuarantineReason(row=row, column="age", expectation="0 to 120", value="999") for row in range(3))
    rare = QuarantineReason(row=3, column="plan", expectation="in a set", value="x")
    many = [PartValidation(part=f"part-{n}", rows=10, limit=0.5, results=()) for n in range(60)]
    last = PartValidation(part="bad", rows=10, limit=0.5, results=(), reasons=(*reasons, rare), data_errors=("wrong",))
    write_quarantine(tmp_path / "q.parquet", [*many, last])
    assert pq.read_schema(tmp_path / "q.parquet") == QUARANTINE_SCHEMA
    result = {"passed": False, "limit": 0.5, "rows": 610, "quarantined": 4}
    text = validation_summary(
        result | {"parts": [part.to_document() for part in (*many, last)]}, tmp_path / "q.parquet"
    )
    lines = text.splitlines()
    assert lines[0] == "61 parts **failed**: 610 rows, 4 quarantined (limit per part: 50.000%)"
    assert lines[4] == "| bad | 10 | 4 | failed |"
    assert f"and {61 - MAX_ROWS} more" in lines
    assert lines.index("| age | 0 to 120 | 3 |") < lines.index("| plan | in a set | 1 |")
    assert lines[-1] == "- bad: wrong"


def test_links_are_paths_or_addresses_below_the_configured_one(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    report = Layout(whole.folder).report
    local = links(whole.folder, "tiny:1", whole.folder)
    assert code(report) in local
    assert "](" not in local
    monkeypatch.setenv("TRUNKLINE_ARTIFACTS_URL", "https://files.example.org/tiny/")
    served = links(whole.folder, "tiny:1", whole.folder)
    assert "](<https://files.example.org/tiny/report.html>)" in served
    assert "](<https://files.example.org/tiny/validation/data_docs/index.html>)" in served
