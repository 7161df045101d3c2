"""Adversarial names of columns, classes and units in every stage, page and response."""

import csv
import html
import io
import json
import random
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console
from starlette.testclient import TestClient

from flows.cli import main
from flows.console.demo import prediction_table
from flows.layout import Layout
from mtl_core.config import load_problem
from mtl_core.data.encoder import Encoder
from serving.app import build_app
from serving.live import LiveModel
from serving.store import Store
from tests.conftest import SMALL
from tests.flows.conftest import mtl

ROWS = 400
# fmt: off
NAMES = (
    "[km]", "[/bold]", ":smile:", "<zz>x</zz>", "</script><zz>", "&amp;", 'a"b', "it's", "`a`", "a,b", "a.b", "a[0]",
    "a:b", "new\nline", "tab\t", "\x1b[31m", "\u202e", "\x85", " blank ", "x" * 300, "é Größe 😀", "\\", "#", "*", "%s",
    "{x}", "$ref", "${x}", "$column", "label:churned", "label:tier=[b]", "Fare", "fare", "_lead", "-1", "123", "nan",
    "None", "true", "ids", "input", "output", "index", "__index__", "level_0", "rows", "row", "part", "name", "class",
    "column", "prediction/churned", "trunkline", "self", "epoch", "s", "mean", "spend_zz", "2024-01-01", "12:30", "1e5",
    "=1+1", "@x", "A" * 64, "[[x]]", "\N{ZERO WIDTH SPACE}", "$PARAMETER", "{{x}}", "<%x%>",
)
# fmt: on
"""Names of feature columns; numbers and text alternate."""
CLASSES = ["[b]", "x:y\n", "</script><zz>", "\x1b[31m\0", "a.b['c']", "2024-01-01", "1"]
TASKS = {
    "churned_yes": "churned [yes]",
    "label_tier": "label:tier",
    "spend_zz_2": "spend <zz>",
    "mark_a": "mark [a]",
    "mark_zz": "mark <zz>",
}
"""Name of the task that `mtl init` makes of a column -> the column."""
MARKS = ["mark [a]", "mark <zz>"]
KEY, DATE, TAGS = "key [<zz>]", "when: [at]", "tags <zz>/length"
RESERVED = ("", "trunkline/x")
UNIT = "[km]/h <zz>"


def write_table(path: Path) -> None:
    generator = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow([KEY, DATE, TAGS, *NAMES, *TASKS.values(), *RESERVED])
        for row in range(ROWS):
            size = generator.gauss(0, 1)
            tier = CLASSES[min(6, max(0, int(2 * size + 3)))]
            features = [
                generator.choice(CLASSES) if i % 2 else f"{size + generator.gauss(0, 1):.3f}" for i in range(len(NAMES))
            ]
            tags = "|".join(generator.sample(CLASSES, row % 4))
            others = f"k{row}", f"2024-{1 + row % 12:02}-{1 + row % 28:02}", tags
            targets = int(size > 0), tier, f"{3 * size:.3f}", int(size > 1), int(size < 0)
            out.writerow([*others, *features, *targets, 0.5 * row, 0.25 * row])


@pytest.fixture(scope="module")
def named(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """The problem that `mtl init` drafts, after every stage."""
    folder = tmp_path_factory.mktemp("names") / "odd"
    table = folder.with_suffix(".csv")
    write_table(table)
    assert mtl(folder, "init", str(table), *(part for column in TASKS.values() for part in ("--tasks", column))) == 0
    params = folder / "params.yaml"
    text = params.read_text(encoding="utf-8")
    marks = f"tasks:\n  marks: {{kind: multilabel, columns: {json.dumps(MARKS)}}}"
    for old, new in {**SMALL, "tasks:": marks, '"spend <zz>"': f'"spend <zz>"\n    unit: "{UNIT}"'}.items():
        assert old in text
        text = text.replace(old, new)
    params.write_text(text, encoding="utf-8")
    assert mtl(folder, "profile") == 0
    for stage in ("validate", "prepare", "train", "export", "check", "report"):
        assert mtl(folder, "stage", stage) == 0
    return Layout(folder)


def test_the_draft_has_every_column(named: Layout) -> None:
    problem = load_problem(named.folder)
    assert (problem.split.column, problem.feature_columns) == (DATE, (DATE, TAGS, *NAMES))
    assert {name: task.target for name, task in problem.tasks.items() if name != "marks"} == TASKS


def test_check_shows_every_column_escaped(named: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert mtl(named.folder, "check") == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    for name in ("[km]", "[/bold]", ":smile:", r"new\nline", r"\x1b[31m", r"\u202e", "label:churned", UNIT[:4]):
        assert name in shown


def test_names_are_escaped_for_an_ascii_log(named: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.BytesIO()
    with io.TextIOWrapper(log, encoding="ascii") as stdout, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stdout)
        assert mtl(named.folder, "check") == 0
        stdout.flush()
        assert rb"\U0001f600" in log.getvalue()


def test_every_column_is_an_input_under_its_own_name(named: Layout) -> None:
    signature = json.loads(named.signature.read_text(encoding="utf-8"))
    assert [column["name"] for column in signature["inputs"]] == [DATE, TAGS, *NAMES]
    assert {output["name"]: output.get("classes") for output in signature["outputs"]}["label_tier"] == sorted(CLASSES)


def test_pages_escape_names(named: Layout) -> None:
    report = named.report.read_text(encoding="utf-8")
    docs = [page.read_text(encoding="utf-8") for page in (named.validation / "data_docs").iterdir()]
    assert not any("<zz" in page for page in (report, *docs))
    printable = filter(str.isprintable, (*NAMES, *CLASSES, *MARKS, UNIT))
    assert not [name for name in printable if name not in html.unescape(report)]


def test_served_predictions_are_those_of_the_check(named: Layout, tmp_path: Path) -> None:
    problem, encoder = load_problem(named.folder), Encoder.load(named.encoder)
    table = pq.read_table(named.encoded / "test.parquet").slice(0, 5)
    columns = {name: kind.json(table[name].combine_chunks()) for name, kind in encoder.inputs.items()}
    rows: list[dict[str, Any]] = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    store, live = Store(tmp_path), LiveModel()
    store.promote(store.save(model=named.graph.parent, checks=named.checks))
    live.open(store.home, problem.name)
    with TestClient(build_app(live)) as client:
        answers = client.post("/predict", json=rows).json()["predictions"]
        assert all(client.get(path).status_code == 200 for path in ("/", "/model"))
    stored = pq.read_table(named.predictions).slice(0, 5)
    for name in ("churned_yes", "spend_zz_2"):
        assert [row[name] for row in answers] == pytest.approx(stored[f"prediction/{name}"].to_pylist(), rel=1e-5)
    assert set(answers[0]["label_tier"]["probabilities"]) == set(CLASSES)
    assert list(answers[0]["marks"]["probabilities"]) == MARKS
    console = Console(width=80, file=io.StringIO(), markup=False)
    targets = table.select(list(problem.targets)).to_pylist()
    console.print(
        prediction_table(problem, list(columns), [a | b for a, b in zip(rows, targets, strict=True)], answers)
    )


def test_only_the_console_without_markup_is_used() -> None:
    files = Path(main.__code__.co_filename).parent.rglob("*.py")
    opening = [file.name for file in files if "Console(" in file.read_text(encoding="utf-8")]
    assert opening == ["terminal.py"]
