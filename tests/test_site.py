"""The documentation site: it builds without a warning, needs no other host, and its references are complete."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click import Command, Context, Group, Option
from pydantic import BaseModel

from flows.cli import COMMANDS, cli
from flows.commands.models import ModelsGroup
from flows.layout import Layout
from mtl_core.config import Problem
from mtl_core.schema import TAGS, bare, members
from serving.app import BODY_SECONDS, MAX_BODY
from serving.decoding import MAX_DETAILS
from serving.inputs import InputField
from serving.outputs import Output
from serving.rows import MAX_ROWS
from serving.value_rules import MAX_DOCUMENT, MAX_ITEMS, MAX_TEXT
from tests.pages import DOCS, blocks, commands

PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if "_generated" not in path.parts)
RUN_BY_A_TEST = ("start/your-own-csv.md", "howto/serve.md", "howto/deploy.md", "replay.md")
"""Pages that tests/test_package.py runs, from the built wheel; the replay is shown by tests/test_results.py."""
RUNNABLE = ("console", "python", "sh", "shell", "bash", "pycon")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does; a warning is an error."""
    root = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "--quiet", "-d", str(root / "doctrees")]
    completed = subprocess.run([*command, str(DOCS), str(root / "html")], capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr
    return root / "html"


def text_of(page: Path) -> str:
    """Text of a built page."""
    return re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))


def test_the_site_needs_no_other_host(site: Path) -> None:
    loads = re.compile(r"""(?:src=|url\(|@import\s+|<link[^>]+href=)["']?https?:""")
    files = [path for path in site.rglob("*") if path.suffix in (".html", ".css", ".svg")]
    assert len(files) > len(PAGES)
    assert [path.name for path in files if loads.search(path.read_text(encoding="utf-8"))] == []


def options(model: type[BaseModel]) -> Iterator[str]:
    """Names of all options below a model."""
    for name, field in model.model_fields.items():
        yield name
        for member in members(bare(field.annotation)):
            yield from options(member)


def test_the_reference_has_every_option(site: Path) -> None:
    page = (site / "reference" / "params.html").read_text(encoding="utf-8")
    names = set(re.findall(r"<dt><code[^>]*><span class=\"pre\">(?:\w+\.)*(\w+)</span>", page))
    expected = set(options(Problem)) - set(TAGS)
    assert len(expected) > 100
    assert expected - names == set()


def all_commands() -> Iterator[tuple[str, Command]]:
    """Every command and subcommand, with its name."""
    for name in COMMANDS:
        command = cli.get_command(Context(cli), name)
        assert command is not None
        yield name, command
        if isinstance(command, Group):
            yield from ((f"{name} {subcommand}", each) for subcommand, each in command.commands.items())


def test_the_reference_has_every_command_with_its_options(site: Path) -> None:
    text = text_of(site / "reference" / "commands.html")
    for name, command in all_commands():
        _, _, section = text.partition(f"mtl {name} [OPTIONS]")
        section = section.partition("[OPTIONS]")[0]
        for option in command.params:
            if isinstance(option, Option) and option.hidden:
                continue
            assert not isinstance(option, Option) or option.opts[-1] in section, f"{name} {option.opts[-1]}"


def test_the_http_reference_has_every_type_form_and_limit() -> None:
    text = (DOCS / "reference" / "http.md").read_text(encoding="utf-8")
    tags = [kind.__struct_config__.tag for union in (InputField, Output) for kind in union.__args__]
    assert len(tags) == 14
    assert [tag for tag in tags if f"| `{tag}` |" not in text] == []
    lengths = [f"{MAX_TEXT:,} characters", f"{MAX_DOCUMENT:,} characters", f"{MAX_ITEMS:,} texts"]
    limits = (*lengths, f"{MAX_ROWS:,} rows", f"{BODY_SECONDS:.0f} seconds")
    assert [limit for limit in limits if limit not in text] == []
    assert f"{MAX_BODY // 2**20} MiB" in text
    assert f"first {MAX_DETAILS} broken" in text


def test_the_page_of_artifacts_has_every_path() -> None:
    text = (DOCS / "reference" / "artifacts.md").read_text(encoding="utf-8")
    layout = Layout(Path())
    values = [getattr(layout, name) for name in vars(Layout) if not name.startswith("_")]
    paths = [value for value in values if isinstance(value, Path)]
    assert len(paths) > 20
    assert [str(path) for path in paths if path.name not in text] == []


@pytest.mark.parametrize("page", ["architecture.md", "glossary.md"])
def test_paths_in_code_exist(page: str) -> None:
    paths = re.findall(r"`((?:mtl_core|flows|serving)/[\w/.]*)`", (DOCS / page).read_text(encoding="utf-8"))
    assert [path for path in paths if not (DOCS.parent / path).exists()] == []


def shown_commands() -> Iterator[Any]:
    """Every `mtl` command that a page shows in a block, fenced or indented."""
    for page in ["../README.md", *PAGES]:
        text = (DOCS / page).read_text(encoding="utf-8")
        fenced = [line for block in blocks(page) for line in block.text.splitlines()]
        for line in [*fenced, *re.findall(r"^ {4}(.*)$", text, re.M)]:
            if match := re.match(r"(?:\$ )?mtl ([a-z].*)", line):
                yield pytest.param(re.split(r"\s+[#|&>]", match[1])[0], id=f"{page}: {match[1]}")


@pytest.mark.parametrize("line", list(shown_commands()))
def test_options_of_shown_commands_exist(line: str) -> None:
    name, *arguments = shlex.split(line)
    assert name in COMMANDS
    command = cli.get_command(Context(cli), name)
    assert command is not None
    if isinstance(command, ModelsGroup):
        subcommand, *arguments = command.with_name(Context(command), arguments)
        command = command.commands[subcommand]
    command.make_parser(Context(command)).parse_args(arguments)  # raises for an unknown option


@pytest.mark.parametrize("page", PAGES)
def test_a_runnable_block_is_run_or_gives_a_reason(page: str) -> None:
    runnable = [block for block in blocks(page) if block.language in RUNNABLE]
    assert [b.text for b in runnable if page not in RUN_BY_A_TEST and b.reason is None] == []
    assert [b.text for b in runnable if b.language == "console" and not list(commands(b.text))] == []
