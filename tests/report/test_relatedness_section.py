"""The section on which tasks belong together, and its pictures."""

import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from mtl_core.report.studies.relatedness import affinity_figure, decimals_of, section, vectors_figure
from mtl_core.report.studies.task_pictures import matrix, scale_of, task_map
from mtl_core.report.svg_file import svg_file
from mtl_core.report.theme import svg
from mtl_core.studies.files import write_study
from mtl_core.studies.grouping import groupings
from mtl_core.studies.provenance import Provenance, config_digest
from mtl_core.studies.relatedness import Relatedness, Vectors
from tests.report.made import Made
from tests.report.reading import read
from tests.report.story import IMAGE, LONG, NAMES, SCRIPT

SVG = "{http://www.w3.org/2000/svg}"


def study(tasks: Sequence[str] = NAMES, *, of: str = "other", vectors: bool = True) -> Relatedness:
    """Tasks that help their neighbours, a little less the farther away, until they harm."""
    count = len(tasks)
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    affinity = 0.004 - 0.002 * apart
    upper = {
        a: {b: float(apart[row, row + 1 + place]) for place, b in enumerate(tasks[row + 1 :])}
        for row, a in enumerate(tasks[:-1])
    }
    found = Vectors(distances=upper, map={task: (float(place), 0.5) for place, task in enumerate(tasks)})
    return Relatedness(
        made=Provenance(command="mtl relate --every 7", commit="", seeds=(0,), machine="", versions={}, declaration=of),
        tasks=tuple(tasks),
        affinity={a: dict(zip(tasks, line, strict=True)) for a, line in zip(tasks, affinity.tolist(), strict=True)},
        cosine={a: {b: 0.5 - value / 10 for b, value in others.items()} for a, others in upper.items()},
        groupings=groupings(tasks, affinity, count),
        vectors=found if vectors else None,
        probes=1_234,
        seconds=1.0,
    )


def watched(changeable: Made) -> None:
    """The run's own training tells of two tasks, in one epoch of four."""

    def change(document: Any) -> None:
        document["epochs"][1]["relatedness"] = {"cosines": {"late": {LONG: 0.43}}, "affinities": {}, "probes": 3}

    changeable.change(changeable.layout.history, change)


def texts(picture: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg_file(picture)).iter(f"{SVG}text")]


def test_without_a_study_and_without_a_watched_training_there_is_no_section(made: Made, html: str) -> None:
    assert section(made.run()) is None
    assert "Which tasks belong together" not in html
    assert "#relatedness" not in html


def test_a_study_has_a_section_with_its_pictures_and_their_numbers(changeable: Made) -> None:
    write_study(changeable.layout.relatedness, study(of=config_digest(changeable.problem)))
    page = read(changeable.page())
    words = page.sections["relatedness"]
    for said in (
        "mtl relate --every 7",
        "1,234 looks",
        "10 stands for 1% of the loss",
        LONG,
        "If there were several",
    ):
        assert said in words
    assert "earlier declaration" not in words
    assert "not every partition" not in words
    assert "#relatedness" in page.attributes("href")
    found = section(changeable.run())
    assert found is not None
    assert [shown.title for shown in found.figures] == [
        "What a step for one task does to another",
        "Gradients in the study",
        "Map of the tasks",
    ]
    assert [line[0] for line in found.groupings] == ["1", "2", "3", "4", "5", "6"]
    assert found.figures[0].rows[0][:4] == ("late", "0.4%", "0.2%", "0.0%")
    assert found.figures[1].rows[1][:4] == ("band", "0.40", "–", "0.40")  # noqa: RUF001 # how the page says nothing


def test_a_study_of_an_earlier_declaration_and_of_many_tasks_says_so(changeable: Made) -> None:
    write_study(changeable.layout.relatedness, study([f"task {place}" for place in range(14)]))
    words = read(changeable.page()).sections["relatedness"]
    assert "earlier declaration" in words
    assert "not every partition was looked at" in words


def test_a_study_without_vectors_has_no_map(changeable: Made) -> None:
    write_study(changeable.layout.relatedness, study(vectors=False))
    found = section(changeable.run())
    assert found is not None
    assert len(found.figures) == 2


def test_what_the_training_told_is_shown_without_a_study_and_beside_one(changeable: Made) -> None:
    watched(changeable)
    found = section(changeable.run())
    assert found is not None
    assert [shown.title for shown in found.figures] == ["Gradients in the training of this model"]
    assert found.figures[0].rows[0][3] == "0.43"
    assert not found.groupings
    words = read(changeable.page()).sections["relatedness"]
    assert "mtl relate tells more" in words
    assert "several networks" not in words
    write_study(changeable.layout.relatedness, study())
    found = section(changeable.run())
    assert found is not None
    assert len(found.figures) == 4


def test_names_that_mean_harm_do_none(changeable: Made) -> None:
    write_study(changeable.layout.relatedness, study((SCRIPT, IMAGE, "c")))
    html = changeable.page()
    assert SCRIPT not in html
    assert IMAGE not in html
    assert [tag for tag, _ in read(html).tags if tag == "script"] == []
    for picture in (affinity_figure(study((SCRIPT, IMAGE))).svg, vectors_figure(study((SCRIPT, IMAGE)).vectors).svg):
        assert all(element.tag != f"{SVG}script" for element in ElementTree.fromstring(svg_file(picture)).iter())


@pytest.mark.parametrize("count", [2, 5, 8, 14, 30])
def test_every_pair_has_a_cell_with_two_digits_however_many_tasks(count: int) -> None:
    tasks = [f"a_rather_long_name_of_a_task_{place}" for place in range(count)]
    found = study(tasks)
    shown = texts(affinity_figure(found).svg)
    numbers = [text for text in shown if re.fullmatch(r"−?[\d.]+", text)]  # noqa: RUF001 # the page's minus
    assert len(numbers) == count * (count - 1)
    assert all(len(text.lstrip("−").split(".")[0]) <= 2 for text in numbers)  # noqa: RUF001 # as above
    assert sum("…" in text for text in shown) == 2 * count
    assert any(text.endswith(f"_{count - 1}") for text in shown)


def test_a_cell_says_its_number_in_the_scale() -> None:
    pairs = {"a": {"a": 9.0, "b": 0.00123}, "b": {"a": -0.0004}}
    assert scale_of(pairs) == 4
    assert texts(str(svg(matrix(("a", "b"), pairs, scale=4), "")))[:2] == ["12.3", "−4.0"]  # noqa: RUF001 # minus


@pytest.mark.parametrize(
    ("most", "scale"), [(0.0, 0), (1.0, 1), (0.999, 2), (0.1, 2), (0.0999, 3), (12.0, 0), (123.0, -1)]
)
def test_the_scale_makes_two_digits(most: float, scale: int) -> None:
    assert scale_of({"a": {"b": -most}}) == scale
    assert scale_of({"a": {"a": 1e9, "b": most}}) == scale


def test_a_pair_that_is_not_known_is_an_empty_cell_and_none_at_all_is_no_error() -> None:
    found = study(("a", "b", "c")).model_copy(update={"affinity": {"a": {"b": 0.02}}})
    assert [text for text in texts(affinity_figure(found).svg) if text[:1].isdigit()] == ["20.0"]
    nothing = found.model_copy(update={"affinity": {}})
    assert "none is known" in affinity_figure(nothing).svg
    assert decimals_of(nothing) == 4


def test_the_map_names_every_task_once_and_no_name_lies_on_another() -> None:
    places = {f"task {number}": (0.01 * number, 3.0) for number in range(12)} | {"far": (0.0, -3.0)}
    picture = svg_file(str(svg(task_map(places), "")))
    assert sorted(texts(picture_of(places))) == sorted(places)
    tops = [
        float(found) for found in re.findall(r'transform="translate\([\d.]+,([\d.]+)\)"[^>]*>(?:task \d+|far)', picture)
    ]
    assert len(tops) == 13
    assert min(np.diff(sorted(tops))) > 14


def picture_of(places: dict[str, tuple[float, float]]) -> str:
    return str(svg(task_map(places), ""))


def test_tasks_in_one_place_are_drawn() -> None:
    assert sorted(texts(picture_of({"a": (0.0, 0.0), "b": (0.0, 0.0)}))) == ["a", "b"]


def test_a_picture_alone_has_its_size_a_ground_and_colours_for_light_and_dark() -> None:
    document = svg_file(affinity_figure(study()).svg)
    root = ElementTree.fromstring(document)
    assert root.tag == f"{SVG}svg"
    assert float(root.attrib["width"]) > 200
    assert float(root.attrib["height"]) > 200
    assert "var(" not in document
    assert "#0a66b7" in document
    assert "prefers-color-scheme: dark" in document
    assert 'fill="#ffffff"' in document
