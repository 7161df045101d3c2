"""A hand-written graph that tags the tokens of two texts by a dictionary, and texts whose spans are known."""

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.serving.example_models import parse

OUTSIDE, B_NAME, I_NAME, B_PLACE, I_PLACE = range(5)

END_MARK = "␃"

VOCABULARY: dict[str, tuple[int, float]] = {
    "play": (OUTSIDE, 0.5),
    "song": (B_NAME, 0.5),
    "so": (I_NAME, 0.25),  # the beginning of another token
    "é": (B_NAME, 0.5),
    "e\u0301": (I_NAME, 0.5),  # é as two characters
    "\U0001f469": (B_PLACE, 0.5),
    "\U0001f680": (I_PLACE, 0.25),
    "❤": (B_NAME, 0.5),
    "\ufe0f": (I_NAME, 0.5),  # a variation selector
    "\U0001f3fd": (I_PLACE, 0.5),  # a skin tone
    "שלום": (B_PLACE, 0.5),
    "عليكم": (I_PLACE, 0.5),
    "東京": (B_PLACE, 1.0),
    ".": (I_PLACE, 0.5),
    END_MARK: (I_NAME, 0.5),
    "undefined": (B_NAME, math.nan),
}
"""Token -> its tag and probability in `slots` and `heading`; outside with probability 1 for other tokens."""

_INVISIBLE = [" ", "\n", "\t", "\xa0", "\u3000", "\u200d", "\u200b", "\u202e", "\ufeff", "\x00", "\x1b", "\x85"]

_SPANS = {"kind": "tagging", "form": "spans", "unit": "probability", "level": "token"}
_SLOTS = {**_SPANS, "labels": ["name", "place"]}

TEXTS: dict[str, Any] = {
    "format": 5,
    "name": "texts",
    "version_of_trunkline": "0.1.0",
    "inputs": [
        {"name": "text", "type": "text", "max_tokens": 100_000},
        {"name": "title", "type": "text", "max_tokens": 100_000},
        {"name": "words", "type": "strings"},
    ],
    "outputs": [
        {"name": "slots", **_SLOTS, "sequence": "text", "tokens": "text_tokens"},
        {"name": "verbs", **_SPANS, "labels": ["verb"], "sequence": "text", "tokens": "text_tokens"},
        {"name": "heading", **_SLOTS, "sequence": "title", "tokens": "title_tokens"},
        {"name": "count", "kind": "regression", "form": "number", "unit": ""},
    ],
}


def texts() -> bytes:
    """Graph with slots and heading = the tags of VOCABULARY; verbs: "play"; count = words that are not empty."""
    tags = {token: float(tag) for token, (tag, _) in VOCABULARY.items()}
    probabilities = {token: probability for token, (_, probability) in VOCABULARY.items()}
    return parse(f"""
        texts (string[rows] text, string[rows] title, string[rows, longest] words)
            => (float[rows, l, 2] slots, float[rows, l, 2] verbs, float[rows, t, 2] heading, float[rows] count,
                string[rows, l] text_tokens, string[rows, t] title_tokens)
            <string mark = {{" {END_MARK}"}}, int64[1] axis = {{1}}, int64[1] last = {{-1}}>
        {{
            {_tokenizer("text")}
            {_tokenizer("title")}
            {_tagger("slots", "text_tokens", tags, probabilities)}
            {_tagger("heading", "title_tokens", tags, probabilities)}
            {_tagger("verbs", "text_tokens", {"play": 1.0}, {"play": 0.5})}
            ones = ai.onnx.ml.LabelEncoder <keys_strings = [""], values_floats = [0.0], default_float = 1.0> (words)
            count = ReduceSum <keepdims = 0> (ones, axis)
        }}
    """)


def _tokenizer(text: str) -> str:
    return rf"""
        {text}_marked = StringConcat ({text}, mark)
        {text}_tokens = com.microsoft.Tokenizer <mark = 0, mincharnum = 1, pad_value = "",
            tokenexp = "[\\p{{L}}\\p{{M}}\\p{{N}}]+|[^\\s\\p{{Z}}\\p{{C}}\\p{{L}}\\p{{M}}\\p{{N}}]"> ({text}_marked)
    """


def _tagger(task: str, tokens: str, tags: dict[str, float], probabilities: dict[str, float]) -> str:
    keys = json.dumps(list(tags), ensure_ascii=False)
    return f"""
        {task}_tags = ai.onnx.ml.LabelEncoder
            <keys_strings = {keys}, values_floats = {list(tags.values())}, default_float = 0.0> ({tokens})
        {task}_probabilities = ai.onnx.ml.LabelEncoder
            <keys_strings = {keys}, values_floats = {list(probabilities.values())}, default_float = 1.0> ({tokens})
        {task}_tags_column = Unsqueeze ({task}_tags, last)
        {task}_probabilities_column = Unsqueeze ({task}_probabilities, last)
        {task} = Concat <axis = -1> ({task}_tags_column, {task}_probabilities_column)
    """


def joined(pieces: Sequence[tuple[str, str]]) -> tuple[str, Any]:
    """A text and its value of `slots`, from pieces of invisible characters and a token.

    Offsets follow from the lengths of the pieces, and spans are found by a regular expression over the tags.
    """
    text, offsets = "", []
    for gap, token in pieces:
        needs_gap = text and not gap and _is_word(text[-1]) and _is_word(token[0])
        text += " " if needs_gap else gap
        offsets.append((len(text), len(text) + len(token)))
        text += token
    tagged = [VOCABULARY.get(token, (OUTSIDE, 1.0)) for _, token in pieces]
    if any(math.isnan(probability) for _, probability in tagged):
        return text, None
    spans = []
    for match in re.finditer("[12]2*|[34]4*", "".join(str(tag) for tag, _ in tagged)):
        start, end = offsets[match.start()][0], offsets[match.end() - 1][1]
        label = "name" if match[0][0] in "12" else "place"
        probability = math.prod(probability for _, probability in tagged[match.start() : match.end()])
        spans.append({"start": start, "end": end, "label": label, "text": text[start:end], "probability": probability})
    return text, spans


def _is_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


_GAPS = st.text(st.sampled_from(_INVISIBLE), max_size=3)
_TOKENS = st.sampled_from(sorted(VOCABULARY)) | st.sampled_from(["a", "٣", "-"])
_PIECES = st.lists(st.tuples(_GAPS, _TOKENS), max_size=8)

TAGGED_TEXTS = st.builds(lambda tagged, gap: (tagged[0] + gap, tagged[1]), st.builds(joined, _PIECES), _GAPS)
"""A text that ends in any invisible characters, and its value of `slots`."""
