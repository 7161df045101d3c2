"""The page as a whole: complete, alone, safe, the same every time."""

import re
from pathlib import Path
from typing import Any

import altair as alt
import pytest
import vl_convert
from jsonschema import Draft7Validator, ValidationError

import mtl_core.report
from flows.stages.report import run as run_stage
from mtl_core.studies.files import write_study
from tests.report import compared, test_relatedness_section, test_tuning_section
from tests.report.made import Made
from tests.report.reading import Page, read
from tests.report.story import IMAGE, SCRIPT


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
    assert sum(picture.get("role") == "img" for picture in page.named("svg")) == 9 + 8 * 2 + 3
    assert all(cell.get("scope") for cell in page.named("th"))


def test_the_stage_writes_it(changeable: Made, html: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_stage(changeable.layout.folder)
    assert changeable.layout.report.read_text(encoding="utf-8") == html
    assert "report.html" in capsys.readouterr().out


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("colour", ["ink", "muted", "accent", "good", "warn", "bad"])
def test_text_can_be_read(scheme: int, colour: str) -> None:
    # WCAG 2.2, 1.4.3: at least 4.5 to 1.
    style = (Path(mtl_core.report.__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")
    palette = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme]))
    grounds = [colour + "-bg"] if colour in ("good", "warn", "bad") else []
    for ground in ("bg", "card", *grounds):
        assert _contrast(palette[colour], palette[ground]) >= 4.5


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_every_picture_is_valid_vega_lite(changeable: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all studies. The report itself does not ask altair, which would take a third of its time."""
    layout, drawn = changeable.layout, []
    schema = Draft7Validator(alt.load_schema())
    write_study(layout.relatedness, test_relatedness_section.study())
    write_study(layout.comparison, compared.study())
    write_study(layout.tuning, test_tuning_section.searched())

    def validated(spec: dict[str, Any]) -> str:
        schema.validate(spec)
        drawn.append(spec)
        return "<svg viewBox='0 0 1 1'></svg>"

    monkeypatch.setattr(vl_convert, "vegalite_to_svg", validated)
    changeable.page()
    assert len(drawn) > 40
    with pytest.raises(ValidationError):
        validated({"mark": "bar", "encoding": {"x": {"field": 1}}})
