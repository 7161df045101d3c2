"""Configuration of the documentation site, which `make docs` builds with Sphinx."""

import sys
import tomllib
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "extensions")]

project = "Trunkline"
release = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
copyright = "Trunkline's authors, Apache-2.0"  # Sphinx's name
extensions = ["myst_parser", "sphinx_click", "commands", "options", "source_pages"]
root_doc = "index"
exclude_patterns = ["_generated/*.md"]  # pages include them

nitpicky = True
smartquotes = False  # it turns the -- of options into dashes
default_role = "literal"  # the help of the commands writes `code` as Markdown does
myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"Trunkline {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
