"""Tokenizer: nodes that cut texts into tokens, in the exported graph and in training.

The exported graph and `prepare` run the same nodes in ONNX Runtime, so that the tokens are equal by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings
from mtl_core.graphs.builder import GraphBuilder
from mtl_core.graphs.runtime import Session, open_graph
from mtl_core.input_types import StringInput
from mtl_core.ragged import Ragged, row_ranges

END = "\u2403"
"""The last token of every text, so that an empty text has a token too."""
_SINGLE = r"\p{Han}\p{Hiragana}\p{Katakana}"
"""Scripts without blanks between words: every character is a token."""
PATTERN = rf"(?:[^\P{{L}}{_SINGLE}]|[\p{{M}}\p{{N}}])+|[{_SINGLE}]|[^\s\p{{Z}}\p{{C}}\p{{L}}\p{{M}}\p{{N}}]"
"""A token, in the syntax of RE2: letters, marks and digits together, or any other visible character."""
MAX_CHARACTERS = 1 << 18
"""Maximum characters of a call of a graph that reads texts: rows times the longest row."""


def token_nodes(graph: GraphBuilder, texts: str, max_tokens: int) -> str:
    """(rows,) strings -> (rows, L) strings: at most `max_tokens` tokens, then END, then "" to the longest row.

    Features that read the same texts share the nodes.
    """
    return graph.once(("tokens", texts, max_tokens), lambda: _token_nodes(graph, texts, max_tokens))


def _token_nodes(graph: GraphBuilder, texts: str, max_tokens: int) -> str:
    ended = graph.add("StringConcat", texts, graph.constant(f" {END}", np.object_))
    tokens = graph.add_strings("Tokenizer", ended, 2, mark=0, mincharnum=1, pad_value="", tokenexp=PATTERN)
    start, stop, axis = (graph.constant([value], np.int64) for value in (0, max_tokens + 1, 1))
    tokens = graph.add("Slice", tokens, start, stop, axis)
    present = graph.cast(graph.add("RegexFullMatch", tokens, pattern="(?s).+"), np.int64)
    # Number of tokens from here to the end of the row: 1 at the last token, 0 in the padding.
    remaining = graph.add("CumSum", present, graph.constant(1, np.int64), reverse=1)
    is_last = graph.add("Equal", remaining, graph.constant(1, np.int64))
    return graph.add("Where", is_last, graph.constant(END, np.object_), tokens)


def text_session(
    nodes: Callable[[GraphBuilder, str], str], dtype: np.dtype[Any], shape: tuple[int, ...] = ()
) -> Session:
    """A session of nodes that read `text`, (rows,) strings, and give (rows, L, *shape) of that type."""
    from onnx import helper

    graph = GraphBuilder()
    output = nodes(graph, graph.input("text", StringInput()))
    element = helper.np_dtype_to_tensor_dtype(dtype)
    info = helper.make_tensor_value_info(output, element, ["rows", "items", *shape])
    return open_graph(graph.model([info]).SerializeToString())


def run_texts(session: Session, texts: pa.Array, is_item: Callable[[NDArray[Any]], NDArray[np.bool_]]) -> Ragged:
    """(rows,) strings -> the items of each row, by a graph with the input `text` and one output (rows, L, ...).

    Texts of similar length run together, since the longest text of a call pads all its rows.

    Args:
        is_item: the output -> (rows, L) mask of what is not padding.
    """
    texts = as_strings(texts)
    sizes = max_item_counts(texts)
    order = np.argsort(sizes, kind="stable")
    values, lengths = [], []
    for start, stop in row_ranges(sizes[order], max(1, len(order)), MAX_CHARACTERS):
        batch = texts.take(pa.array(order[start:stop])).to_numpy(zero_copy_only=False)
        (padded,) = session.run(None, {"text": batch})
        mask = is_item(padded)
        values.append(padded[mask])
        lengths.append(mask.sum(axis=1))
    if not values:
        (padded,) = session.run(None, {"text": np.array([""], object)})
        return Ragged.from_lengths(padded[0, :0], np.zeros(0, np.int64))
    return Ragged.from_lengths(np.concatenate(values), np.concatenate(lengths)).take(np.argsort(order))


def max_item_counts(texts: pa.Array) -> NDArray[np.int64]:
    """(rows,) strings -> (rows,) maximum number of tokens, end mark included: the number of characters, and one."""
    return np.asarray(pc.utf8_length(as_strings(texts)).to_numpy(zero_copy_only=False), dtype=np.int64) + 1


class Tokenizer:
    """The nodes of `token_nodes` in a session."""

    def __init__(self, max_tokens: int) -> None:
        self._session = text_session(lambda graph, text: token_nodes(graph, text, max_tokens), np.dtype(np.object_))

    def __call__(self, texts: pa.Array) -> Ragged:
        """(rows,) strings -> the tokens of each row as str objects, the last one END."""
        return run_texts(self._session, texts, lambda tokens: tokens != "")


@lru_cache(maxsize=8)
def tokenizer(max_tokens: int) -> Tokenizer:
    """The tokenizer for that maximum number of tokens."""
    return Tokenizer(max_tokens)


def tokens_by_text(tokens: Ragged) -> Iterator[list[str]]:
    """The tokens of each text, as a tokenizer gives them, without the end mark."""
    for start, stop in pairwise(tokens.offsets.tolist()):
        yield tokens.values[start : stop - 1].tolist()


def token_offsets(text: str, tokens: list[str]) -> NDArray[np.int64]:
    """(tokens, 2) start and end of each token in the text, in characters (code points).

    Each token is searched from the end of the token before it, since no token has the characters between two tokens.
    """
    offsets = np.zeros((len(tokens), 2), dtype=np.int64)
    end = 0
    for index, token in enumerate(tokens):
        start = text.index(token, end)
        end = start + len(token)
        offsets[index] = start, end
    return offsets
