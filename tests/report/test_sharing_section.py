"""The section on sharing: every verdict in words and colour, hostile names, and what is not there."""

import re

import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined

from mtl_core.report.studies.sharing import SPACE, section, section_of
from mtl_core.report.studies.sharing_pictures import COLOURS, DASHES, standard_errors
from mtl_core.report.wording import NOTHING
from mtl_core.studies.arms import POLICIES
from mtl_core.studies.comparison import HARMS, HELPS, SAME, Comparison, Gain
from mtl_core.studies.files import write_study
from mtl_core.studies.provenance import config_digest
from tests.report.compared import study
from tests.report.made import Made
from tests.report.reading import read
from tests.report.story import LONG, SCRIPT


def words(found: Comparison) -> str:
    """The section's text, as the page has it."""
    environment = Environment(
        loader=PackageLoader("mtl_core.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    html = environment.get_template("sharing.html.j2").render(sharing=section_of(found, current=False))
    assert "<script" not in html
    return read(html).sections["sharing"]


def test_without_a_study_there_is_no_section(made: Made, html: str) -> None:
    assert section(made.run()) is None
    assert 'id="sharing"' not in html


def test_the_page_has_the_section_and_says_how_it_was_made(changeable: Made) -> None:
    found = study(declaration=config_digest(changeable.problem))
    write_study(changeable.layout.comparison, found)
    page = read(changeable.page())
    text = page.sections["sharing"]
    assert "#sharing" in page.attributes("href")
    assert found.headline in text
    assert "mtl compare --seeds 2" in text
    assert "a note" in text
    assert "earlier declaration" not in text
    for verdict in ("sharing helps", "negative transfer", "no difference beyond chance", "not compared"):
        assert verdict in text
    assert "<b>minutes</b>" in text  # as text, not as a tag
    write_study(changeable.layout.comparison, study(declaration="another"))
    other = section(changeable.run())
    assert other is not None
    assert not other.current
    assert "earlier declaration" in words(found)


def test_names_that_mean_harm_are_text() -> None:
    assert words(study((SCRIPT, LONG, "a & b"), notes=(SCRIPT,))).count(SCRIPT) >= 3


def test_a_study_names_the_tasks_of_a_verdict() -> None:
    assert (study().judged(HELPS), study().judged(HARMS), study().judged(SAME)) == (("helped",), ("harmed",), ("same",))


def test_every_task_has_its_line() -> None:
    found = section_of(study(), current=True)
    lines = {row.name: row for row in found.rows}
    helped, harmed, same = lines["helped"], lines["harmed"], lines["same"]
    assert (helped.verdict, helped.tone) == ("sharing helps", "good")
    assert (harmed.verdict, harmed.tone) == ("negative transfer", "bad")
    assert (same.verdict, same.tone) == ("no difference beyond chance", "")
    assert (helped.difference, helped.interval) == ("+0.020", "0.010 to 0.030".replace(" ", SPACE))
    assert helped.share == "+2.5%"  # of a single-task 0.805
    assert harmed.difference == "\N{MINUS SIGN}0.50"
    assert harmed.share == "\N{MINUS SIGN}6.2%"
    assert (helped.arrow, harmed.arrow) == ("↑", "↓")
    assert harmed.metric == "mean absolute error (<b>minutes</b>)"
    assert helped.shared == f"0.805{SPACE}±{SPACE}0.007"
    assert lines["taught by itself"].single == lines["taught by itself"].boosted == NOTHING
    for name in ("taught by itself", "undefined"):
        assert (lines[name].verdict, lines[name].difference, lines[name].interval) == ("not compared", NOTHING, "")
        assert lines[name].share == ""


def test_the_picture_draws_the_tasks_that_have_an_interval_and_says_them() -> None:
    picture = section_of(study(), current=True).differences
    assert picture is not None
    label = re.search(r'aria-label="([^"]*)"', picture)
    assert label is not None
    assert label[1].endswith("helped: helps; harmed: harms; same: no difference")
    assert "var(--good)" in picture
    assert "var(--bad)" in picture
    for name, shown in (("helped", True), ("harmed", True), ("same", True), ("undefined", False)):
        assert (f">{name}<" in picture) == shown


def test_no_interval_is_no_picture() -> None:
    found = study()
    tasks = {name: found.tasks[name] for name in ("taught by itself", "undefined")}
    assert section_of(study(tasks=tasks), current=True).differences is None


@pytest.mark.parametrize(
    ("gain", "expected"),
    [
        (Gain(difference=1.96, low=0.0, high=3.92), (1.96, 0.0, 3.92)),
        (Gain(difference=-0.01, low=-0.02, high=0.0), (-1.96, -3.92, 0.0)),
        (Gain(difference=0.0, low=0.0, high=0.0), None),
        (Gain(difference=None, low=None, high=None), None),
        (Gain(difference=1.0, low=None, high=None), None),
    ],
)
def test_the_unit_is_the_standard_error(gain: Gain, expected: tuple[float, float, float] | None) -> None:
    found = standard_errors(gain)
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-4, abs=1e-9))


def test_costs_stand_beside_each_other_with_their_ratio() -> None:
    found = section_of(study(), current=True)
    costs = {line.what: line for line in found.costs}
    parameters = costs["parameters"]
    assert (parameters.shared, parameters.single, parameters.boosted) == ("10,000", "40,000", NOTHING)
    assert (parameters.part, parameters.ratio) == (25.0, "25%")
    assert costs["answer for 1,000 rows"].shared == "4.0 ms"
    assert costs["size on disk"].boosted == "3.00 MB"
    assert found.boosted


def test_costs_that_were_not_measured_are_no_ratio() -> None:
    found = study()
    cost = {arm: one.model_copy(update={"ms_1": None}) for arm, one in found.cost.items() if arm != "boosted"}
    without = section_of(study(cost=cost), current=True)
    line = next(line for line in without.costs if line.what == "answer for 1 row")
    assert (line.shared, line.part, line.ratio) == (NOTHING, None, NOTHING)
    assert not without.boosted


def test_policies_are_drawn_where_the_study_has_them() -> None:
    found = section_of(study(), current=True)
    assert [look.name for look in found.policies] == list(POLICIES)
    assert len({look.colour for look in found.policies}) == len({look.dash for look in found.policies}) == len(POLICIES)
    assert [course[0] for course in found.courses] == list(study().tasks)
    _, metric, picture = found.courses[1]
    assert metric == "mean absolute error (<b>minutes</b>), lower is better"
    assert all(colour in picture for colour in COLOURS.values())
    assert "hold: stopped after epoch 3, weights of epoch 4" in picture
    assert len(found.spreads[0]) == 2 + len(POLICIES)
    assert "Stopping policies" in words(study())


def test_the_declared_policy_alone_is_not_drawn() -> None:
    found = section_of(study(policies=False), current=True)
    assert found.policies == found.courses == found.spreads == ()
    text = words(study(policies=False, seeds=1))
    assert "Stopping policies" not in text
    assert "over the test rows only" in text
    assert "±" not in text


def test_every_policy_has_its_look() -> None:
    assert set(COLOURS) == set(DASHES) == set(POLICIES)
