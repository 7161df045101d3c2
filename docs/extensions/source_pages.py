"""Links from the pages to files of the repository outside of docs/: each linked file becomes a page with its source.

In a repository's viewer these links lead to the files themselves. A link to a missing file or folder is a warning,
which fails the strict build.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

LINK = re.compile(r"(?<!!)\[(?P<text>[^\[\]]*)\]\((?P<target>\.\.?/[^)#\s]*)(#[^)]*)?\)")
PAGES = "_generated/source"
LANGUAGES = {".py": "python", ".md": "markdown", ".yaml": "yaml", ".json": "json", ".toml": "toml"}
logger = logging.getLogger(__name__)


def outside_links(text: str, page: Path, docs: Path) -> Iterator[tuple[re.Match[str], Path]]:
    """Links to files outside of docs/, each with its path."""
    for link in LINK.finditer(text):
        path = Path(os.path.normpath(page.parent / link["target"]))
        if not path.is_relative_to(docs):
            yield link, path


def write_pages(app: Sphinx) -> None:
    """Write a page for every linked file outside of docs/."""
    docs = Path(app.srcdir)
    shutil.rmtree(docs / PAGES, ignore_errors=True)
    pages = [page for page in docs.rglob("*.md") if not page.is_relative_to(docs / "_generated")]
    linked = {path for page in pages for _, path in outside_links(page.read_text("utf-8"), page, docs)}
    for path in filter(Path.is_file, sorted(linked)):
        name = path.relative_to(docs.parent)
        page = docs / PAGES / f"{name}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        include = os.path.relpath(path, page.parent)
        language = LANGUAGES.get(path.suffix, "text")
        body = f"```{{literalinclude}} {include}\n:language: {language}\n```\n"
        page.write_text(f"---\norphan: true\n---\n\n# `{name.as_posix()}`\n\n{body}", encoding="utf-8")


def rewrite_links(app: Sphinx, docname: str, source: list[str]) -> None:
    """Point links to files outside of docs/ at the pages of `write_pages`; replace links to folders by their text."""
    docs = Path(app.srcdir)
    page = Path(app.env.doc2path(docname))
    for link, path in reversed(list(outside_links(source[0], page, docs))):
        if path.is_file():
            target = docs / PAGES / f"{path.relative_to(docs.parent)}.md"
            text = f"[{link['text']}]({os.path.relpath(target, page.parent)})"
        else:
            text = link["text"]
            if not path.is_dir():
                logger.warning("no such file or folder: %s", link["target"], location=docname, type="source_pages")
        source[0] = source[0][: link.start()] + text + source[0][link.end() :]


def setup(app: Sphinx) -> dict[str, Any]:
    """Entry point of a Sphinx extension."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", rewrite_links)
    return {"parallel_read_safe": True}
