"""Texts of a tagging task, with the offsets of their tokens."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.arrow import as_strings
from mtl_core.text.tokenizer import token_offsets, tokenizer, tokens_by_text


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Rows of a column of texts, converted to strings and tokenised on demand."""

    values: pa.Array
    """The column, (all rows,)."""
    rows: NDArray[np.int64]
    """Indices of the rows in the column, (rows,)."""
    max_tokens: int

    def read(self, indices: NDArray[np.int64]) -> list[tuple[str, NDArray[np.int64]]]:
        """(n,) indices of rows -> their texts, with (tokens, 2) start and end of each token in characters."""
        texts = as_strings(self.values.take(pa.array(self.rows[indices])))
        tokens = tokenizer(self.max_tokens)(texts)
        return [
            (text, token_offsets(text, of_text))
            for text, of_text in zip(texts.to_pylist(), tokens_by_text(tokens), strict=True)
        ]
