"""Fitted word vectors of a text feature, as `encoder.json` stores them."""

from collections.abc import Sequence
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from mtl_core.errors import DataError
from mtl_core.frozen import Frozen
from mtl_core.text.vectors import VectorFile, standardized


class WordVectors(Frozen):
    """A vector for each word of a vocabulary, of mean 0 and standard deviation 1 over all words; NaN for no vector."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    width: int
    values: bytes
    """(words, width) little-endian float16, row by row."""

    @classmethod
    def of(cls, words: Sequence[str], file: VectorFile) -> Self:
        """The vectors of the words, which are in lower case."""
        rows, width = file.rows, file.values.shape[1]
        values = np.full((len(words), width), np.nan, dtype="<f2")
        present = [index for index, word in enumerate(words) if word in rows]
        if not present:
            raise DataError(
                f"must have words that are tokens of texts, found none among {len(file.words):,}, as "
                f"{file.words[0]!r:.40}; write a word without blanks and signs on each line"
            )
        values[present] = standardized(file.values[[rows[words[index]] for index in present]])
        return cls(width=width, values=values.tobytes())

    @cached_property
    def array(self) -> NDArray[np.float32]:
        """(words, width) of the vectors."""
        return np.frombuffer(self.values, dtype="<f2").reshape(-1, self.width).astype(np.float32)
