"""Texts for tests of tokens: any assigned characters, with the difficult ones often, and a tokenizer in Python."""

import unicodedata

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

SINGLE = ("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "HENTAIGANA", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA")
"""Beginnings of the names of letters that are tokens alone."""
COMMON = "\u30fc\uff70"
"""Marks of long vowels, which are letters of no script."""
PARTS = (
    *("a", "B", "word", "iPhone", "McDonald", "2024", "3.5", "don't", "e-mail", "e\u0301", "\u0301", "\u00e9"),
    *("\u00df", "\u1e9e", "\u0130", "\u0131", "\ufb01", "\u0149", "\u01c5", "\u03a3\u0391\u03a3", "\u03c2"),
    *("\U0001f469\u200d\U0001f680", "\u2764\ufe0f", "\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd", "\u200d"),
    *("\u05e9\u05dc\u05d5\u05dd", "\u0645\u064e\u0631\u062d\u0628\u064b\u0627", "\u202e", "\u200f", "\u0e44\u0e17"),
    *("\u5317\u4eac", "\u3042", "\u30e9\u30fc\u30e1\u30f3", "\uff76\uff9e", "\u3005", "\u1100\u1161", "\ud55c\uae00"),
    *(" ", "  ", "\t", "\n", "\r\n", "\x0b", "\xa0", "\u2028", "\u3000", "\ufeff", "\x00", "\x07", "\x85", "\xad"),
    *("\u2403", "!", "...", "\u00bf", "$", "\u20ac", "_", "\\", '"', "<\u0338", "\u0663", "\u2167", "\u00bd", "\ue000"),
)
"""Parts of difficult texts."""


def is_known(character: str) -> bool:
    """True for characters with the same class in all versions of Unicode from 14 to 15.1, of Python and of RE2."""
    return unicodedata.category(character) not in ("Cs", "Cn") and not 0x2EBF0 <= ord(character) <= 0x2EE5D


characters: SearchStrategy[str] = st.characters(exclude_categories=["Cs", "Cn"]).filter(is_known)
texts: SearchStrategy[str] = st.lists(st.one_of(st.sampled_from(PARTS), characters), max_size=12).map("".join)
"""Any text, often of parts that tokenizers cut differently."""


def random_texts(rows: int, seed: int = 0) -> list[str]:
    """Texts of up to 30 parts, or characters of any class."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, 0x30000, 4 * rows).tolist()
    known = [chr(code) for code in codes if not 0xD800 <= code < 0xE000 and is_known(chr(code))]
    pool = np.array([*PARTS * 20, *known], object)
    return ["".join(generator.choice(pool, generator.integers(0, 31))) for _ in range(rows)]


def reference_tokens(text: str) -> list[str]:
    """The tokens of a text by Python's table of characters: without the end mark and without a maximum."""
    tokens: list[str] = []
    is_open = False
    for character in text:
        kind = _kind(character)
        if kind == "word" and is_open:
            tokens[-1] += character
        elif kind != "blank":
            tokens.append(character)
        is_open = kind == "word"
    return tokens


def _kind(character: str) -> str:
    """`word` for what is joined, `single`, or `blank` for what is no token."""
    category = unicodedata.category(character)
    if category[0] == "L" and _is_of_single_script(character):
        return "single"
    if category[0] in "LMN":
        return "word"
    # An unassigned character is a sign, so that the emoji of next year are tokens.
    return "blank" if category[0] in "ZC" and category != "Cn" else "single"


def _is_of_single_script(character: str) -> bool:
    if character in COMMON + "\uff9e\uff9f":
        return False
    return unicodedata.name(character, "").startswith(SINGLE) or character in "\u3005\u303b\U00016fe3"
