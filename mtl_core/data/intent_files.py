"""Folders of intents and slots, as of the releases of ATIS and SNIPS: a sentence per line of three files.

Goo et al., "Slot-Gated Modeling for Joint Slot Filling and Intent Prediction", NAACL 2018.
"""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from mtl_core.data.tag_schemes import TAG_RULE, is_tag
from mtl_core.data.tagged_files import SPANS, TaggedFile, TaggedText, read_lines, split_cells
from mtl_core.errors import DataError

TOKENS, TAGS, LABELS = "seq.in", "seq.out", "label"
"""Names of the files."""


class IntentFolder(TaggedFile):
    """A folder with `seq.in` (tokens), `seq.out` (a tag per token) and `label` (the intent); a row per line."""

    types: ClassVar[pa.Schema] = pa.schema(
        {"text": pa.string(), "spans": SPANS, "label": pa.string(), "file": pa.string()}
    )

    def rows(self) -> Iterator[TaggedText]:
        """The sentences. A line that is blank in all files is no sentence."""
        files = [read_lines(self.path / name, self.csv.encoding) for name in (TOKENS, TAGS, LABELS)]
        for number, lines in enumerate(zip_longest(*files), 1):
            if not any(line and line.strip() for line in lines):
                continue
            for name, line in zip((TOKENS, TAGS, LABELS), lines, strict=True):
                if line is None:
                    raise DataError(
                        f"{self.path / name}: must have as many lines as {TOKENS}, {TAGS} and {LABELS} of the folder, "
                        f"found no line {number}; repair the files"
                    )
            tokens, tags = split_cells(lines[0]), split_cells(lines[1])
            self._check(number, tokens, tags)
            yield TaggedText(tokens, tags, self.path.name, lines[2].strip() or None)

    def _check(self, number: int, tokens: list[str], tags: list[str]) -> None:
        """DataError for a line whose tags do not fit its tokens."""
        where = f"{self.path / TAGS}: line {number} must have"
        if len(tags) != len(tokens):
            raise DataError(
                f"{where} a tag for each of the {len(tokens)} tokens in {TOKENS}, found {len(tags)}; repair the line"
            )
        if invalid := [tag for tag in tags if not is_tag(tag)]:
            raise DataError(f"{where} tags ({TAG_RULE}), found {invalid[0]!r:.60}; repair the line")


def intent_folders(root: Path) -> list[Path]:
    """The folders with sentences: the folder itself, and its subfolders, in the order of their names."""
    subfolders = sorted(path for path in root.iterdir() if not path.name.startswith(".")) if root.is_dir() else []
    return [folder for folder in (root, *subfolders) if (folder / TOKENS).is_file()]
