"""Pages under docs/ document every kind and option; their snippets are valid, and their numbers are in the data."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from ruamel.yaml import YAML

from mtl_core.config import (
    AnyBalancing,
    AnyTeacher,
    AnyTrunk,
    FinetuneHeads,
    Gates,
    Latency,
    ParityLimits,
    Problem,
    Stopping,
    parse_problem,
)
from mtl_core.config.text import AnyTextEncoder
from mtl_core.features import AnyFeature
from mtl_core.schema import tagged
from mtl_core.tasks import AnyTask

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PICTURES = {
    "balancing.md": "balancing",
    "distillation.md": "distillation",
    "stopping.md": "stopping",
    "tasks.md": "tasks",
    "trunks.md": "trunks",
}
PAGES = tuple(PICTURES)
"""Pages of options with a picture."""
DECLARED = (*PAGES, "features.md", "text.md")
"""Pages of options."""
STUDIES = ("early-stopping.md", "relating.md", "comparing.md", "tuning.md")
"""Pages about experiments."""
EVERY = (
    *DECLARED,
    *("data.md", "splits.md", "tags.md", "training.md", "gates.md"),
    *STUDIES,
    *("replay.md", "quality-and-speed.md", "not-good-enough.md", "operation.md"),
)
"""All pages about options, experiments and operation."""
ABOUT = ("architecture.md", "changelog.md", "concepts.md", "glossary.md")
"""Overview pages."""
BASE: dict[str, Any] = {
    "name": "flights",
    "data": {"path": "data"},
    "split": {"by": "hash", "column": "day"},
    "features": {"carrier": {"kind": "categorical"}, "hour": {"kind": "numeric"}},
    "tasks": {
        "cancelled": {"kind": "binary", "target": "cancelled"},
        "delayed": {"kind": "binary", "target": "arr_delay", "at_least": 15},
        "arr_delay": {"kind": "regression", "target": "arr_delay"},
        "air_time": {"kind": "regression", "target": "air_time"},
    },
}
Options = type[BaseModel]


MEMBERS = {
    "balancing.md": tagged(AnyBalancing),
    "features.md": tagged(AnyFeature),
    "distillation.md": tagged(AnyTeacher),
    "tasks.md": tagged(AnyTask),
    "text.md": tagged(AnyTextEncoder),
    "trunks.md": tagged(AnyTrunk),
}
POLICIES: tuple[str, ...] = get_args(Stopping.model_fields["policy"].annotation)


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def sections(page: str) -> dict[str, str]:
    """Text below each heading, up to the next one."""
    parts = re.split(r"^#+ (.+)$", text(page), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def snippets(page: str) -> list[dict[str, Any]]:
    yaml = YAML(typ="safe", pure=True)
    return [yaml.load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", text(page), re.DOTALL | re.MULTILINE)]


def merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`base` merged with the change; a mapping with a `kind` or `method` replaces the previous one."""
    result = copy.deepcopy(base)
    for key, value in change.items():
        current = result.get(key)
        merges = isinstance(value, dict) and isinstance(current, dict) and not value.keys() & {"kind", "method"}
        result[key] = merged(current, value) if merges and current is not None else value
    return result


def problem(snippet: dict[str, Any]) -> Problem:
    return parse_problem(merged(BASE, snippet))


def every_snippet() -> Iterator[Any]:
    for page in (*EVERY, "reference/params.md"):
        for number, snippet in enumerate(snippets(page), start=1):
            yield pytest.param(snippet, id=f"{page}-{number}")


@pytest.mark.parametrize("snippet", list(every_snippet()))
def test_a_snippet_is_valid(snippet: dict[str, Any]) -> None:
    declared = problem(snippet)
    tasks = tuple(declared.tasks)
    declared.training.balancing.build(tasks)  # names of tasks are looked up here
    declared.model.trunk.build(8, len(tasks))
    assert set(declared.training.teachers) <= set(tasks)


def declared_in(page: str) -> set[str]:
    """The members that the page's snippets show."""
    members: set[str] = set()
    for snippet in snippets(page):
        declared = problem(snippet)
        match page:
            case "balancing.md":
                members.add(declared.training.balancing.method)
            case "features.md":
                members |= {declared.features[name].kind for name in snippet["features"]}
            case "distillation.md":
                members |= {teacher.kind for teacher in declared.training.teachers.values()}
            case "tasks.md":
                members |= {declared.tasks[name].kind for name in snippet["tasks"]}
            case "text.md":
                members.add(declared.model.text.kind)
            case "trunks.md":
                members.add(declared.model.trunk.kind)
            case "stopping.md":
                members.add(declared.training.stopping.policy)
    return members


@pytest.mark.parametrize("page", DECLARED)
def test_sections_and_snippets_cover_exactly_the_members(page: str) -> None:
    expected = set(POLICIES) if page == "stopping.md" else set(MEMBERS[page])
    headings = {match[1] for title in sections(page) if (match := re.match(r"`(\w+)`$", title))}
    assert headings == expected
    assert declared_in(page) == expected


def default_text(default: Any) -> str:
    """A default as the pages write it."""
    if default is PydanticUndefined:
        return "required"
    if default is None or default in ("", (), {}):
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return f"[{', '.join(f'{item:g}' for item in default)}]"
    return default if isinstance(default, str) else f"{default:g}"


def documents(text: str, option: str, default: str) -> bool:
    """True if the text names the option with its default, as in `levels` (2)."""
    return bool(re.search(rf"`(?:\w+\.)*{option}`\s+\({re.escape(default)}(?![\w.])", text))


def options_of(member: Options) -> Iterator[tuple[str, str]]:
    for name, field in member.model_fields.items():
        if name not in ("kind", "method") and not isinstance(field.default, Latency | ParityLimits):
            factory = field.default_factory
            yield name, default_text(factory() if factory else field.default)  # type: ignore[call-arg] # it takes nothing


def every_option() -> Iterator[Any]:
    for page, kinds in MEMBERS.items():
        for kind, member in kinds.items():
            for option, default in options_of(member):
                yield pytest.param(page, f"`{kind}`", option, default, id=f"{page}-{kind}-{option}")
    sections_of = {"stopping.md": (Stopping, FinetuneHeads), "gates.md": (Gates, Latency, ParityLimits)}
    for page, members in sections_of.items():
        for option, default in (option_and_default for member in members for option_and_default in options_of(member)):
            yield pytest.param(page, "", option, default, id=f"{page}-{option}")


@pytest.mark.parametrize(("page", "section", "option", "default"), list(every_option()))
def test_every_option_is_named_with_its_default(page: str, section: str, option: str, default: str) -> None:
    parts = sections(page)
    if not section:
        assert documents(text(page), option, default)
        return
    common = "".join(text for title, text in parts.items() if title.startswith("Common to"))
    text_of_kind = parts[section]
    in_section = re.search(rf"`{option}`\s+\(", text_of_kind)
    assert documents(text_of_kind if in_section else common, option, default)


def numbers_in(value: Any) -> Iterator[float]:
    match value:
        case dict():
            yield from (number for item in value.values() for number in numbers_in(item))
        case list():
            yield from (number for item in value for number in numbers_in(item))
        case int() | float():
            yield float(value)


def picture_numbers(name: str) -> dict[str, Any]:
    numbers: dict[str, Any] = json.loads((DOCS / "pictures" / f"{name}.json").read_text(encoding="utf-8"))
    return numbers


@pytest.mark.parametrize("page", PAGES)
def test_numbers_in_a_page_are_in_the_data_of_its_picture(page: str) -> None:
    values = list(numbers_in(picture_numbers(PICTURES[page])))
    results = re.sub(r"`[^`]*`", "", sections(page)["Results"])
    quoted = re.findall(r"(?<![\w.])(-?\d+(?:\.(\d+))?)( ?%)?", results.replace(",", ""))
    assert quoted
    for number, decimals, percent in quoted:
        scale = 100 if percent else 1
        rounded = {f"{scale * value:.{len(decimals)}f}" for value in values}
        assert number in rounded, f"{number}{percent} is in no value of {PICTURES[page]}.json"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_its_picture_and_names_the_command_that_generates_it(page: str) -> None:
    name = PICTURES[page]
    assert f"](pictures/{name}.svg)" in text(page)
    assert f"`python docs/pictures/{name}.py`" in text(page)
    assert (DOCS / "pictures" / f"{name}.py").is_file()
    picture = (DOCS / "pictures" / f"{name}.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in picture


def test_the_pictures_of_costs_have_every_member() -> None:
    assert (
        picture_numbers("trunks")["cost"].keys()
        == picture_numbers("trunks")["parameters"].keys()
        == MEMBERS["trunks.md"].keys()
    )
    assert (
        picture_numbers("balancing")["cost"].keys()
        == picture_numbers("balancing")["explained"].keys()
        == MEMBERS["balancing.md"].keys()
    )
    assert tuple(picture_numbers("stopping")) == POLICIES


@pytest.mark.parametrize("page", ["README.md", *EVERY])
def test_relative_links_exist(page: str) -> None:
    links = re.findall(r"\]\(([^)#]*)(#[^)]*)?\)", text(page))
    assert links
    for target, _ in links:
        assert "://" in target or (DOCS / target).exists(), target


def test_the_index_links_every_page() -> None:
    assert {path.name for path in DOCS.glob("*.md")} == {"README.md", "index.md", *ABOUT, *EVERY}
    assert all(f"]({page})" in text("README.md") for page in EVERY)
