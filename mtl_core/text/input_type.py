"""The input type of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.input_types import ADVERSARIAL_STRINGS, StringInput
from mtl_core.ragged import TOKEN_CELLS
from mtl_core.text.tokenizer import max_item_counts, token_nodes, tokenizer

if TYPE_CHECKING:
    from mtl_core.graphs.builder import GraphBuilder

ADVERSARIAL_TEXTS = (
    *ADVERSARIAL_STRINGS,
    "\u2403",
    "a\u0301bc e\u0301 \u0301",
    "\U0001f469\u200d\U0001f680 \u2764\ufe0f!?",
    "\u05e9\u05dc\u05d5\u05dd \u202e123\u202c abc",
    "\u5317\u4eac2024 \u304b\u306a \u30ab\u30ca",
    "tab\tnul\0bell\x07line\nend",
    "\ufb01 \u0130stanbul STRASSE stra\u00dfe",
    "? ! . , " * 400,
)


@dataclass(frozen=True)
class TextInput(StringInput):
    """A text, the empty one where it is missing. Its items are its tokens and an end mark."""

    name: ClassVar[str] = "text"
    is_sequence: ClassVar[bool] = True
    has_tokens: ClassVar[bool] = True
    max_tokens: int

    def signature(self) -> dict[str, Any]:
        return {"type": self.name, "max_tokens": self.max_tokens}

    def lengths(self, values: pa.Array) -> NDArray[np.int64]:
        return tokenizer(self.max_tokens)(values).lengths

    def cells(self, values: pa.Array, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        # The graph pads all rows to the longest one before it cuts it, and a character may be a token.
        return np.maximum(lengths * TOKEN_CELLS, max_item_counts(values))

    def token_nodes(self, graph: GraphBuilder, value: str) -> str:
        return token_nodes(graph, value, self.max_tokens)

    def adversarial(self) -> pa.Array:
        return pa.array(ADVERSARIAL_TEXTS, pa.string())
