"""Data Docs: the pages that Great Expectations draws of the suite and of every part, as files that need no network."""

import re
import shutil
from html import escape
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from great_expectations.render.components import RenderedDocumentContent
from great_expectations.render.renderer.page_renderer import ExpectationSuitePageRenderer, ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView

from mtl_core.validation.outcome import PartResult, Result
from mtl_core.validation.part import PartValidation
from mtl_core.validation.runner import ExpectationRunner

__all__ = ["DataDocs", "offline"]

_NO_TIME = "1970-01-01T00:00:00+00:00"
"""Great Expectations wants a time of every run. The pages do not show it, so that the same data give the same pages."""

# Style and scripts come from five content networks, and what the scripts do works only with all of them.
_SCRIPTS = re.compile(r"<script\b.*?</script>", re.DOTALL)
_STYLES = re.compile(r"<style\b.*?</style>|<link\b[^>]*>", re.DOTALL)
_IMAGES = re.compile(r"<img\b[^>]*>|<footer\b.*?</footer>", re.DOTALL)
_RUN_TIME = re.compile(r" / 1970-01-01T00:00:00Z|<tr\b(?:(?!</tr>).)*?>\s*Run Time\b.*?</tr>", re.DOTALL)
_IDENTIFIER = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_HOME = re.compile(r'href="(?:\.\./)+index\.html"')
_SUITE = re.compile(r'href="(?:\.\./)+expectations/[^"]*"')


def offline(page: str) -> str:
    """A page of Great Expectations without anything fetched from elsewhere, and with a plain style of its own."""
    for pattern in (_SCRIPTS, _STYLES, _IMAGES, _RUN_TIME):
        page = pattern.sub("", page)
    names: dict[str, str] = {}  # random ones, which would make every page differ from the last run's
    page = _IDENTIFIER.sub(lambda found: names.setdefault(found[0], f"id-{len(names)}"), page)
    page = _SUITE.sub('href="suite.html"', _HOME.sub('href="index.html"', page))
    return page.replace("</head>", f"<style>{_style()}</style></head>", 1)


class DataDocs:
    """Renders a page per part as the parts come, and writes all of them at the end."""

    def __init__(self, runner: ExpectationRunner) -> None:
        self.runner = runner
        self.template = DefaultJinjaPageView().env.get_template("page.j2")
        self.pages: dict[str, str] = {}

    def add(self, validated: PartValidation) -> None:
        """Render a part's page."""
        meta = {
            "great_expectations_version": version("great-expectations"),
            "run_id": {"run_name": validated.result.part, "run_time": _NO_TIME},
        }
        result = self.runner.document(validated.measured, meta)
        self.pages[_page(validated.result)] = self._draw(ValidationResultsPageRenderer().render(result))

    def write(self, folder: Path, result: Result) -> None:
        """Replace the folder by index.html, suite.html and a page per part."""
        temporary = folder.with_name(f".{folder.name}.pending")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        pages = {
            "index.html": _index(result),
            "suite.html": self._draw(self._suite()),
            **self.pages,
        }
        for name, page in pages.items():
            (temporary / name).write_text(page, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)

    def _suite(self) -> RenderedDocumentContent:
        renderer = ExpectationSuitePageRenderer()
        content: RenderedDocumentContent = renderer.render(self.runner.gx_suite())  # type: ignore[no-untyped-call] # without annotations there
        return content

    def _draw(self, content: RenderedDocumentContent) -> str:
        return offline(self.template.render(_escaped(content.to_json_dict()), now=lambda: _NO_TIME))


def _escaped(value: Any) -> Any:
    """The content with every text escaped for HTML, but the parameters of styled templates, which the view escapes."""
    match value:
        case dict():
            kept = ("params", "styling") if "styling" in value else ()
            return {key: inner if key in kept else _escaped(inner) for key, inner in value.items()}
        case list():
            return [_escaped(inner) for inner in value]
        case str():
            return escape(value, quote=False)
        case _:
            return value


def _page(part: PartResult) -> str:
    return f"part-{part.part}.html"


def _index(result: Result) -> str:
    name, verdict = escape(result.problem), _verdict(result.passed)
    rows = "\n".join(
        f"<tr><td>{_verdict(part.passed)}</td>"
        f'<td><a href="{quote(_page(part))}">{escape(part.part)}</a></td>'
        f'<td class="number">{part.rows:,}</td><td class="number">{part.set_aside:,}</td>'
        f'<td class="number">{sum(not outcome.success for outcome in part.outcomes)} of {len(part.outcomes)}</td></tr>'
        for part in result.parts
    )
    problems = "".join(f"<li>{escape(line)}</li>" for part in result.parts for line in part.problems)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="UTF-8"><meta name="viewport" content="width=device-width, initial-scale=1.0">
<title>Data Docs of {name}</title><style>{_style()}</style></head>
<body>
<h1>Data Docs of {name}: {verdict}</h1>
<p>{len(result.parts)} parts, {result.rows:,} rows, of which {result.set_aside:,} set aside (of a part at most
{result.share:.3%} may be). What is expected: <a href="suite.html">the suite</a>, edited in {escape(result.suite)}.</p>
{f'<ul class="problems">{problems}</ul>' if problems else ""}
<table>
<tr><th></th><th>part</th><th class="number">rows</th><th class="number">set aside</th>
<th class="number">expectations not met</th></tr>
{rows}
</table>
</body></html>
"""


def _verdict(passed: bool) -> str:
    return '<span class="good">✔ passed</span>' if passed else '<span class="bad">✘ failed</span>'


def _style() -> str:
    return files("mtl_core.validation").joinpath("data_docs.css").read_text(encoding="utf-8")
