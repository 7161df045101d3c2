"""Files of tokens with tags, read as text with labelled spans of characters."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pyarrow as pa

from mtl_core.arrow import is_text
from mtl_core.config.data import Csv
from mtl_core.data.cells import without_nulls
from mtl_core.data.tag_schemes import token_spans
from mtl_core.errors import DataError

ROWS = 1 << 14
"""Rows of a batch."""
SPANS = pa.list_(pa.struct({"start": pa.int64(), "end": pa.int64(), "label": pa.string()}))
"""Type of a column of spans: from the character `start` to before the character `end`, counted in code points."""
_BLANKS = re.compile(r"[ \t]+")


class TaggedText(NamedTuple):
    """A row: tokens, a tag for each, the file or folder that they are from, and a label of the text."""

    tokens: Sequence[str]
    tags: Sequence[str]
    file: str
    label: str | None = None

    @property
    def text(self) -> str:
        """The tokens, joined by spaces."""
        return " ".join(self.tokens)

    @property
    def spans(self) -> list[dict[str, Any]]:
        """The spans of the tags, in characters of the text."""
        starts, position = [], 0
        for token in self.tokens:
            starts.append(position)
            position += len(token) + 1
        return [
            {
                "start": starts[span.first],
                "end": starts[span.last] + len(self.tokens[span.last]),
                "label": span.label,
            }
            for span in token_spans(self.tags)
        ]


@dataclass(frozen=True)
class TaggedFile(ABC):
    """A file, or a folder with files, of one format of tagged tokens. Its columns are attributes of TaggedText."""

    path: Path
    csv: Csv

    types: ClassVar[pa.Schema]
    """Types of the columns, which the format defines."""

    @abstractmethod
    def rows(self) -> Iterator[TaggedText]:
        """The rows in order; DataError for a line that violates the format."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.types.names)

    def is_empty(self, column: str) -> bool:
        """False: the format defines the type of every column, whatever its values."""
        return False

    def batches(self, columns: Sequence[str], dictionaries: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """Batches of the columns; text has null for the words for missing values."""
        schema, rows = pa.schema([self.types.field(column) for column in columns]), self.rows()
        while batch_rows := list(islice(rows, ROWS)):
            batch = pa.RecordBatch.from_pylist(
                [{name: getattr(row, name) for name in columns} for row in batch_rows], schema
            )
            arrays = [without_nulls(each, self.csv) if is_text(each.type) else each for each in batch.columns]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def read_lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines of a text file, without a byte order mark; DataError for a file that cannot be read."""
    try:
        with path.open(encoding=encoding) as file:
            for number, line in enumerate(file):
                yield line if number else line.removeprefix("\ufeff")
    except UnicodeError as error:
        raise DataError(
            f"{path}: must be {encoding} text, found a byte that is not ({error!s:.80}); declare its encoding, as in "
            "data.csv: {encoding: latin-1}, or write the file as utf-8"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: must be a readable file, found: {error}; repair or remove it") from None


def split_cells(line: str) -> list[str]:
    """The cells of a line, separated by spaces or tabs; none for a blank line."""
    # Other blanks of Unicode do not separate: a token may be or contain a no-break space.
    stripped = line.strip(" \t\r\n")
    return _BLANKS.split(stripped) if stripped else []
