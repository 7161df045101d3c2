"""Data Docs: an index page of the validation results, and Great Expectations' pages of the suite and of every part.

Great Expectations renders the expectations. The templates of the pages are in this package, since those of Great
Expectations load styles and scripts from the internet. The same data give the same pages.
"""

from html import escape
from itertools import count
from pathlib import Path
from typing import Any

from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.render.components import RenderedDocumentContent
from great_expectations.render.renderer.page_renderer import ExpectationSuitePageRenderer, ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView
from jinja2 import ChoiceLoader, PackageLoader

from mtl_core.validation.expectation_runner import ExpectationRunner
from mtl_core.validation.results import PartValidation

SUITE = "suite.html"


class DataDocs:
    """The pages in a folder."""

    def __init__(self, folder: Path, runner: ExpectationRunner) -> None:
        self.folder, self.runner, self._view = folder, runner, _OfflineView()

    def write_part(self, part: PartValidation) -> None:
        """Write the page of a part."""
        content = ValidationResultsPageRenderer().render(
            ExpectationSuiteValidationResult(
                success=part.passed,
                results=[result.raw for result in part.results],
                suite_name=self.runner.suite.name,
                statistics={},
                meta={},
            )
        )
        content.sections = content.sections[1:]  # without the overview, which the template shows
        self._write(_page_name(part.part), content, title=part.part, part=part.to_document())

    def write_index(self, result: dict[str, Any]) -> None:
        """Write the page of all parts, from the content of result.json; and the page of the suite."""
        suite: RenderedDocumentContent = ExpectationSuitePageRenderer().render(self.runner.gx_suite())  # type: ignore[no-untyped-call] # not annotated
        self._write(SUITE, suite, title=f"Suite {self.runner.suite.name}")
        index = self._view.env.get_template("index.html")
        pages = {part["part"]: _page_name(part["part"]) for part in result["parts"]}
        tolerated = [
            (part["part"], expectation)
            for part in result["parts"]
            for expectation in part["expectations"]
            if not expectation["success"] and f"{part['part']}: {expectation['text']}" not in part["errors"]
        ]
        page = index.render(result=result, pages=pages, suite=SUITE, tolerated=tolerated)
        (self.folder / "index.html").write_text(page, encoding="utf-8")

    def _write(self, name: str, content: RenderedDocumentContent, **values: Any) -> None:
        self._view.ids = count()
        (self.folder / name).write_text(self._view.render(content, **values), encoding="utf-8")


class _OfflineView(DefaultJinjaPageView):
    """Great Expectations' view with the templates of this package, and with ids that are the same in every run."""

    def __init__(self) -> None:
        super().__init__()
        self.ids = count()
        assert self.env.loader is not None
        self.env.loader = ChoiceLoader([PackageLoader("mtl_core.validation"), self.env.loader])

    def render(self, document: RenderedDocumentContent, template: str | None = None, **values: Any) -> str:
        content = _escaped(document.to_json_dict())
        return str(self.env.get_template(template or "page.html").render(content, **values))

    def generate_html_element_uuid(self, prefix: str | None = None) -> str:
        return f"{prefix or ''}{next(self.ids)}"


def _escaped(value: Any) -> Any:
    """The content with all text escaped for HTML, except the parameters of templates, which the view escapes."""
    match value:
        case dict():
            unescaped = ("params", "styling") if "styling" in value else ()
            return {key: item if key in unescaped else _escaped(item) for key, item in value.items()}
        case list():
            return [_escaped(item) for item in value]
        case str():
            return escape(value, quote=False)
        case _:
            return value


def _page_name(part: str) -> str:
    return f"part-{part}.html"
