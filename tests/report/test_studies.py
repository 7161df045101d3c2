"""Sections on studies: numbers, texts, adversarial names, and incomplete studies."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from mtl_core.report.run import Run
from mtl_core.report.studies import comparison as comparison_section
from mtl_core.report.studies import relatedness as relatedness_section
from mtl_core.report.studies import replay as replay_section
from mtl_core.report.studies import tuning as tuning_section
from mtl_core.report.studies.comparison import section_of, standard_errors
from mtl_core.report.studies.relatedness import affinity_figure, vectors_figure
from mtl_core.report.studies.replay_tables import bad_promotion_lines, cost_cells, gain_text
from mtl_core.report.svg_file import svg_file
from mtl_core.report.wording import UNDEFINED, affinity_decimal_places
from mtl_core.studies.comparison.record import POLICIES, Gain
from mtl_core.studies.files import write_study
from mtl_core.studies.provenance import config_digest
from mtl_core.studies.relatedness.record import Vectors
from tests.report.html_page import Page, read
from tests.report.problem import IMAGE, LONG, SCRIPT
from tests.report.run_folder import RunFolder
from tests.report.studies import SPACE, comparison, relatedness, replay, trial, tuning

SVG = "{http://www.w3.org/2000/svg}"
MINUS, SPACED = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"


def texts(chart: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg_file(chart)).iter(f"{SVG}text")]


def test_without_studies_there_are_no_sections(run: Run, page: Page) -> None:
    for section in (relatedness_section, comparison_section, tuning_section, replay_section):
        assert section.section(run) is None
    assert not {"sharing", "relatedness", "tuning", "replay"} & set(page.attributes("id"))
    assert not {"#sharing", "#relatedness", "#tuning", "#replay"} & set(page.attributes("href"))


@pytest.mark.parametrize("current", [True, False])
def test_the_page_has_the_sections_with_their_commands(copied: RunFolder, current: bool) -> None:
    layout, digest = copied.layout, config_digest(copied.problem) if current else "another"
    write_study(layout.comparison, comparison((SCRIPT, LONG, "a & b"), digest=digest, notes=(SCRIPT,)))
    write_study(layout.relatedness, relatedness(digest=digest))
    write_study(layout.tuning, tuning(digest=digest))
    write_study(layout.replay, replay((SCRIPT, LONG), digest=digest))
    html = copied.page()
    page = read(html)
    assert SCRIPT not in html
    assert IMAGE not in html
    for name, expected in {
        "sharing": ("mtl compare --seeds 2", "sharing helps", "negative transfer", "<b>minutes", "Stopping policies"),
        "relatedness": ("mtl relate --every 7", "1,234 measurements", "Groupings", LONG),
        "tuning": ("mtl tune --trials 5", "3 complete, 1 pruned, 1 failed", "trial 4, +1.25", "undefined", "ghost"),
        "replay": ("mtl replay --from 2013-04", "every 3 months", "<b>minutes", "worse on that month", "1 of 1"),
    }.items():
        text = page.sections[name]
        assert f"#{name}" in page.attributes("href")
        assert [part for part in expected if part not in text] == []
        assert ("earlier declaration" in text) == (not current)
    assert ("dvc exp run -S " in page.sections["tuning"]) == current


def test_tables_of_a_comparison() -> None:
    section = section_of(comparison(), current=True)
    head = section["tasks"].head
    rows = {row[0]: dict(zip(head[1:8], row[1:8], strict=True)) | {"verdict": row[8]} for row in section["tasks"].rows}
    assert rows["helped"] == {
        "metric": "AUC ↑",
        "shared": f"0.805{SPACED}0.007",
        "single-task": f"0.805{SPACED}0.007",
        "trees": f"0.805{SPACED}0.007",
        "difference": "+0.020",
        "95% interval": "0.010 to 0.030",
        "relative": "+2.5%",
        "verdict": "sharing helps",
    }
    harmed = rows["harmed"]
    assert (harmed["metric"], harmed["difference"]) == ("mean absolute error (<b>minutes</b>) ↓", f"{MINUS}0.50")
    assert (harmed["relative"], harmed["verdict"]) == (f"{MINUS}6.2%", "negative transfer")
    for name in ("no single-task network", "undefined"):
        assert (rows[name]["single-task"], rows[name]["relative"]) == (UNDEFINED, UNDEFINED)
        assert rows[name]["verdict"] == "not compared"
    costs = {row[0]: row[1:] for row in section["costs"].rows}
    assert costs["parameters"] == ("10,000", "40,000", UNDEFINED, "25%")
    assert costs["size on disk"] == ("0.10 MB", "0.40 MB", "3.00 MB", "25%")
    assert section["policies"].head == ("task", "metric", *POLICIES)
    assert [name for name, _, _ in section["curves"]] == list(rows)
    label = re.search(r'aria-label="([^"]*)"', section["differences"])
    assert label is not None
    assert "harmed: negative transfer" in label[1]
    assert ">same<" in section["differences"]
    assert ">undefined<" not in section["differences"]


def test_a_comparison_without_trees_costs_policies_and_intervals() -> None:
    study = comparison(policies=False, seeds=1)
    cost = {arm: value.model_copy(update={"ms_1": None}) for arm, value in study.cost.items() if arm != "boosted"}
    tasks = {name: study.tasks[name] for name in ("no single-task network", "undefined")}
    section = section_of(study.model_copy(update={"cost": cost, "tasks": tasks}), current=True)
    assert (section["boosted"], section["curves"], section["differences"]) == (False, [], None)
    assert section["costs"].rows[2] == ("latency of 1 row", UNDEFINED, UNDEFINED, UNDEFINED)
    assert not any("±" in cell for row in section["tasks"].rows for cell in row)


@pytest.mark.parametrize(
    ("gain", "expected"),
    [
        (Gain(difference=1.96, low=0.0, high=3.92), (1.96, 0.0, 3.92)),
        (Gain(difference=-0.01, low=-0.02, high=0.0), (-1.96, -3.92, 0.0)),
        (Gain(difference=0.0, low=0.0, high=0.0), None),
        (Gain(difference=1.0, low=None, high=None), None),
        (None, None),
    ],
)
def test_differences_in_standard_errors(gain: Gain | None, expected: tuple[float, float, float] | None) -> None:
    assert standard_errors(gain) == (None if expected is None else pytest.approx(expected, rel=1e-4, abs=1e-9))


def test_figures_of_relatedness(copied: RunFolder) -> None:
    write_study(copied.layout.relatedness, relatedness())
    section = relatedness_section.section(copied.run())
    assert section is not None
    affinity, cosines, vectors = section["figures"]
    assert affinity.table.rows[0][:4] == ("late", "0.4%", "0.2%", "0.0%")
    assert cosines.table.rows[1][:4] == ("band", "0.40", UNDEFINED, "0.40")
    assert vectors.table.rows[0][:3] == ("late", UNDEFINED, "1.00")
    assert [row[0] for row in section["groupings"].rows] == ["1", "2", "3", "4", "5", "6"]
    many = relatedness([f"task {index}" for index in range(14)], vectors=False)
    write_study(copied.layout.relatedness, many)
    text = read(copied.page()).sections["relatedness"]
    assert "not exhaustive" in text
    assert "Task vectors" not in text


def test_relatedness_measured_in_training(copied: RunFolder) -> None:
    def measure(document: Any) -> None:
        document["epochs"][1]["relatedness"] = {"cosines": {"late": {LONG: 0.43}}, "affinities": {}, "measurements": 3}

    copied.change(copied.layout.history, measure)
    section = relatedness_section.section(copied.run())
    assert section is not None
    assert [figure.table.rows[0][3] for figure in section["figures"]] == ["0.43"]
    assert "mtl relate also measures" in read(copied.page()).sections["relatedness"]


@pytest.mark.parametrize("count", [2, 8, 100])
def test_a_matrix_of_few_tasks_has_numbers(count: int) -> None:
    study = relatedness([f"a_rather_long_name_of_a_task_{index}" for index in range(count)])
    numbers = [text for text in texts(affinity_figure(study).svg) if re.fullmatch(rf"{MINUS}?[\d.]+", text)]
    assert len(numbers) == (count * (count - 1) if count <= 10 else 0)


def test_missing_pairs_and_equal_vectors_can_be_plotted() -> None:
    study = relatedness(("a", "b", "c")).model_copy(update={"affinity": {"a": {"b": 0.02}}})
    assert [text for text in texts(affinity_figure(study).svg) if text[:1].isdigit()] == ["2.0"]
    empty = study.model_copy(update={"affinity": {}})
    assert affinity_figure(empty).table.rows[0] == ("a", *[UNDEFINED] * 3)
    assert affinity_decimal_places(empty.affinity) == 4
    equal = Vectors(distances={"a": {"b": 0.0}}, map={"a": (0.0, 0.0), "b": (0.0, 0.0)})
    assert sorted(texts(vectors_figure(equal).svg)) == ["a", "b"]


def test_an_svg_file_has_colours_for_light_and_dark() -> None:
    for names in (("a", "b"), (SCRIPT, IMAGE)):
        document = svg_file(affinity_figure(relatedness(names)).svg)
        root = ElementTree.fromstring(document)
        assert float(root.attrib["width"]) > 100
        assert all(element.tag != f"{SVG}script" for element in root.iter())
        assert "var(" not in document
        assert {"#0a66b7", "#ffffff"} <= set(re.findall(r"#\w+", document))
        assert "prefers-color-scheme: dark" in document


def test_tuning_section(copied: RunFolder) -> None:
    write_study(copied.layout.tuning, tuning(importance={"training.learning_rate": 0.75}))
    section = tuning_section.section(copied.run())
    assert section is not None
    assert [path for path, _, _ in section["slices"]] == list(SPACE)
    assert [importance for _, importance, _ in section["slices"]][:2] == ["importance 75%", ""]
    assert "best: trial 4, +1.25" in section["history"]
    assert ">0.001<" in section["slices"][0][2]
    assert ("training.finetune_heads", "null", "{epochs: 3, patience: 2}") in section["changes"].rows
    assert section["tasks"].rows[0][2:] == ("0.5", "0.4", "+2.00")
    assert section["left_out"] == ["ghost"]


@pytest.mark.parametrize(
    "trials",
    [
        (trial(0, 0.0),),
        (trial(0, 0.0), trial(1, -2.0)),
        (trial(0, 0.0), trial(1, None, "failed"), trial(2, None, "pruned")),
    ],
)
def test_the_page_says_if_no_trial_is_better(copied: RunFolder, trials: Any) -> None:
    write_study(copied.layout.tuning, tuning(*trials, best=0, digest=config_digest(copied.problem)))
    text = read(copied.page()).sections["tuning"]
    assert "No trial is better than the declared problem." in text
    assert "dvc exp run" not in text


def test_a_study_that_cannot_be_read_is_named_and_the_others_are_shown(copied: RunFolder) -> None:
    write_study(copied.layout.tuning, tuning())
    copied.layout.comparison.write_text('{"made": {}}')
    assert list(copied.run().unreadable_studies) == ["comparison.json"]
    html = copied.page()
    assert "studies/comparison.json is not shown" in html
    assert set(read(html).sections) >= {"tuning"}


def test_tables_of_a_replay() -> None:
    study = replay()
    every_month, every_quarter = study.cadences
    assert gain_text(study, "late", None) == "0.80"
    assert gain_text(study, "late", every_month) == f"0.75 ({MINUS}0.05, {MINUS}0.17 to 0.07)"
    assert gain_text(study, "minutes", every_quarter) == f"10 in 2 of 3 months (+1, {MINUS}12 to 14)"
    assert cost_cells(study)[1:] == [
        ("every month", "3", "2", "0", "1", "1 of 1", "4.5"),
        ("every 3 months", "1", "1", "0", "0", "0 of 0", "1.5"),
    ]
    bad, chance = bad_promotion_lines(study)
    assert bad == (
        f"every month, 2013-05: promoted, and worse on that month in late ({MINUS}0.10, {MINUS}0.15 to {MINUS}0.05)"
    )
    assert chance.startswith("2 comparisons of a promoted model with the champion before it")
    undefined = study.model_copy(update={"never": {"late": (None,) * 3}})
    assert gain_text(undefined, "late", None) == UNDEFINED
