# ruff: noqa: RUF001  (the page writes a true minus, times and dash)
"""The page as a whole: complete, alone, safe, the same every time."""

import re
from pathlib import Path

import pytest

import mtl_core.report
from flows.stages.report import run as run_stage
from tests.report.made import IMAGE, LONG, SCRIPT, Made
from tests.report.reading import Page, read


def test_nothing_leaves_the_page(html: str, page: Page) -> None:
    assert page.attributes("src") == page.attributes("srcset") == page.attributes("xlink:href") == []
    assert {href for href in page.attributes("href") if not href.startswith("#")} == {"data:,"}
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL) + page.attributes("style"))
    assert "url(" not in html
    assert "@import" not in style
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "embed", "img", "image", "foreignobject"}
    (policy,) = (tag["content"] for tag in page.named("meta") if "http-equiv" in tag)
    assert (policy or "").startswith("default-src 'none'")


def test_the_check_above_would_see_a_reference() -> None:
    found = read('<p><img src="http://x/y.png"><a href="https://x">z</a></p>')
    assert found.attributes("src") == ["http://x/y.png"]
    assert found.attributes("href") == ["https://x"]


def test_names_that_mean_harm_are_text(html: str, page: Page) -> None:
    assert SCRIPT not in html
    assert IMAGE not in html
    assert not [attribute for _, attributes in page.tags for attribute in attributes if attribute.startswith("on")]
    for section, names in {"data": (SCRIPT, IMAGE), "test": (SCRIPT, IMAGE), "checks": (SCRIPT,)}.items():
        for name in names:
            assert name in page.sections[section]


def test_the_same_artifacts_give_the_same_bytes(made: Made, html: str) -> None:
    assert made.page() == html


def test_references_within_the_page_have_one_place(page: Page) -> None:
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in page.attributes("href") if href.startswith("#")} <= set(ids)


def test_every_picture_says_what_it_shows(page: Page) -> None:
    for picture in page.named("svg"):
        assert picture.get("aria-hidden") == "true" or (picture["role"] == "img" and picture["aria-label"])
    assert sum(picture.get("role") == "img" for picture in page.named("svg")) == 3 + 2 * 3
    assert all(cell.get("scope") for cell in page.named("th"))


def test_the_head_says_the_verdict(page: Page) -> None:
    head = page.sections[""]
    assert "made-up" in head
    assert "1 of 7 checks failed: ghost: better than the trivial predictor" in head
    assert "12,345" in head
    assert "0.00 MB" in head


def test_all_passed_is_said_too(changeable: Made) -> None:
    def drop_last(document: dict[str, list[object]]) -> None:
        document["checks"].pop()
        document["passed"] = True  # type: ignore[assignment]

    changeable.change(changeable.layout.checks, drop_last)
    text = read(changeable.page()).sections
    assert "All 6 checks passed" in text[""]
    assert "All 6 checks passed" in text["checks"]


def test_each_task_has_its_card(page: Page) -> None:
    text = page.sections["tasks"]
    assert "late binary minutes ≥ 0" in text
    assert f"minutes: low < −1 ≤ {SCRIPT} < 1 ≤ {IMAGE}" in text
    assert f"{LONG} regression" in text
    assert "AUC, 95% interval" in text
    assert "better than trivial, beyond chance" in text
    assert "Half of all predictions are within" in text
    assert "AUC is undefined on the test split." in text


def test_the_data_are_told(page: Page) -> None:
    text = page.sections["data"]
    assert "train 299" in text  # the row that was set aside trained
    assert "validation 300" in text
    assert "test 300" in text
    assert "By the column part: 'validation' validates, 'test' tests, all else trains." in text
    assert "set aside by validation 1 of 900" in text
    assert "minutes is there missing 1" in text
    assert "1 categorical colour 3 values" in text
    assert text.endswith("test 0% –")  # ghost


def test_a_part_that_broke_its_expectations_is_told(changeable: Made) -> None:
    def fail(document: dict[str, object]) -> None:
        document["passed"] = False
        document["parts"][0] |= {"passed": False, "problems": [f"rows.parquet: {IMAGE}"]}  # type: ignore[index]

    changeable.change(changeable.layout.validation / "result.json", fail)
    text = read(changeable.page()).sections["data"]
    assert "Some parts of the data broke their expectations." in text
    assert f"rows.parquet: {IMAGE}" in text


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
    assert "ghost AUC, higher is better It was never defined" in text


def test_the_test_is_told(page: Page) -> None:
    text = page.sections["test"]
    assert "The test split has no labelled row to draw." in text
    assert "1 labelled rows have no finite prediction" in text
    assert "predicted observed 95% interval rows" in text
    assert "no interval" in text
    for title in ("Which class is taken for which?", "How far off are the predictions?", "taken at their word?"):
        assert title in text


def test_every_check_is_told(page: Page) -> None:
    text = page.sections["checks"]
    assert "passed late: AUC on the test split 0.9 at least 0.8" in text
    assert "by this much AUC, lower end of the paired 95% interval 0.3 at least 0" in text
    assert f"of the scale of {LONG} 2.0 × 10⁻⁶ at most 0.0001" in text
    assert "Time for 1 row median of one call of the graph, one thread 0.25 ms at most 5 ms" in text
    assert "passed a gate of tomorrow 1" in text
    assert "failed ghost: better than the trivial predictor" in text
    assert "not measured at least 0" in text
    assert f"a note with {SCRIPT}" in text


def test_what_made_it_is_told(page: Page) -> None:
    text = page.sections["made-with"]
    for name in ("Trunkline", "Python", "torch", "onnxruntime"):
        assert name in text
    assert "learning_rate: 0.001" in text
    assert "policy: hold" in text
    assert re.search(r"\b[0-9a-f]{64}\b", text)


def test_one_epoch_is_a_page(changeable: Made) -> None:
    def shorten(document: dict[str, object]) -> None:
        document["epochs"] = document["epochs"][:1]  # type: ignore[index]
        document["chosen"] = 1

    changeable.change(changeable.layout.history, shorten)
    text = read(changeable.page()).sections["learning"]
    assert "late AUC 0.700, epoch 1 0.700 the same never –" in text


def test_the_stage_writes_it(changeable: Made, html: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_stage(changeable.layout.folder)
    assert changeable.layout.report.read_text(encoding="utf-8") == html
    assert "report.html" in capsys.readouterr().out


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("colour", ["ink", "muted", "accent", "good", "bad"])
def test_text_can_be_read(scheme: int, colour: str) -> None:
    # WCAG 2.2, 1.4.3: at least 4.5 to 1.
    style = (Path(mtl_core.report.__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")
    palette = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme]))
    grounds = [colour + "-bg"] if colour in ("good", "bad") else []
    for ground in ("bg", "card", *grounds):
        assert _contrast(palette[colour], palette[ground]) >= 4.5


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
