# ruff: noqa: RUF001  (the page writes a true minus, times and dash)
"""What the page tells of a run, section by section."""

import re
import shutil
from typing import Any

import pytest

from flows.layout import Layout
from mtl_core.config import parse_problem
from tests.report.made import Made
from tests.report.reading import Page, read
from tests.report.story import DOCUMENT, IMAGE, LONG, SCRIPT


def test_the_head_says_the_verdict(page: Page) -> None:
    head = page.sections[""]
    assert "made-up" in head
    assert (
        "2 of 8 checks failed: The same on adversarial rows; band: better than the baseline; not shown: a_task" in head
    )
    assert "12,345" in head
    assert "0.00 MB" in head


@pytest.fixture(scope="module")
def changed(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """All checks passed, a part of the data did not; one epoch, and tasks that stop together."""
    layout = Layout(tmp_path_factory.mktemp("changed") / "problem")
    shutil.copytree(made.layout.folder, layout.folder)
    other = Made(layout=layout, problem=parse_problem({**DOCUMENT, "training": {"stopping": {"policy": "joint"}}}))

    def pass_all(document: dict[str, Any]) -> None:
        document["checks"] = [check for check in document["checks"] if check["passed"]]
        document["passed"] = True

    def fail_a_part(document: dict[str, Any]) -> None:
        document["passed"] = False
        document["parts"][0] |= {"passed": False, "errors": [f"rows.parquet: {IMAGE}"]}

    def shorten(document: dict[str, Any]) -> None:
        document["epochs"] = document["epochs"][:1]
        document["chosen"] = 1

    other.change(layout.checks, pass_all)
    other.change(layout.validation / "result.json", fail_a_part)
    other.change(layout.history, shorten)
    return read(other.page())


def test_all_passed_is_said_too(changed: Page) -> None:
    assert "All 5 checks passed" in changed.sections[""]
    assert "All 5 checks passed" in changed.sections["checks"]


def test_a_warning_is_neither_passed_nor_failed(changeable: Made) -> None:
    changeable.change(
        changeable.layout.checks,
        lambda document: document.update(
            checks=[check for check in document["checks"] if check["outcome"] != "failed"], passed=True
        ),
    )
    page = read(changeable.page())
    for section in ("", "checks"):
        assert f"5 of 6 checks passed; not shown: {LONG}: better than the baseline" in page.sections[section]
    assert {"verdict warn", "lead warn", "warning"} <= set(page.attributes("class"))
    assert not {"verdict bad", "failed"} & set(page.attributes("class"))


def test_a_part_that_broke_its_expectations_is_told(changed: Page) -> None:
    assert "Some parts of the data broke their expectations." in changed.sections["data"]
    assert f"rows.parquet: {IMAGE}" in changed.sections["data"]


def test_one_epoch_is_a_page(changed: Page) -> None:
    assert "late AUC 0.700, epoch 1 0.700 the same never –" in changed.sections["learning"]


def test_the_legend_says_what_shade_is(page: Page, changed: Page) -> None:
    assert "best epoch stopped held epoch of the model’s weights" in page.sections["learning"]
    assert "best epoch stopped epoch of the model’s weights" in changed.sections["learning"]  # together, at the end


def test_each_task_has_its_card(page: Page) -> None:
    text = page.sections["tasks"]
    assert "late binary minutes ≥ 0" in text
    assert f"minutes: low < −1 ≤ {SCRIPT} < 1 ≤ {IMAGE}" in text
    assert f"{LONG} regression" in text
    assert "AUC, 95% interval" in text
    assert "✓ better than the baseline, beyond chance" in text
    assert "! not shown to be better than the baseline" in text
    assert "✕ worse than the baseline, beyond chance" in text
    assert "Half of all predictions are within" in text
    assert "AUC is undefined on the test split." in text


def test_the_data_are_told(page: Page) -> None:
    text = page.sections["data"]
    assert "train 299" in text  # the row that was quarantined trained
    assert "validation 300" in text
    assert "test 300" in text
    assert "By the column part: 'train' or 'training' trains, 'validation' validates, 'test' tests." in text
    assert "quarantined by validation 1 of 900" in text
    assert "minutes is there missing 1" in text
    assert "1 categorical colour 3 values" in text
    assert "ghost split labelled yes train 100%" in text
    assert "test 0% – visits" in text  # of ghost
    assert "Clusters need none: they learn from every row" in text
    assert "alone" not in text  # it has no target


def test_the_learning_is_told(page: Page) -> None:
    text = page.sections["learning"]
    assert "The model takes the weights of epoch 3 for all of them." in text
    assert "late AUC 0.800, epoch 2 0.790 worse by 0.010 (1.0 s.e.) epoch 2 worse by 0.010 (1.0 s.e.)" in text
    assert f"{LONG} mean absolute error 1.00 <b>minutes</b>, epoch 3 1.00 <b>minutes</b> the same never –" in text
    assert "ghost AUC – – – epoch 4 final is from before" in text
    assert "3 0.79 0.8 1 –" in text
    labels = page.attributes("aria-label")
    assert (
        "late: AUC on validation over 4 epochs; best after epoch 2; stopped after epoch 2; held from epoch 2 to 4; "
        "the model's weights are of epoch 3"
    ) in labels
    assert "alone silhouette 0.300, epoch 4 0.200" in text
    assert "ghost AUC, higher is better It was never defined" in text
    assert "late temperature scaling 1.5 0.5 0.4 0.1 0.02 – ghost none: fewer than two classes – – – – – –" in text
    assert "tags temperature scaling 1.25 to 2 0.5 0.4 0.1 0.02 0.25 to 0.5" in text


def test_the_test_is_told(page: Page) -> None:
    text = page.sections["test"]
    assert "The test split has no labelled row to draw." in text
    assert "1 labelled rows have no finite prediction" in text
    assert "predicted observed 95% interval rows" in text
    assert "no interval" in text
    assert (
        text.count("Open points: the same before calibration on validation") == 1
    )  # of `late`, the one that it changes
    for title in ("Which class is taken for which?", "How far off are the predictions?", "taken at their word?"):
        assert title in text


def test_every_check_is_told(page: Page) -> None:
    text = page.sections["checks"]
    assert "passed late: AUC on the test split 0.9 at least 0.8" in text
    assert "by this much AUC, lower end of the paired 95% interval 0.3 to 0.35 above 0" in text
    assert f"warning {LONG}: better than the baseline" in text
    assert f"of the scale of {LONG} 2.0 × 10⁻⁶ at most 0.0001" in text
    assert "Time for 1 row median of one call of the graph, one thread 0.25 ms at most 5 ms" in text
    assert "passed a gate of tomorrow 1" in text
    assert "failed band: better than the baseline" in text
    assert "not measured at most 0.0001" in text
    assert f"a note with {SCRIPT}" in text
    assert "baseline of ghost: off (gates.baseline.ghost: ignore)" in text
    assert "size: off (gates.size_mb: null)" in text
    assert "ghost: no limit under gates.metrics; nothing about its quality is checked" in text


def test_every_form_is_told(page: Page) -> None:
    text = page.sections["test"]
    for title in (
        "AUC per label",
        "Does as much lie below a quantile as it says?",
        "How wide is the band, and does what happened fill it?",
        "How large are the clusters?",
        "How sure is a row's cluster?",
        "Do the clusters agree with the known classes?",
    ):
        assert title in text
    assert text.count("Do the clusters agree") == 2  # of `group`: the title and the table's; `alone` has no classes
    cards = page.sections["tasks"]
    assert "alone clustering no target" in cards
    assert "grade ordinal minutes: poor < −1 ≤ fair < 0 ≤" in cards
    assert "span quantiles minutes" in cards


def test_what_made_it_is_told(page: Page) -> None:
    text = page.sections["made-with"]
    for name in ("Trunkline", "Python", "torch", "onnxruntime"):
        assert name in text
    assert "learning_rate: 0.001" in text
    assert "policy: hold" in text
    assert "size_mb: worse_than_champion: 0.0" in text  # null, which is not left out
    assert re.search(r"\b[0-9a-f]{64}\b", text)
