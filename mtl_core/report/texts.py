"""Texts of a tagging task, with the places of their tokens."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.arrow import as_strings
from mtl_core.text.tokenizer import token_offsets, tokenizer


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Some rows of a column of texts; the strings are converted and tokenised on demand."""

    values: pa.Array
    """The column, (all rows,)."""
    rows: NDArray[np.int64]
    """Its rows that these are, (rows,)."""
    max_tokens: int

    def read(self, indices: NDArray[np.int64]) -> list[tuple[str, NDArray[np.int64]]]:
        """(n,) indices of rows -> their texts, with (tokens, 2) start and end of each token in characters."""
        texts = as_strings(self.values.take(pa.array(self.rows[indices])))
        tokens = tokenizer(self.max_tokens)(texts)
        bounds = zip(tokens.offsets[:-1].tolist(), (tokens.offsets[1:] - 1).tolist(), strict=True)  # without end mark
        return [
            (text, token_offsets(text, tokens.values[start:stop].tolist()))
            for text, (start, stop) in zip(texts.to_pylist(), bounds, strict=True)
        ]
