"""Column files of the CoNLL shared tasks: a token per line, a blank line between sentences.

Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task", CoNLL 2003.
"""

from collections.abc import Iterator
from typing import ClassVar

import pyarrow as pa

from mtl_core.data.tag_schemes import TAG_RULE, is_tag
from mtl_core.data.tagged_files import SPANS, TaggedFile, TaggedText, read_lines, split_cells
from mtl_core.errors import DataError

DOCUMENT = "-DOCSTART-"
"""First cell of the line before a document, which is no token."""


class ConllFile(TaggedFile):
    """A column file, as of CoNLL-2003: the first column has the tokens, the last one the tags; a row per sentence."""

    types: ClassVar[pa.Schema] = pa.schema({"text": pa.string(), "spans": SPANS, "file": pa.string()})

    def rows(self) -> Iterator[TaggedText]:
        """The sentences."""
        tokens: list[str] = []
        tags: list[str] = []
        width = 0
        for number, line in enumerate(read_lines(self.path, self.csv.encoding), 1):
            cells = split_cells(line)
            if cells and cells[0] != DOCUMENT:
                width = width or len(cells)
                self._check(number, cells, width)
                tokens.append(cells[0])
                tags.append(cells[-1])
            elif tokens:
                yield TaggedText(tokens, tags, self.path.name)
                tokens, tags = [], []
        if tokens:
            yield TaggedText(tokens, tags, self.path.name)

    def _check(self, number: int, cells: list[str], width: int) -> None:
        """DataError for the cells of a line if they are not as many as in the first line, or not with a tag last."""
        line = " ".join(cells)
        if len(cells) < 2:
            rule = "have a token and its tag, separated by spaces or tabs"
        elif len(cells) != width:
            rule = f"have {width} columns as the first line"
        elif not is_tag(cells[-1]):
            rule = f"end with a tag ({TAG_RULE})"
        else:
            return
        raise DataError(
            f"{self.path}: line {number} must {rule}, found {line!r:.60}; repair the line, or move a file of another "
            "format out of the folder"
        )
