"""The page: contents, self-containment, escaping, determinism, contrast."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import altair as alt
import pytest
import vl_convert
from jsonschema import Draft7Validator, ValidationError

import mtl_core.report
from flows.stages.report import run as run_stage
from mtl_core.config import parse_problem
from mtl_core.studies.files import write_study
from tests.report.html_page import Page, read
from tests.report.problem import DOCUMENT, IMAGE, LONG, SCRIPT
from tests.report.run_folder import RunFolder
from tests.report.studies import comparison, relatedness, tuning

MINUS = "\N{MINUS SIGN}"
CONTENTS: dict[str, tuple[str, ...]] = {
    "": (
        "made-up",
        "5 of 8 checks passed; failed: parity on adversarial rows",
        f"warnings: {LONG}",
        "12,345",
        "0.00 MB",
    ),
    "tasks": (
        *("late binary minutes ≥ 0", f"minutes: low < {MINUS}1 ≤ {SCRIPT} < 1 ≤ {IMAGE}", f"{LONG} regression"),
        *("✓ better than the baseline", "! not significantly better than the baseline", "✕ worse than the baseline"),
        *("Absolute error: median", "alone clustering no target", "Threshold", "AUC: probability that a random"),
    ),
    "data": (
        *(
            "train 299",
            "validation 300",
            "test 300",
            "quarantined by validation 1 of 900",
            "minutes is there missing 1",
        ),
        *("{by: column, column: part", "1 categorical colour 3 values", "ghost", "train 100%", "test 0%"),
        "Vocabulary of note split texts tokens per text in the vocabulary longer than 24 tokens",
    ),
    "learning": (
        *("weights of epoch 3", f"late AUC 0.800 (epoch 2) 0.790 {MINUS}1.0 2", "Undefined on the validation split"),
        *("late temperature 1.5 0.5 0.4 0.1 0.02", "ghost identity: fewer than two classes", "0.25 to 0.5"),
        *("3 0.79 0.8 1", "distilled"),
    ),
    "test": (
        *("No labelled row in the test split.", "1 labelled row without a finite prediction"),
        *("Calibration", "Cumulative gains", "Confusion matrix", "Observed by predicted", "Residuals", "AUC per label"),
        *("Quantile coverage", "Prediction intervals", "Cluster sizes", "Confidence", "Clusters and classes"),
        *("metric test 95% interval validation baseline", "points uncalibrated"),
        *(
            "F1 per label",
            "Examples of errors Wrong borders Wrong borders, entities text true predicted probability paint",
            "not in training",
        ),
    ),
    "checks": (
        *("passed late.auc 0.9 at least 0.8", "(lower end of the paired 95% interval) 0.3 to 0.35 above 0"),
        *(f"warning {LONG}.mae over baseline", f"of the scale of {LONG} 2.0"),
        "latency of 1 row measured anew by each check at most 5 ms",
        *("failed band.log_loss over baseline", "not measured at most 0.0001", f"a note with {SCRIPT}", "size: off"),
    ),
    "versions": ("Trunkline", "Python", "torch", "onnxruntime", "learning_rate: 0.001", "policy: hold", "size_mb:"),
}


@pytest.mark.parametrize("section", CONTENTS)
def test_a_section_has_its_contents(page: Page, section: str) -> None:
    assert [text for text in CONTENTS[section] if text not in page.sections[section]] == []


def test_the_page_of_another_run(copied: RunFolder) -> None:
    """All checks passed, a failed part of the data, a single epoch, a perfect metric, joint stopping."""
    layout, problem = copied.layout, parse_problem({**DOCUMENT, "training": {"stopping": {"policy": "joint"}}})
    part = {"passed": False, "errors": [f"rows.parquet: {IMAGE}"]}
    copied.change(layout.checks, lambda checks: checks.update(checks=[c for c in checks["checks"] if c["passed"]]))
    copied.change(
        layout.validation / "result.json",
        lambda result: (result.update(passed=False), result["parts"][0].update(part)),
    )
    copied.change(layout.history, lambda history: history.update(epochs=history["epochs"][:1], chosen=1))
    copied.change(layout.evaluation, lambda evaluation: evaluation["late"]["auc"].update(value=1.0))
    page = read(replace(copied, problem=problem).page())
    for section, text in {
        "": "All 5 checks passed",
        "checks": "All 5 checks passed",
        "data": f"failed . rows.parquet: {IMAGE}",
        "learning": "late AUC 0.700 (epoch 1) 0.700 0.0 never",
        "tasks": "Possible leak: AUC 1.000. Features most related to minutes: size (AUC 0.",
    }.items():
        assert text in page.sections[section]
    assert "all tasks stop together" in page.sections["learning"]
    assert "distilled" not in page.sections["learning"]
    assert {"verdict good", "lead good"} <= set(page.attributes("class"))


def test_the_page_is_self_contained(html: str, page: Page) -> None:
    assert page.attributes("src") == page.attributes("srcset") == page.attributes("xlink:href") == []
    assert {href for href in page.attributes("href") if not href.startswith("#")} == {"data:,"}
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL) + page.attributes("style"))
    assert "url(" not in html
    assert "@import" not in style
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "embed", "img", "image", "foreignobject"}
    (policy,) = (tag["content"] for tag in page.named("meta") if "http-equiv" in tag)
    assert (policy or "").startswith("default-src 'none'")
    external = read('<p><img src="http://x/y.png"><a href="https://x">z</a></p>')
    assert (external.attributes("src"), external.attributes("href")) == (["http://x/y.png"], ["https://x"])


def test_adversarial_names_are_escaped(html: str, page: Page) -> None:
    assert SCRIPT not in html
    assert IMAGE not in html
    assert not [attribute for _, attributes in page.tags for attribute in attributes if attribute.startswith("on")]
    for section in ("data", "test"):
        assert all(name in page.sections[section] for name in (SCRIPT, IMAGE))


def test_links_have_targets_and_charts_have_labels(page: Page) -> None:
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in page.attributes("href") if href.startswith("#")} <= set(ids)
    for chart in page.named("svg"):
        assert (chart["role"], bool(chart["aria-label"])) == ("img", True)
    assert len(page.named("svg")) == 10 + 8 * 2 + 2 * 3  # learning curves; plots per task, three for two of them
    assert all(cell.get("scope") for cell in page.named("th"))


def test_the_stage_writes_the_same_bytes(copied: RunFolder, html: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_stage(copied.layout.folder)
    assert copied.layout.report.read_text(encoding="utf-8") == html
    assert "report.html" in capsys.readouterr().out


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_enough_contrast(scheme: int) -> None:
    # WCAG 2.2, 1.4.3: at least 4.5 to 1.
    style = (Path(mtl_core.report.__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")
    palette = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme]))
    for colour in ("ink", "muted", "accent", "good", "warn", "bad"):
        for ground in ("bg", "card", *([f"{colour}-bg"] if f"{colour}-bg" in palette else [])):
            dark, light = sorted(map(_luminance, (palette[colour], palette[ground])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (colour, ground)


def _luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_chart_is_valid_vega_lite(copied: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all studies. The report does not validate charts, which would take a third of its time."""
    schema, drawn = Draft7Validator(alt.load_schema()), []
    write_study(copied.layout.relatedness, relatedness())
    write_study(copied.layout.comparison, comparison())
    write_study(copied.layout.tuning, tuning())

    def validated(spec: dict[str, Any]) -> str:
        schema.validate(spec)
        drawn.append(spec)
        return "<svg viewBox='0 0 1 1'></svg>"

    monkeypatch.setattr(vl_convert, "vegalite_to_svg", validated)
    copied.page()
    assert len(drawn) == 32 + 3 + 6 + 7  # the page, relatedness, comparison, tuning
    with pytest.raises(ValidationError):
        validated({"mark": "bar", "encoding": {"x": {"field": 1}}})
